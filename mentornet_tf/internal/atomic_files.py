"""Files and folders that appear complete or not at all."""

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from mentornet_tf.errors import UserError


@contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
  """Adds the path to an error of the operating system that names no file.

  A full disk is reported as an open file is written to, without its name.
  """
  try:
    yield
  except OSError as error:
    if error.errno is not None and error.filename is None:
      error.filename = os.fspath(path)
    raise


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
  """Yields a temporary path beside `path`, which replaces `path` at the end.

  The temporary name keeps the suffix, from which some writers infer the format.
  If the body raises, the temporary file is removed and `path` is unchanged.
  """
  path = Path(path)
  partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
  try:
    with _meaning(partial, path):
      yield partial
      os.replace(partial, path)
  finally:
    partial.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
  """Writes a file atomically."""
  with replacing(path) as partial:
    partial.write_bytes(data)


def write_array(path: str | os.PathLike[str], array: np.ndarray) -> None:
  """Writes a `.npy` file atomically."""
  # To a file itself, NumPy's error on a full disk would have neither a number
  # nor the file's name.
  file = io.BytesIO()
  np.save(file, array)
  write_bytes(path, file.getvalue())


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
  try:
    with _meaning(partial, path):
      partial.mkdir(parents=True)
      yield partial
      os.rename(partial, path)
  finally:
    shutil.rmtree(partial, ignore_errors=True)


def creatable_folder(path: str | os.PathLike[str]) -> Path:
  """Checks, before the work on its content, that a folder can be written to.

  Makes nothing, so that work that fails leaves nothing behind.

  Raises:
    UserError: it is no folder or cannot be written to; or it is not there and
      cannot be created.
  """
  path = Path(path)
  there = next(
    each for each in (path, *path.absolute().parents) if each.exists()
  )
  if not there.is_dir():
    got = f"{there}, which is a file"
  elif not os.access(there, os.W_OK):
    got = f"no write permission in {there}"
  else:
    return path
  raise UserError(
    f"{path}: expected a folder that can be created and written to, got {got}; "
    "choose another folder or change its permissions"
  )


def writable_file(path: str | os.PathLike[str]) -> Path:
  """Checks, before the work on its content, that a file can be written.

  Raises:
    UserError: it is a folder, or lies in none that can be written to.
  """
  path = Path(path)
  folder = path.parent
  if path.is_dir():
    got = "a folder"
  elif not folder.is_dir():
    got = "a path in no existing folder"
  elif not os.access(folder, os.W_OK):
    got = "one in a folder without write permission"
  else:
    return path
  raise UserError(
    f"{path}: expected a file that can be written, got {got}; choose another"
  )


@contextmanager
def _meaning(partial: Path, path: Path) -> Iterator[None]:
  """Puts `path` for its temporary name in errors of the operating system."""
  try:
    with naming(path):
      yield
  except OSError as error:
    if error.filename == os.fspath(partial):
      error.filename = os.fspath(path)
    raise
