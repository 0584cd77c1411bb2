"""Rows of metrics: averages over steps, evaluations, one readable line."""

from collections.abc import Callable, Mapping
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
from mentornet_tf.internal.damaged_archives import DAMAGED_ARCHIVE
from mentornet_tf.internal.reasons import reason
from mentornet_tf.runs.run_folder import MetricsWriter
from mentornet_tf.training.loop import Action, Pace, Reports, next_multiple
from mentornet_tf.training.progress import readable_seconds
from mentornet_tf.training.step_metrics import PERCENTILE_IN_USE

# Averaged over the steps of a row; the others are values of its last step.
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
# The latest of each as well, where they are reported.
_OPTIONAL = (PERCENTILE_IN_USE,)
_QUALITY = (
  "label_precision",
  "label_recall",
  "weight_auc",
  "clean_weight",
  "noisy_weight",
)
# What else is needed; further reports of examples may be large.
_OF_EXAMPLES = ("example/weight", "example/is_clean")


class MetricsReporter(Action):
  """Action that writes and prints rows of metrics, evaluating where due.

  Args:
    writer: takes the rows.
    print_line: takes a readable line per row.
    interval_steps: steps between rows.
    pace: measures steps per second.
    total_steps: length of training.
    pending_dir: where the reports of an unfinished interval are kept beside a
      checkpoint.
    evaluator: evaluates the student; None evaluates nothing.
    eval_interval_steps: steps between evaluations; None evaluates at the end.
    on_row: called with step and row when a row is written.
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
    on_row: Callable[[int, Mapping[str, float]], None] | None = None,
  ):
    self._writer = writer
    self._print_line = print_line
    self._interval_steps = interval_steps
    self._pace = pace
    self._total_steps = total_steps
    self._pending_dir = pending_dir
    self._evaluator = evaluator
    self._eval_interval_steps = eval_interval_steps
    self._on_row = on_row
    self._pending: list[Reports] = []

  @staticmethod
  def columns(
    has_checked_labels: bool,
    evaluator: EvaluationSets | None,
    estimates_percentile: bool = False,
  ) -> list[str]:
    """The columns of the rows that will be written."""
    return [
      *_AVERAGED,
      *_LATEST,
      *(_OPTIONAL if estimates_percentile else ()),
      *(_QUALITY if has_checked_labels else ()),
      *(evaluator.columns if evaluator else ()),
    ]

  def observe(self, step: int, reports: Reports) -> None:
    """Collects the reports for the next row."""
    self._pending.append(_of_rows(reports))

  def next_due(self, step: int) -> int:
    """The next step with a row: every interval and every evaluation has one."""
    return min(
      next_multiple(step, self._interval_steps), self._next_evaluation(step)
    )

  def _next_evaluation(self, step: int) -> int:
    """The next step with an evaluation; without evaluations, the last step."""
    if self._evaluator is None or not self._eval_interval_steps:
      return self._total_steps
    return min(
      next_multiple(step, self._eval_interval_steps), self._total_steps
    )

  def run(self, step: int) -> None:
    """Writes and prints a row."""
    reports = _stacked(self._pending)
    self._pending = []
    row = summarize(reports)
    if self._evaluator is not None and self._next_evaluation(step - 1) == step:
      row |= self._evaluator()
    rate, seconds_left = self._pace.lap(step)
    self._writer.write(
      step,
      row,
      histograms={"mentornet/weight": reports["example/weight"].ravel()},
      events_only={"steps_per_second": rate},
    )
    self._print_line(self._readable(step, row, rate, seconds_left))
    if self._on_row is not None:
      self._on_row(step, row)

  def save_pending(self, step: int) -> None:
    """Saves the reports collected for the next row, beside a checkpoint.

    A run that continues from `step` then writes the same row.
    """
    for path in self._pending_dir.glob("pending-*.npz"):
      checkpoint = f"model.ckpt-{path.stem.removeprefix('pending-')}.index"
      if not (self._pending_dir / checkpoint).exists():
        path.unlink()
    if self._pending:
      path = self._pending_path(step)
      arrays: dict[str, Any] = _stacked(self._pending)
      with replacing(path) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)

  def restore_pending(self, step: int) -> None:
    """Restores what `save_pending` saved at `step`.

    Raises:
      UserError: the file is damaged.
    """
    path = self._pending_path(step)
    if not path.exists():
      return
    try:
      with np.load(path, allow_pickle=False) as file:
        reports = dict(file)
      _check_reports(reports)
    except DAMAGED_ARCHIVE as error:
      raise UserError(
        f"{path}: expected the measurements since the last row of metrics, "
        f"got a damaged file ({reason(error)}); copy it again, or remove it: "
        "the next row then averages the steps after this one only"
      ) from error
    self._pending = [_of_rows(reports)]

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
    if PERCENTILE_IN_USE in row:
      parts.append(f"percentile {row[PERCENTILE_IN_USE]:.2f}")
    if not np.isnan(row.get("weight_auc", np.nan)):
      parts.append(f"noise detection AUROC {row['weight_auc']:.3f}")
    parts += readable_evaluations(row)
    parts.append(f"{rate:.1f} steps/s")
    if step < self._total_steps:
      parts.append(f"{readable_seconds(seconds_left)} left")
    return "  ".join(parts)


def _of_rows(reports: Reports) -> Reports:
  names = (*_AVERAGED, *_LATEST, *_OPTIONAL, *_OF_EXAMPLES)
  return {name: reports[name] for name in names if name in reports}


def _stacked(parts: list[Reports]) -> Reports:
  return {
    name: np.concatenate([part[name] for part in parts]) for name in parts[0]
  }


def _check_reports(reports: Reports) -> None:
  """Raises ValueError for what no steps have reported."""
  expected = {*_AVERAGED, *_LATEST, "example/weight"}
  if missing := sorted(expected - reports.keys()):
    raise ValueError(f"no {missing[0]}")
  numbers = [
    array.dtype.kind in "biuf" and array.ndim > 0 for array in reports.values()
  ]
  if not all(numbers) or len({len(each) for each in reports.values()}) != 1:
    raise ValueError("other arrays than steps report")
  if not len(reports["example/weight"]):
    raise ValueError("no steps")


def summarize(reports: Reports) -> dict[str, float]:
  """A row of metrics from the stacked reports of its steps."""
  row = {name: float(reports[name].mean(dtype=float)) for name in _AVERAGED}
  latest = [*_LATEST, *(name for name in _OPTIONAL if name in reports)]
  row |= {name: float(reports[name][-1]) for name in latest}
  if "example/is_clean" in reports:
    row |= weight_quality(
      reports["example/weight"].ravel(), reports["example/is_clean"].ravel()
    )
  return row
