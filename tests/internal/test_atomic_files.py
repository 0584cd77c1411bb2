"""Files appear whole or not at all."""

import errno
import os

import pytest

from mentornet_tf.errors import UserError
from mentornet_tf.internal import atomic_files
from mentornet_tf.internal.atomic_files import (
  creatable_folder,
  naming,
  new_folder,
  replacing,
  writable_file,
)


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


def full_disk():
  raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_names_the_file_that_was_to_be(tmp_path):
  for write in (replacing, new_folder, naming):
    with (
      pytest.raises(OSError, match="No space left") as caught,
      write(tmp_path / "wanted"),
    ):
      full_disk()
    assert caught.value.filename == str(tmp_path / "wanted")
    assert not list(tmp_path.iterdir())


def test_the_temporary_name_is_not_shown(tmp_path):
  with (
    pytest.raises(FileNotFoundError) as caught,
    replacing(tmp_path / "missing" / "file") as partial,
  ):
    partial.write_text("")
  assert caught.value.filename == str(tmp_path / "missing" / "file")


def test_errors_of_other_files_keep_their_names(tmp_path):
  with pytest.raises(FileNotFoundError) as caught, naming(tmp_path / "one"):
    (tmp_path / "other").read_text()
  assert caught.value.filename == str(tmp_path / "other")


def test_folders_are_checked_without_being_made(tmp_path, monkeypatch):
  wanted = tmp_path / "a" / "b"
  assert creatable_folder(wanted) == wanted
  assert not list(tmp_path.iterdir())
  (tmp_path / "a").write_text("")
  with pytest.raises(UserError, match=r"a, which is a file; choose another"):
    creatable_folder(wanted)
  monkeypatch.setattr("os.access", lambda path, mode: False)
  with pytest.raises(UserError, match=f"no write permission in {tmp_path};"):
    creatable_folder(tmp_path / "c" / "d")


def test_files_are_checked_without_being_made(tmp_path, monkeypatch):
  assert writable_file(tmp_path / "f") == tmp_path / "f"
  assert not list(tmp_path.iterdir())
  for path, words in (
    (tmp_path, "got a folder;"),
    (tmp_path / "no" / "f", "got a path in no existing folder;"),
  ):
    with pytest.raises(UserError, match=words):
      writable_file(path)
  monkeypatch.setattr("os.access", lambda path, mode: False)
  with pytest.raises(UserError, match="without write permission"):
    writable_file(tmp_path / "f")
