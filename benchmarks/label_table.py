"""The table of benchmarks/label_ranking.py."""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

# What `SuspectLabels.quality` says of a ranking.
FIGURES = ("roc_auc", "average_precision", "precision_at_num_wrong")


def table(rows: Iterable[Mapping[str, Any]]) -> str:
  """Means ± standard deviations over the seeds."""

  def key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["noise"], row["method"], -row["steps"], row["ranking"]

  lines = [
    "| noise | method | steps | ranking | ROC AUC | average precision | "
    "precision at n | right suggestions | test accuracy | seconds | seeds |",
    "|" + "---|" * 11,
  ]
  for (noise, method, steps, ranking), group in itertools.groupby(
    sorted(rows, key=key), key
  ):
    found = list(group)
    values = (
      np.array([row[column] for row in found])
      for column in (*FIGURES, "right_suggestions", "test_accuracy")
    )
    figures = " | ".join(f"{v.mean():.3f} ± {v.std():.3f}" for v in values)
    seconds = np.mean([row["seconds"] for row in found])
    lines.append(
      f"| {noise} | {method} | {-steps} | {ranking} | {figures} | "
      f"{seconds:.0f} | {len(found)} |"
    )
  return "\n".join(lines) + "\n"
