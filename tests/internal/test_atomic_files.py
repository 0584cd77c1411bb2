"""Files appear whole or not at all."""

import os

import pytest

from mentornet_tf.internal import atomic_files


def test_the_new_content_takes_the_place_of_the_old(tmp_path):
  path = tmp_path / "file.txt"
  atomic_files.write_bytes(path, b"old")
  with atomic_files.replacing(path) as partial:
    partial.write_bytes(b"new")
    assert partial.suffix == ".txt"
    assert path.read_bytes() == b"old"
  assert path.read_bytes() == b"new"
  assert os.listdir(tmp_path) == ["file.txt"]


def test_a_failure_leaves_the_old_content(tmp_path):
  path = tmp_path / "file.txt"
  atomic_files.write_bytes(path, b"old")
  with pytest.raises(KeyError), atomic_files.replacing(path) as partial:
    partial.write_bytes(b"half")
    raise KeyError
  assert path.read_bytes() == b"old"
  assert os.listdir(tmp_path) == ["file.txt"]


def test_a_missing_folder_names_itself(tmp_path):
  with pytest.raises(FileNotFoundError, match="nosuch"):
    atomic_files.write_bytes(tmp_path / "nosuch" / "file", b"")
