"""A lock on a folder that ends with the process that holds it."""

import errno
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mentornet_tf.errors import UserError

try:
  import fcntl
except ImportError:  # Windows
  fcntl = None  # type: ignore[assignment]

LOCK_FILE = ".lock"

# What file systems without locks answer.
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL)


@contextmanager
def locked(
  folder: str | os.PathLike[str],
  doing: str,
  *,
  file_name: str = LOCK_FILE,
  warn: Callable[[str], Any] = print,
) -> Iterator[None]:
  """Keeps other processes from the same work in a folder.

  The operating system releases the lock when the process ends, however it
  ends. A killed process leaves the file, which locks nothing without it.

  Args:
    folder: an existing folder that can be written to.
    doing: what one process at a time does, such as "train"; for the message.
    file_name: of the lock, in the folder.
    warn: takes a line where the operating or the file system knows no locks.

  Raises:
    UserError: another process, which is named, holds the lock.
  """
  path = Path(folder) / file_name
  if fcntl is None:
    warn(_no_locks(path, "under an operating system", doing))
    yield
    return
  file = _open_alone(path, doing, warn)
  try:
    holder = f"process {os.getpid()} on {socket.gethostname()}"
    os.ftruncate(file, 0)
    os.pwrite(file, holder.encode(), 0)
    yield
  finally:
    # While it is locked: whoever has opened it meanwhile opens it anew.
    if _is_at(path, file):
      path.unlink()
    os.close(file)


def _open_alone(path: Path, doing: str, warn: Callable[[str], Any]) -> int:
  """The lock's file, open and locked."""
  while True:
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
      fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
      holder = _holder(file)
      os.close(file)
      raise UserError(
        f"{path.parent}: expected no other process to {doing} here, got "
        f"{holder} at work; wait for it, stop it, or choose another folder"
      ) from error
    except OSError as error:
      if error.errno not in _NO_LOCKS:
        os.close(file)
        raise
      warn(_no_locks(path, "on a file system", doing))
      return file
    if _is_at(path, file):
      return file
    # It was removed, and perhaps made again, before it was locked.
    os.close(file)


def _no_locks(path: Path, where: str, doing: str) -> str:
  return (
    f"note: {path.parent} is {where} without locks; make sure that no other "
    f"process is going to {doing} there"
  )


def _is_at(path: Path, file: int) -> bool:
  try:
    return os.path.samestat(os.stat(path), os.fstat(file))
  except FileNotFoundError:
    return False


def _holder(file: int) -> str:
  """Who holds the lock, as the holder wrote it."""
  text = os.pread(file, 200, 0).decode(errors="replace")
  return " ".join(text.split()) or "another process"
