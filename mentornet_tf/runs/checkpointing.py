"""Checkpoints of named variables, restored only if all of them match."""

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from mentornet_tf.errors import UserError
from mentornet_tf.internal import checkpoint_files
from mentornet_tf.internal.atomic_files import write_bytes

_NAME = "model.ckpt"
# Files of a checkpoint, and the folder in which TensorFlow prepares them.
_FILE = re.compile(rf"({re.escape(_NAME)}-\d+)(\.|_temp)")
# Where TensorFlow's object-based checkpoints put the value of a variable.
_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
_BOOK_KEEPING = ("_CHECKPOINTABLE_OBJECT_GRAPH", "save_counter" + _VALUE)

# The errors that TensorFlow raises for files it cannot read.
_UNREADABLE = (tf.errors.OpError, ValueError, RuntimeError, IndexError)

# Group -> variables, or their names in the checkpoint -> variables.
Groups = Mapping[str, Iterable | Mapping[str, Any]]


class DamagedCheckpointError(UserError):
  """The files of a checkpoint cannot be read."""


class CheckpointStore:
  """Writes and restores the checkpoints of one training folder.

  A checkpoint holds the variables of named groups, such as "student" and
  "optimizer". A variable is called `<group>/<position>-<kind>`, for instance
  "student/003-bias": positions are stable, while the numbers in Keras' layer
  names depend on what else the process has built.
  TensorFlow writes to temporary names and moves a checkpoint's index last; the
  `checkpoint` state file follows it, as `tf.train.CheckpointManager` writes it.
  (The manager takes the folder's name for a pattern when it deletes.)

  Args:
    folder: where checkpoints are kept.
    groups: group name -> Keras variables.
    max_to_keep: number of checkpoints to keep; older ones are deleted.
  """

  def __init__(self, folder: Path, groups: Groups, max_to_keep: int = 5):
    self._groups = groups
    self._folder = Path(folder)
    self._max_to_keep = max_to_keep
    self._checkpoint = tf.train.Checkpoint(
      **{
        group: {name: v.value for name, v in named(variables).items()}
        for group, variables in groups.items()
      }
    )

  @property
  def latest(self) -> str | None:
    """Prefix of the newest checkpoint, None if there is none."""
    return latest_checkpoint(self._folder)

  def save(self, step: int) -> str:
    """Writes a checkpoint for `step` and returns its prefix."""
    prefix = self._prefix(step)
    try:
      older = [
        each for each in kept_checkpoints(self._folder) if each != prefix
      ]
      self._checkpoint.write(prefix)
      self._write_state([*older, prefix][-self._max_to_keep :])
      self._remove_leftovers()
    except (tf.errors.OpError, OSError) as error:
      raise UserError(
        f"{self._folder}: cannot write the checkpoint of step {step}"
        f" ({_first_line(error)}); check free space and permissions, then "
        "start again: training continues from the previous checkpoint"
      ) from error
    return prefix

  def _write_state(self, prefixes: list[str]) -> None:
    names = [os.path.basename(prefix) for prefix in prefixes]
    lines = [f'model_checkpoint_path: "{names[-1]}"']
    lines += [f'all_model_checkpoint_paths: "{name}"' for name in names]
    text = "\n".join(lines) + "\n"
    write_bytes(self._folder / checkpoint_files.STATE_FILE, text.encode())

  def restore_latest(self, warn: Callable[[str], Any] = print) -> int:
    """Loads the newest checkpoint that can be read.

    Args:
      warn: takes a line per damaged checkpoint that is skipped.

    Returns:
      The step of the checkpoint, 0 if there is none.

    Raises:
      UserError: a checkpoint does not fit, or all of them are damaged.
    """
    self._remove_leftovers()
    failure = None
    for prefix in reversed(kept_checkpoints(self._folder, warn)):
      try:
        restore(prefix, self._groups)
      except DamagedCheckpointError as error:
        warn(f"warning: {error}")
        failure = error
      else:
        return checkpoint_step(prefix)
    if failure is not None:
      raise failure
    return 0

  def restore_step(self, step: int) -> None:
    """Loads the checkpoint of `step`.

    Raises:
      UserError: it does not fit, or is missing or damaged.
    """
    restore(self._prefix(step), self._groups)

  def _prefix(self, step: int) -> str:
    return str(self._folder / f"{_NAME}-{step}")

  def _remove_leftovers(self) -> None:
    """Deletes the files of checkpoints that are old or were interrupted."""
    kept = {os.path.basename(p) for p in kept_checkpoints(self._folder)}
    for path in self._folder.iterdir():
      match = _FILE.match(path.name)
      if match and match[1] not in kept:
        if path.is_dir():
          shutil.rmtree(path)
        else:
          path.unlink()


def checkpoint_step(prefix: str) -> int:
  """The step in a checkpoint's name: 2000 for `…/model.ckpt-2000`."""
  step = os.path.basename(prefix).rpartition("-")[2]
  if not step.isdigit():
    raise UserError(
      f"{prefix}: expected a checkpoint named like model.ckpt-2000, got a name "
      "without a step"
    )
  return int(step)


def latest_checkpoint(folder: str | os.PathLike) -> str | None:
  """Prefix of the newest complete checkpoint in `folder`, if any."""
  return next(reversed(kept_checkpoints(folder)), None)


def kept_checkpoints(
  folder: str | os.PathLike, warn: Callable[[str], Any] = lambda line: None
) -> list[str]:
  """Prefixes of all complete checkpoints in `folder`, oldest first.

  They are those that the `checkpoint` state file names. Where that file is
  damaged or missing, or names none that is there, they are those whose files
  are there, by their steps.

  Args:
    folder: a training folder.
    warn: takes a line where the state file is of no use.
  """
  by_files = _prefixes_of_files(Path(folder))
  newest = os.path.basename(by_files[-1]) if by_files else "none"
  advice = f"the newest checkpoint is by its files {newest}"
  try:
    named = checkpoint_files.read_state(folder)
  except checkpoint_files.DamagedStateError as error:
    warn(f"warning: {error}; {advice}")
    return by_files
  if named is None:
    return by_files
  kept = [prefix for prefix in named if checkpoint_files.exists(prefix)]
  if named and by_files and not kept:
    state = Path(folder) / checkpoint_files.STATE_FILE
    warn(
      f"warning: {state}: expected the names of checkpoints in its folder, got "
      f"{named[-1][-80:]}, which is not there; {advice}"
    )
    return by_files
  return kept


def _prefixes_of_files(folder: Path) -> list[str]:
  prefixes = [
    str(path.with_suffix("")) for path in folder.glob(f"{_NAME}-*.index")
  ]
  numbered = [p for p in prefixes if p.rpartition("-")[2].isdigit()]
  whole = filter(checkpoint_files.exists, numbered)
  return sorted(whole, key=checkpoint_step)


@contextmanager
def open_checkpoint(prefix: str) -> Iterator[Any]:
  """Opens a checkpoint of any TensorFlow version for reading by name.

  Raises:
    UserError: there is none at `prefix`, or it cannot be read.
  """
  with ExitStack() as opened:
    try:
      reader = opened.enter_context(checkpoint_files.reading(prefix))
    except _UNREADABLE as error:
      raise DamagedCheckpointError(
        f"{prefix}: expected a TensorFlow checkpoint (a prefix with .index and "
        f".data files), got none that can be read ({_first_line(error)}); copy "
        "both again"
      ) from error
    yield reader


def require_checkpoint(prefix: str) -> None:
  """Raises UserError unless `open_checkpoint` can open the checkpoint."""
  with open_checkpoint(prefix):
    pass


def restore(prefix: str, groups: Groups) -> None:
  """Sets the variables of `groups` from the checkpoint at `prefix`.

  Other groups of the checkpoint are ignored; within a group every variable must
  match.

  Raises:
    UserError: names every variable that is missing, left over or of another
      shape; no variable has been changed.
  """
  with open_checkpoint(prefix) as reader:
    values = _matching_values(reader, prefix, groups)
  for key, variable in _expected(groups).items():
    variable.assign(values[key])


def _expected(groups: Groups) -> dict[str, Any]:
  """Names in a checkpoint -> variables, over all groups."""
  return {
    f"{group}/{name}{_VALUE}": variable
    for group, variables in groups.items()
    for name, variable in named(variables).items()
  }


def _matching_values(
  reader: Any, prefix: str, groups: Groups
) -> dict[str, np.ndarray]:
  shapes = reader.get_variable_to_shape_map()
  expected = _expected(groups)
  stored = {
    key
    for key in shapes
    if key not in _BOOK_KEEPING and key.split("/")[0] in groups
  }
  problems = [f"missing {_plain(k)}" for k in sorted(expected.keys() - stored)]
  problems += [
    f"left over {_plain(key)}" for key in sorted(stored - expected.keys())
  ]
  problems += [
    f"{_plain(key)} has shape {tuple(shapes[key])}, expected "
    f"{tuple(variable.shape)}"
    for key, variable in expected.items()
    if key in shapes and tuple(shapes[key]) != tuple(variable.shape)
  ]
  if problems:
    raise UserError(
      f"{prefix}: the checkpoint does not fit this model: "
      f"{'; '.join(problems[:8])}"
      + (f"; and {len(problems) - 8} more" if len(problems) > 8 else "")
      + " (use the settings of the run that wrote it)"
    )
  try:
    return {key: reader.get_tensor(key) for key in expected}
  except _UNREADABLE as error:
    raise DamagedCheckpointError(
      f"{prefix}: expected a complete checkpoint, got damaged files "
      f"({_first_line(error)}); an older one is used if there is one"
    ) from error


def all_finite(variables: Iterable) -> bool:
  """Whether no variable holds NaN or infinity."""
  return all(np.isfinite(v.value.numpy()).all() for v in variables)


def variables_of(groups: Groups) -> list:
  """The variables of all groups."""
  return [v for group in groups.values() for v in named(group).values()]


def named(variables: Iterable | Mapping[str, Any]) -> dict[str, Any]:
  """Names of a group's variables in a checkpoint -> the variables."""
  if isinstance(variables, Mapping):
    return dict(variables)
  # Only the last word of "dense_3_kernel_accumulator" is the same in every
  # process.
  return {
    f"{i:03d}-{v.name.rpartition('_')[2]}": v for i, v in enumerate(variables)
  }


def _plain(key: str) -> str:
  return key.removesuffix(_VALUE)


def _first_line(error: Exception) -> str:
  return str(error).strip().partition("\n")[0]
