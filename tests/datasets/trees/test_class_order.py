"""The order of classes, and a file that fixes it."""

import os

import pytest

from mentornet_tf.datasets.trees.class_order import (
  describe_classes,
  in_order,
  read_class_names,
)
from mentornet_tf.datasets.trees.split_names import split_of
from mentornet_tf.errors import UserError


def test_numbers_are_ordered_by_value_and_words_as_text():
  assert in_order(["10", "2", "0", "1"]) == ["0", "1", "2", "10"]
  assert in_order(["10", "2", "b"]) == ["10", "2", "b"]


@pytest.mark.parametrize(
  ("names", "line"),
  [
    (("emu",), "1 class (emu)"),
    (("0", "1", "2"), "3 classes (0, 1, 2)"),
    (tuple("abcdef"), "6 classes (a, b, c, …)"),
    (("tench, Tinca tinca", "shark"), "2 classes (tench, shark)"),
  ],
)
def test_classes_are_described_by_the_first(names, line):
  assert describe_classes(names) == line


def test_names_are_read_in_their_order(tmp_path):
  path = tmp_path / "names.txt"
  path.write_text("\ufeffowl\n emu \n\n", encoding="utf-8")
  assert read_class_names(path) == ("owl", "emu")


def test_names_are_read_in_one_form_of_unicode(tmp_path):
  path = tmp_path / "names.txt"
  path.write_text("K\u00e4uzchen\nemu\nKa\u0308uzchen\n", encoding="utf-8")
  with pytest.raises(UserError, match="'K\u00e4uzchen' 2 times"):
    read_class_names(path)
  path.write_text("Ka\u0308uzchen\nemu\n", encoding="utf-8")
  assert read_class_names(path) == ("K\u00e4uzchen", "emu")


@pytest.mark.parametrize(
  "content, message",
  [
    (b"owl\n", "two or more classes"),
    (b"owl\nemu\nowl\n", "'owl' 2 times"),
    (b"\xff\xfe\x00", "text file"),
    (None, "No such file"),
  ],
)
def test_bad_files_are_refused(tmp_path, content, message):
  path = tmp_path / "names.txt"
  if content is not None:
    path.write_bytes(content)
  with pytest.raises(UserError, match=message):
    read_class_names(path)


def test_a_pipe_of_names_is_refused(tmp_path):
  os.mkfifo(tmp_path / "names.txt")
  with pytest.raises(UserError, match="expected a file, got a pipe"):
    read_class_names(tmp_path / "names.txt")


@pytest.mark.parametrize(
  "word, split",
  [("Validation", "val"), ("DEV", "val"), (" train ", "train"), ("meta", None)],
)
def test_usual_words_name_splits(word, split):
  assert split_of(word) == split
