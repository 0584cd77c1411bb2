"""The files of TensorFlow's checkpoints, read where their names are unusual.

TensorFlow takes the path of a checkpoint for a pattern and finds nothing at
`runs/lr[0.1]/model.ckpt-5`. Its `checkpoint` file, which names the checkpoints
of a folder, is read here too, so that a damaged one is told from a missing one.
TensorFlow is imported by the functions that need it, see `tf1_files`.
"""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mentornet_tf.errors import UserError

if TYPE_CHECKING:
  import tensorflow as tf

STATE_FILE = "checkpoint"

# What TensorFlow's file systems take for a pattern.
_PATTERN_CHARACTERS = frozenset("*?[\\")

# A line of the state file: a name and a quoted text, or a number.
_LINE = re.compile(rb'(\w+):\s*(?:"((?:[^"\\]|\\.)*)"|[-+.\w]+)')
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)")


class DamagedStateError(UserError):
  """The `checkpoint` file of a folder does not name checkpoints."""


def read_state(folder: str | os.PathLike[str]) -> list[str] | None:
  """Prefixes that a folder's `checkpoint` file names, the newest last.

  Returns:
    The prefixes, those of files that no longer exist included; None if there
    is no such file. TensorFlow 1 wrote absolute paths: where the folder has
    been moved since, the files of these names in the folder are meant.

  Raises:
    DamagedStateError: the file is empty or garbled.
  """
  path = Path(folder) / STATE_FILE
  if not path.exists():
    return None
  if not path.is_file():
    raise _damaged(path, "no regular file")
  names: list[str] = []
  newest = None
  for line in filter(None, map(bytes.strip, path.read_bytes().split(b"\n"))):
    match = _LINE.fullmatch(line)
    if match is None:
      raise _damaged(path, f"the line {line[:60]!r}")
    if match[1] == b"model_checkpoint_path" and match[2]:
      newest = _unescaped(match[2])
    elif match[1] == b"all_model_checkpoint_paths" and match[2]:
      names.append(_unescaped(match[2]))
  if newest is None:
    raise _damaged(path, "none")
  names = [*(name for name in names if name != newest), newest]
  return [_in_folder(folder, name) for name in names]


def is_pattern(path: str | os.PathLike[str]) -> bool:
  """Whether TensorFlow takes a path for a pattern of several."""
  return not _PATTERN_CHARACTERS.isdisjoint(os.fspath(path))


def exists(prefix: str) -> bool:
  """Whether there is a checkpoint of TensorFlow 2, or of late 1, at `prefix`.

  The index is moved to its place after the data, so it stands for both.
  """
  return os.path.isfile(prefix + ".index")


@contextmanager
def reading(prefix: str) -> Iterator["tf.train.CheckpointReader"]:
  """A reader of the checkpoint at `prefix`, whatever characters that holds.

  Raises:
    Exception: what TensorFlow raises for files that it cannot read.
  """
  import tensorflow as tf

  with _without_pattern(prefix) as plain:
    yield tf.train.load_checkpoint(plain)


@contextmanager
def _without_pattern(prefix: str) -> Iterator[str]:
  """A prefix of the same files that TensorFlow takes literally."""
  if not is_pattern(prefix):
    yield prefix
    return
  folder, name = os.path.split(os.path.abspath(prefix))
  with tempfile.TemporaryDirectory(prefix="checkpoint-") as links:
    if os.path.isdir(folder):
      for file in os.listdir(folder):
        if file == name or file.startswith(name + "."):
          link = os.path.join(links, "linked" + file.removeprefix(name))
          os.symlink(os.path.join(folder, file), link)
    yield os.path.join(links, "linked")


def _in_folder(folder: str | os.PathLike[str], name: str) -> str:
  prefix = os.path.join(folder, name)
  moved = os.path.join(folder, os.path.basename(name))
  return moved if exists(moved) and not exists(prefix) else prefix


def _unescaped(text: bytes) -> str:
  """The text of a protocol buffer's string, as between its quotes."""

  def character(match: re.Match[bytes]) -> bytes:
    code = match[1]
    return bytes([int(code, 8) & 0xFF]) if code.isdigit() else code

  return os.fsdecode(_ESCAPE.sub(character, text))


def _damaged(path: Path, got: str) -> DamagedStateError:
  return DamagedStateError(
    f"{path}: expected the names of checkpoints as TensorFlow writes them, got "
    f"{got}"
  )
