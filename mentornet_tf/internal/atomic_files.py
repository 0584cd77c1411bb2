"""Files and folders that appear complete or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mentornet_tf.errors import UserError


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
  """Yields a temporary path beside `path`, which replaces `path` at the end.

  The temporary name keeps the suffix, from which some writers infer the format.
  If the body raises, the temporary file is removed and `path` is unchanged.
  """
  path = Path(path)
  partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
  try:
    yield partial
    os.replace(partial, path)
  finally:
    partial.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
  """Writes a file atomically."""
  with replacing(path) as partial:
    partial.write_bytes(data)


def refuse_existing(path: str | os.PathLike[str]) -> None:
  """Raises UserError if `path` exists already."""
  if os.path.lexists(path):
    raise UserError(
      f"{path}: expected the name of a new folder, got one that exists; choose "
      "another or remove it"
    )


def writable_folder(path: str | os.PathLike[str]) -> Path:
  """Makes the folder at `path` unless it exists.

  Raises:
    UserError: it cannot be created, or not be written to.
  """
  path = Path(path)
  try:
    path.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise UserError(
      f"{path}: expected a folder that can be created and written to, got: "
      f"{error.strerror}; choose another folder"
    ) from error
  if not os.access(path, os.W_OK):
    raise UserError(
      f"{path}: expected a folder that can be written to, got no write "
      "permission; choose another folder or change its permissions"
    )
  return path


@contextmanager
def new_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
  """Yields a temporary folder beside `path`, renamed to `path` at the end.

  If the body raises, the temporary folder is removed.

  Raises:
    UserError: `path` exists already.
  """
  refuse_existing(path)
  path = Path(path)
  partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
  partial.mkdir(parents=True)
  try:
    yield partial
    os.rename(partial, path)
  finally:
    shutil.rmtree(partial, ignore_errors=True)
