"""Comparing training runs: the numbers of a table, and its text."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

from mentornet_tf.errors import UserError
from mentornet_tf.runs.run_folder import read_metrics


@dataclasses.dataclass(frozen=True)
class RunSummary:
  """The outcome of one run, from its `metrics.csv`.

  Attributes:
    name: the run's name in the table.
    steps: [R] steps of all rows.
    columns: metric name -> its (step, value) pairs, in order.
  """

  name: str
  steps: tuple[int, ...]
  columns: Mapping[str, Sequence[tuple[int, float]]]

  def last(self, metric: str) -> float | None:
    """The last value of a metric; None if it was never measured."""
    values = self.columns.get(metric)
    return values[-1][1] if values else None

  def best(self, metric: str) -> float | None:
    """The highest value of a metric; None if it was never measured."""
    values = self.columns.get(metric)
    return max(value for _, value in values) if values else None


def summarize_run(name: str, folder: str | os.PathLike) -> RunSummary:
  """Reads one training folder.

  Raises:
    UserError: the folder holds no metrics.
  """
  rows = read_metrics(folder)
  if not rows:
    raise UserError(
      f"{folder}: expected a training folder with rows in metrics.csv, got "
      "none; train first"
    )
  columns = {
    metric: [
      (int(row["step"]), float(row[metric])) for row in rows if row[metric]
    ]
    for metric in rows[0]
    if metric != "step"
  }
  steps = tuple(int(row["step"]) for row in rows)
  return RunSummary(name, steps, columns)


def comparison_rows(
  runs: Sequence[RunSummary],
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
  """Header and rows of a table of test accuracies (best, last) and AUROCs.

  A dash stands for a metric that was never measured.
  """
  header = (
    "run",
    "test accuracy, best",
    "test accuracy, last",
    "label-noise detection AUROC",
  )
  rows = []
  for run in runs:
    values = (
      run.best("test_accuracy"),
      run.last("test_accuracy"),
      run.last("weight_auc"),
    )
    text = ("–" if value is None else f"{value:.3f}" for value in values)
    rows.append((run.name, *text))
  return header, rows


def comparison_table(runs: Sequence[RunSummary]) -> str:
  """`comparison_rows` as a Markdown table."""
  header, rows = comparison_rows(runs)
  lines = [f"| {' | '.join(cells)} |" for cells in (header, *rows)]
  lines.insert(1, "|---" * len(header) + "|")
  return "\n".join(lines)


def settings_differences(
  settings_by_run: Mapping[str, Mapping[str, Any]],
) -> dict[str, dict[str, Any]]:
  """Settings that differ between runs.

  Args:
    settings_by_run: run name -> setting -> value.

  Returns:
    Setting -> run name -> value, None if a run has no such setting.
  """
  names = sorted({name for each in settings_by_run.values() for name in each})
  values = {
    name: {run: each.get(name) for run, each in settings_by_run.items()}
    for name in names
  }
  return {
    name: by_run
    for name, by_run in values.items()
    if any(value != next(iter(by_run.values())) for value in by_run.values())
  }
