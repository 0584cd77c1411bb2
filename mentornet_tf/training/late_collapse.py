"""Telling a run whose accuracy falls from what it has been."""

from collections.abc import Mapping, Sequence

from mentornet_tf.runs.best_checkpoint import is_better

# The last accuracy is told if it lies below its best by more than this share.
_FALL = 0.1


def describe_fall(
  rows: Sequence[Mapping[str, str]],
  columns: Sequence[str],
  kept: str | None = None,
) -> str | None:
  """One line on the accuracy that has fallen most; None where none has.

  An accuracy has fallen if its last value is less than 9/10 of its best.

  Args:
    rows: of metrics.csv, as texts.
    columns: those of the evaluation.
    kept: prefix of the checkpoint that `keep_best` has kept, if any.
  """
  falls = {}
  for column in columns:
    values = [
      (int(row["step"]), float(row[column])) for row in rows if row.get(column)
    ]
    if not column.endswith("accuracy") or not values:
      continue
    best = values[0]
    for each in values:
      if is_better(column, each[1], best[1]):
        best = each
    if values[-1][1] < (1 - _FALL) * best[1]:
      falls[column] = (values[-1][1] / best[1], best, values[-1])
  if not falls:
    return None
  column = min(falls, key=lambda name: falls[name][0])
  _, (best_step, best_value), (last_step, last_value) = falls[column]
  advice = f"use {kept}" if kept else f"keep the best by `keep_best={column}`"
  return (
    f"note: {column} has fallen to {last_value:.4f} at step {last_step} from "
    f"{best_value:.4f} at step {best_step}, by more than a tenth of it; "
    f"{advice}, train less long, or follow a lower `loss_p_percentile`"
  )
