"""Comparing training runs: the numbers of a table, and its text."""

import dataclasses
import os
from collections.abc import Mapping, Sequence

from mentornet_tf.errors import UserError
from mentornet_tf.training.run_folder import read_metrics


@dataclasses.dataclass(frozen=True)
class RunSummary:
  """The outcome of one run, from its `metrics.csv`.

  Attributes:
    name: what the table calls the run.
    steps: [R] steps of all rows.
    columns: metric name -> its (step, value) pairs, in order.
  """

  name: str
  steps: tuple[int, ...]
  columns: Mapping[str, Sequence[tuple[int, float]]]

  def last(self, metric: str) -> float | None:
    """The last value of a metric; None where it was never measured."""
    values = self.columns.get(metric)
    return values[-1][1] if values else None

  def best(self, metric: str) -> float | None:
    """The highest value of a metric; None where it was never measured."""
    values = self.columns.get(metric)
    return max(value for _, value in values) if values else None


def summarize_run(name: str, folder: str | os.PathLike) -> RunSummary:
  """Reads one training folder.

  Raises:
    UserError: if the folder holds no metrics.
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


def comparison_table(runs: Sequence[RunSummary]) -> str:
  """A Markdown table of test accuracy (best, last) and weight AUC (last)."""
  lines = [
    "| run | test accuracy, best | test accuracy, last | weight AUC |",
    "|---|---|---|---|",
  ]
  for run in runs:
    cells = (
      run.best("test_accuracy"),
      run.last("test_accuracy"),
      run.last("weight_auc"),
    )
    text = ("–" if cell is None else f"{cell:.3f}" for cell in cells)
    lines.append(f"| {run.name} | {' | '.join(text)} |")
  return "\n".join(lines)
