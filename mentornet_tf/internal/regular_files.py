"""Opening files from outside, which may be anything.

A pipe that nobody writes to would be waited for without end, and a device such
as /dev/zero gives bytes for ever.
"""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from mentornet_tf.errors import UserError

_KINDS = {
  stat.S_IFIFO: "a pipe",
  stat.S_IFSOCK: "a socket",
  stat.S_IFCHR: "a device",
  stat.S_IFBLK: "a device",
  stat.S_IFDIR: "a folder",
}


def check_regular(path: str | os.PathLike[str]) -> Path:
  """The path of a file that can be read to its end.

  Raises:
    UserError: it is a pipe, a socket, a device or a folder.
    OSError: it is not there, or cannot be reached.
  """
  kind = stat.S_IFMT(os.stat(path).st_mode)
  if kind in _KINDS:
    raise UserError(
      f"{path}: expected a file, got {_KINDS[kind]}; correct the path, or put "
      "the file there"
    )
  return Path(path)


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
  """Opens a file for reading; fails as `check_regular` does."""
  return check_regular(path).open("rb")
