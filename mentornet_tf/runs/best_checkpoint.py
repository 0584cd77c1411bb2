"""The checkpoint whose evaluation was best, and checkpoints by their names."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mentornet_tf.errors import UserError
from mentornet_tf.internal import checkpoint_files
from mentornet_tf.internal.json_files import read_json, write_json
from mentornet_tf.internal.json_values import is_number, is_text, is_whole
from mentornet_tf.runs.checkpointing import (
  CheckpointStore,
  checkpoint_step,
  kept_checkpoints,
)

BEST, LAST = "best", "last"

_NAME = "best.ckpt"
_FILE = "best.json"
_ENTRIES = {"metric": is_text, "step": is_whole, "value": is_number}


def is_better(metric: str, value: float, than: float) -> bool:
  """Whether a value exceeds another; losses are better where they are less."""
  return value < than if metric.endswith("loss") else value > than


class BestCheckpoint:
  """Keeps `best.ckpt-STEP`, of the step with the best value of a metric.

  The first of equal values is the best. An interrupted run that continues
  passes the steps after its last checkpoint again, with the same values, and
  so ends with the same best.

  Args:
    folder: the training folder.
    metric: a column of the rows of metrics.
    store: writes the checkpoint.

  Raises:
    UserError: the folder keeps the best by another metric, or its best.json is
      damaged.
  """

  def __init__(self, folder: Path, metric: str, store: CheckpointStore):
    self._folder, self._metric, self._store = folder, metric, store
    best = read_best(folder)
    if best and best["metric"] != metric:
      raise UserError(
        f"keep_best: expected {best['metric']}, by which {folder} keeps its "
        f"best checkpoint, got {metric}; choose that, or remove {_FILE} there "
        "to begin anew"
      )
    # One whose files are gone is none.
    found = best and checkpoint_files.exists(_prefix(folder, best["step"]))
    self._value = best["value"] if best and found else None

  def observe(self, step: int, row: Mapping[str, float | None]) -> None:
    """Saves a checkpoint if a row of metrics is the best so far."""
    value = row.get(self._metric)
    if value is None or value != value:
      return
    if self._value is not None and not is_better(
      self._metric, value, self._value
    ):
      return
    prefix = _prefix(self._folder, step)
    self._store.write(prefix, step)
    content = {"metric": self._metric, "step": step, "value": value}
    write_json(self._folder / _FILE, content)
    self._value = value
    # The others' files last: interrupted, there is always a whole best.
    for path in self._folder.glob(f"{_NAME}-*"):
      if not path.name.startswith(f"{os.path.basename(prefix)}."):
        path.unlink()


def read_best(folder: str | os.PathLike) -> dict[str, Any] | None:
  """Metric, step and value of a folder's best checkpoint; None without one.

  Raises:
    UserError: best.json is damaged.
  """
  file = Path(folder) / _FILE
  if not file.exists():
    return None
  advice = "remove it, or name a step instead"
  content = read_json(
    file, written_by="training with keep_best", advice=advice, parts=()
  )
  for name, holds in _ENTRIES.items():
    if not holds(content.get(name)):
      raise UserError(
        f"{file}: expected metric, step and value of the best checkpoint, got "
        f"{name}={content.get(name)!r}; {advice}"
      )
  return content


def checkpoint_prefix(
  folder: str | os.PathLike,
  checkpoint: str | int,
  warn: Callable[[str], Any] = print,
) -> str:
  """The prefix of a training folder's checkpoint by name.

  Args:
    folder: the training folder.
    checkpoint: "best", that of `keep_best`; "last"; or a step.
    warn: takes a line where the folder's state file is of no use.

  Raises:
    UserError: no training folder, another name, or no such checkpoint.
  """
  if not Path(folder).is_dir():
    raise UserError(
      f"checkpoint: expected a training folder beside {checkpoint!r}, got "
      f"{folder}; give the folder, or leave `checkpoint` out"
    )
  best = best_prefix(folder)
  named = {BEST: best} if best else {}
  kept = kept_checkpoints(folder, warn)
  if kept:
    named[LAST] = kept[-1]
  by_step = {str(checkpoint_step(p)): p for p in [*named.values(), *kept]}
  found = {**by_step, **named}.get(str(checkpoint))
  if found is None or not checkpoint_files.exists(found):
    known = ", ".join([*named, *sorted(by_step, key=int)]) or "none"
    raise UserError(
      f"checkpoint: expected one that {folder} keeps ({known}), got "
      f"{str(checkpoint)!r}; choose one"
      + (
        ", or train with `keep_best` to have a best one"
        if checkpoint == BEST
        else ""
      )
    )
  return found


def best_prefix(folder: str | os.PathLike) -> str | None:
  """Prefix of the best checkpoint that a folder keeps, None without one."""
  best = read_best(folder)
  return _prefix(folder, best["step"]) if best else None


def _prefix(folder: str | os.PathLike, step: int) -> str:
  return str(Path(folder) / f"{_NAME}-{step}")
