"""Finding and reading checkpoints that TensorFlow 1 wrote.

TensorFlow is imported by the functions that read files: students and mentors
import this module, and run under every Keras back end.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mentornet_tf.errors import UserError
from mentornet_tf.internal import checkpoint_files
from mentornet_tf.internal.reasons import reason

if TYPE_CHECKING:
  import tensorflow as tf

# Only checkpoints of TensorFlow 2's objects hold this entry.
_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


def newest_prefix(folder: str | os.PathLike[str]) -> str | None:
  """Prefix of the checkpoint named in a folder's `checkpoint` file, if any.

  Raises:
    UserError: the file is damaged.
  """
  try:
    prefixes = checkpoint_files.read_state(folder)
  except checkpoint_files.DamagedStateError as error:
    raise UserError(
      f"{error}; copy this file again, or give the checkpoint's prefix"
    ) from error
  if prefixes and checkpoint_files.exists(prefixes[-1]):
    return prefixes[-1]
  return None


def checkpoint_prefix(path: str | os.PathLike[str]) -> str:
  """The prefix of the TensorFlow 1 checkpoint at a folder or prefix.

  Raises:
    UserError: if there is none.
  """
  text = str(path)
  if not Path(text).is_dir():
    prefix = text.removesuffix(".index")
    if Path(prefix + ".index").is_file():
      return prefix
    raise UserError(
      f"{text}: expected a TensorFlow 1 checkpoint, got no file "
      f"{prefix}.index; give a folder that holds a file named 'checkpoint', or "
      "a prefix such as folder/mentornet.model-30000"
    )
  newest = newest_prefix(text)
  if newest is None:
    raise UserError(
      f"{text}: expected a folder with a TensorFlow 1 checkpoint, got one "
      "whose file 'checkpoint' is missing or names files that are not there; "
      "give the checkpoint's prefix, such as folder/mentornet.model-30000"
    )
  return newest


def is_tf1_checkpoint(prefix: str) -> bool:
  """Whether the checkpoint at `prefix` identifies variables by name only.

  Raises:
    UserError: if the checkpoint is damaged.
  """
  with _reading(prefix) as reader:
    return _OBJECT_GRAPH not in reader.get_variable_to_shape_map()


def read_variables(
  prefix: str, wanted: Callable[[str], bool]
) -> dict[str, np.ndarray]:
  """Values of the variables whose names are `wanted`, sorted by name.

  Raises:
    UserError: if the checkpoint is damaged.
  """
  with _reading(prefix) as reader:
    return {
      name: reader.get_tensor(name)
      for name in sorted(reader.get_variable_to_shape_map())
      if wanted(name)
    }


@contextmanager
def _reading(prefix: str) -> Iterator["tf.train.CheckpointReader"]:
  import tensorflow as tf

  try:
    with checkpoint_files.reading(prefix) as reader:
      yield reader
  except (tf.errors.OpError, LookupError, RuntimeError, ValueError) as error:
    raise UserError(
      f"{prefix}: expected a complete TensorFlow 1 checkpoint, got a damaged "
      f"one ({reason(error)}); copy its .index and .data files again"
    ) from error
