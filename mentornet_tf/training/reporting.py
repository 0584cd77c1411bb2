"""What a training run does between calls: guard, report, evaluate, save."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mentornet_tf.errors import UserError
from mentornet_tf.evaluation.evaluation_sets import (
  EvaluationSets,
  readable_evaluations,
)
from mentornet_tf.evaluation.label_detection import weight_quality
from mentornet_tf.internal.atomic_files import replacing
from mentornet_tf.runs.checkpointing import (
  CheckpointStore,
  Groups,
  all_finite,
  checkpoint_step,
  variables_of,
)
from mentornet_tf.runs.run_folder import MetricsWriter
from mentornet_tf.training.loop import Pace, Reports, next_multiple
from mentornet_tf.training.progress import readable_seconds

# Averaged over the steps of a row; all other scalars are its last step's.
_AVERAGED = (
  "mentornet/orig_loss",
  "mentornet/weighted_loss",
  "mentornet/total_loss",
  "total_loss",
  "data_util/batch_sum_v",
)
_LATEST = (
  "learning_rate",
  "data_util/data_util",
  "debug/percentile_loss",
  "debug/dropout_rate",
  "debug/epoch_step",
  "debug/loss_moving_percentile",
)
_QUALITY = ("label_precision", "label_recall", "weight_auc")


class DivergenceGuard:
  """Stops a run whose loss or weights are no longer finite.

  Every so many steps its `copier`, an action that comes after those which
  change the state, copies that while it is good, so that a run which diverges
  ends with a checkpoint from before.

  Args:
    groups: the variables of a checkpoint, by group.
    store: writes the checkpoint.
    start_step: where the run starts.
    interval_steps: steps between copies.
  """

  def __init__(
    self,
    groups: Groups,
    store: CheckpointStore,
    *,
    start_step: int,
    interval_steps: int,
  ):
    self._variables = variables_of(groups)
    self._store = store
    self._interval_steps = interval_steps
    self._copy(start_step)

  def next_due(self, step: int) -> int:
    """The next step at which the state is copied."""
    return next_multiple(step, self._interval_steps)

  def __call__(self, step: int, reports: Reports) -> None:
    """Raises UserError if a loss of these steps is NaN or infinite."""
    losses = reports["total_loss"]
    bad = np.flatnonzero(~np.isfinite(losses))
    if bad.size:
      self._stop(
        f"the loss is {losses[bad[0]]}", step - len(losses) + int(bad[0])
      )
    if step % self._interval_steps == 0:
      self.check(step)

  @property
  def copier(self) -> "StateCopier":
    """The action that copies the state."""
    return StateCopier(self._interval_steps, self._copy)

  def check(self, step: int) -> None:
    """Raises UserError if a variable is NaN or infinite."""
    if not all_finite(self._variables):
      self._stop("a weight is not finite", step)

  def _copy(self, step: int) -> None:
    self._good_step = step
    self._good_values = [v.value.numpy().copy() for v in self._variables]

  def _stop(self, what: str, step: int) -> None:
    for variable, value in zip(self._variables, self._good_values, strict=True):
      variable.assign(value)
    latest = self._store.latest
    if latest is None or checkpoint_step(latest) < self._good_step:
      latest = self._store.save(self._good_step)
    raise UserError(
      f"training diverged: {what} at step {step}, expected finite numbers; "
      f"last good checkpoint: {latest}; start again in a new folder with a "
      "lower learning rate, or check the images and labels"
    )


class StateCopier:
  """An action that calls a function every so many steps.

  Args:
    interval_steps: steps between calls.
    copy: called with the step.
  """

  def __init__(self, interval_steps: int, copy: Callable[[int], None]):
    self._interval_steps = interval_steps
    self._copy = copy

  def next_due(self, step: int) -> int:
    """The next step at which the state is copied."""
    return next_multiple(step, self._interval_steps)

  def __call__(self, step: int, reports: Reports) -> None:
    """Copies where that is due."""
    if step % self._interval_steps == 0:
      self._copy(step)


class MetricsReporter:
  """Writes and prints a row every so many steps, evaluating where due.

  Args:
    writer: takes the rows.
    print_line: takes one readable line for each row.
    interval_steps: steps between rows.
    pace: measures steps per second.
    total_steps: length of training.
    pending_dir: where reports of an unfinished interval are kept beside a
      checkpoint.
    evaluator: evaluates the student; None does not.
    eval_interval_steps: steps between evaluations; None evaluates at the end.
  """

  def __init__(
    self,
    writer: MetricsWriter,
    print_line: Callable[[str], Any],
    *,
    interval_steps: int,
    pace: Pace,
    total_steps: int,
    pending_dir: Path,
    evaluator: EvaluationSets | None = None,
    eval_interval_steps: int | None = None,
  ):
    self._writer = writer
    self._print_line = print_line
    self._interval_steps = interval_steps
    self._pace = pace
    self._total_steps = total_steps
    self._pending_dir = pending_dir
    self._evaluator = evaluator
    self._eval_interval_steps = eval_interval_steps
    self._pending: list[Reports] = []

  @staticmethod
  def columns(
    has_clean_labels: bool, evaluator: EvaluationSets | None
  ) -> list[str]:
    """The columns of the rows that will be written."""
    return [
      *_AVERAGED,
      *_LATEST,
      *(_QUALITY if has_clean_labels else ()),
      *(evaluator.columns if evaluator else ()),
    ]

  def next_due(self, step: int) -> int | None:
    """The next step with a row."""
    return min(
      next_multiple(step, self._interval_steps),
      next_multiple(step, self._eval_interval_steps) or self._total_steps,
    )

  def __call__(self, step: int, reports: Reports) -> None:
    """Collects reports; writes a row where one is due."""
    self._pending.append(reports)
    last = step == self._total_steps
    evaluates = self._evaluator is not None and (
      last
      or (self._eval_interval_steps and step % self._eval_interval_steps == 0)
    )
    if step % self._interval_steps and not evaluates and not last:
      return
    reports = _stacked(self._pending)
    self._pending = []
    row = summarize(reports)
    if evaluates:
      row |= self._evaluator()
    rate, seconds_left = self._pace.lap(step)
    self._writer.write(
      step,
      row,
      histograms={"mentornet/weight": reports["example/weight"].ravel()},
      events_only={"steps_per_second": rate},
    )
    self._print_line(self._readable(step, row, rate, seconds_left))

  def save_pending(self, step: int) -> None:
    """Keeps what the next row has gathered by `step`, beside a checkpoint.

    A run that continues from there then writes the same row.
    """
    for path in self._pending_dir.glob("pending-*.npz"):
      checkpoint = f"model.ckpt-{path.stem.removeprefix('pending-')}.index"
      if not (self._pending_dir / checkpoint).exists():
        path.unlink()
    if self._pending:
      path = self._pending_path(step)
      with replacing(path) as partial, partial.open("wb") as file:
        np.savez(file, **_stacked(self._pending))

  def restore_pending(self, step: int) -> None:
    """Takes up what `save_pending` kept at `step`."""
    path = self._pending_path(step)
    if path.exists():
      with np.load(path, allow_pickle=False) as file:
        self._pending = [dict(file)]

  def _pending_path(self, step: int) -> Path:
    return self._pending_dir / f"pending-{step}.npz"

  def _readable(
    self, step: int, row: Mapping[str, float], rate: float, seconds_left: float
  ) -> str:
    parts = [
      f"step {step}/{self._total_steps}",
      f"loss {row['mentornet/orig_loss']:.4f}",
      f"weighted {row['mentornet/weighted_loss']:.4f}",
      f"lr {row['learning_rate']:.3g}",
    ]
    if not np.isnan(row.get("weight_auc", np.nan)):
      parts.append(f"weight AUC {row['weight_auc']:.3f}")
    parts += readable_evaluations(row)
    parts.append(f"{rate:.1f} steps/s")
    if step < self._total_steps:
      parts.append(f"{readable_seconds(seconds_left)} left")
    return "  ".join(parts)


def _stacked(parts: list[Reports]) -> Reports:
  return {
    name: np.concatenate([part[name] for part in parts]) for name in parts[0]
  }


def summarize(reports: Reports) -> dict[str, float]:
  """One row from the stacked reports of an interval's steps."""
  row = {name: float(reports[name].mean(dtype=float)) for name in _AVERAGED}
  row |= {name: float(reports[name][-1]) for name in _LATEST}
  if "example/is_clean" in reports:
    row |= weight_quality(
      reports["example/weight"].ravel(), reports["example/is_clean"].ravel()
    )
  return row


class CheckpointSaver:
  """Saves every so many steps, after so much time, and at the end.

  Args:
    store: writes the checkpoints.
    before_save: called with the step before a checkpoint is written; one that
      raises prevents it.
    total_steps: length of training.
    interval_steps: steps between checkpoints; None saves by time alone.
    interval_seconds: seconds between checkpoints.
    boundary_steps: saving by time waits for a multiple of these steps.
    clock: seconds that never run backwards.
  """

  def __init__(
    self,
    store: CheckpointStore,
    before_save: Sequence[Callable[[int], None]],
    *,
    total_steps: int,
    interval_steps: int | None,
    interval_seconds: float,
    boundary_steps: int,
    clock: Callable[[], float] = time.monotonic,
  ):
    self._store = store
    self._before_save = before_save
    self._total_steps = total_steps
    self._interval_steps = interval_steps
    self._interval_seconds = interval_seconds
    self._boundary_steps = boundary_steps
    self._clock = clock
    self._last_time = clock()
    self._last_step = None

  def next_due(self, step: int) -> int | None:
    """The next step at which saving by steps is due."""
    return next_multiple(step, self._interval_steps)

  def __call__(self, step: int, reports: Reports) -> None:
    """Saves where a checkpoint is due."""
    by_steps = self._interval_steps and step % self._interval_steps == 0
    by_time = (
      step % self._boundary_steps == 0
      and self._clock() - self._last_time >= self._interval_seconds
    )
    if by_steps or by_time or step == self._total_steps:
      self.save(step)

  def save(self, step: int) -> None:
    """Saves now, unless this very step is saved already."""
    if step == self._last_step:
      return
    for prepare in self._before_save:
      prepare(step)
    self._store.save(step)
    self._last_time, self._last_step = self._clock(), step
