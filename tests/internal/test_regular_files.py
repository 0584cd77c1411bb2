"""Only files are opened; what would be waited for is refused."""

import os
import socket

import pytest

from mentornet_tf.errors import UserError
from mentornet_tf.internal.regular_files import check_regular, open_regular


def test_a_file_opens_also_through_a_link(tmp_path):
  (tmp_path / "file").write_bytes(b"abc")
  (tmp_path / "link").symlink_to(tmp_path / "file")
  assert check_regular(tmp_path / "link") == tmp_path / "link"
  with open_regular(str(tmp_path / "link")) as file:
    assert file.read() == b"abc"


@pytest.mark.parametrize("kind", ["pipe", "socket", "folder", "device"])
def test_anything_else_is_refused_by_its_kind(tmp_path, kind):
  path = tmp_path / "it"
  if kind == "pipe":
    os.mkfifo(path)
  elif kind == "socket":
    with socket.socket(socket.AF_UNIX) as server:
      server.bind(str(path))
  elif kind == "folder":
    path.mkdir()
  else:
    path.symlink_to(os.devnull)
  with pytest.raises(UserError, match=f"it: expected a file, got a {kind};"):
    open_regular(path)


def test_a_missing_file_is_missing(tmp_path):
  with pytest.raises(FileNotFoundError):
    open_regular(tmp_path / "it")
