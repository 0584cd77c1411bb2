import pytest

from mentornet_tf.datasets.trees.wordnet_classes import (
  read_class_choice,
  read_synsets,
)
from mentornet_tf.errors import UserError


@pytest.fixture
def synsets(tmp_path):
  path = tmp_path / "synsets.txt"
  path.write_text("n01440764 tench, Tinca tinca\nn00000007 crane\nn00000003\n")
  return path


def test_a_line_is_an_id_and_names(synsets):
  classes = read_synsets(synsets)
  assert classes.wordnet_ids == ("n01440764", "n00000007", "n00000003")
  assert classes.names == ("tench, Tinca tinca", "crane", "n00000003")
  assert len(classes) == 3


@pytest.mark.parametrize(
  ("chosen", "labels"),
  [
    (["2", "0"], [0, 2]),
    (["n00000003", "n01440764", "2"], [0, 2]),
    (["1"], [1]),
  ],
)
def test_classes_are_found_by_label_or_id(synsets, chosen, labels):
  assert read_synsets(synsets).find(chosen) == labels


@pytest.mark.parametrize("each", ["3", "-1", "n99999999", "tench", "²"])
def test_what_is_no_class(synsets, each):
  with pytest.raises(UserError, match=r"labels from 0 to 2 .*got '"):
    read_synsets(synsets).find(["1", each])


@pytest.mark.parametrize(
  ("text", "words"),
  [
    ("", "a line for each class, got an empty file"),
    ("n01440764 tench\ntench\n", "line 2: expected a WordNet id .*'tench'"),
    ("n0144076 tench\n", "line 1: expected a WordNet id"),
    ("n01440764 tench\n\n", "line 2: expected a WordNet id"),
  ],
)
def test_unusable_lists_of_synsets(tmp_path, text, words):
  (tmp_path / "synsets.txt").write_text(text)
  with pytest.raises(UserError, match=words):
    read_synsets(tmp_path / "synsets.txt")


def test_lists_may_begin_with_a_byte_order_mark(tmp_path):
  path = tmp_path / "synsets.txt"
  path.write_text("n01440764 tench\nn00000007 crane\n", encoding="utf-8-sig")
  assert read_synsets(path).names == ("tench", "crane")
  path.write_text("n01440764\n7", encoding="utf-8-sig")
  assert read_class_choice(str(path)) == ["n01440764", "7"]


def test_a_choice_of_other_bytes_is_refused(tmp_path):
  (tmp_path / "choice").write_bytes(b"\x7fELF\xff")
  with pytest.raises(UserError, match="got other bytes; correct the path"):
    read_class_choice(str(tmp_path / "choice"))


def test_missing_list_of_synsets(tmp_path):
  with pytest.raises(UserError, match=r"synsets\.txt, got no such file"):
    read_synsets(tmp_path / "synsets.txt")


def test_choices_come_as_text_or_file(tmp_path):
  assert read_class_choice("0,7, n01440764") == ["0", "7", "n01440764"]
  (tmp_path / "choice").write_text("7\nn01440764, 9\n")
  assert read_class_choice(str(tmp_path / "choice")) == ["7", "n01440764", "9"]
  with pytest.raises(UserError, match="at least one in"):
    read_class_choice(" ,")
