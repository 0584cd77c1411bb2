"""Corrected labels of arrays, by a ranking of them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mentornet_tf.analysis.auto_corrections import suggest_corrections
from mentornet_tf.analysis.suspects import SuspectLabels
from mentornet_tf.datasets.trees.corrections import (
  DROP,
  RELABEL,
  Decision,
  GivenLabels,
  decide_labels,
  read_corrections,
)
from mentornet_tf.errors import UserError
from mentornet_tf.internal.choices import check_choice


@dataclass(frozen=True, repr=False)
class CorrectedLabels:
  """What has become of N labels, in the order of the ranked data.

  `x[kept]` and `labels[kept]` are what to train on.

  Attributes:
    labels: [N] int64, the new labels; those that were dropped are as before.
    kept: [N] bool, False where the example was dropped.
    num_relabelled: how many labels are others than before.
  """

  labels: np.ndarray
  kept: np.ndarray
  num_relabelled: int

  @property
  def num_dropped(self) -> int:
    """How many examples were dropped."""
    return int(np.count_nonzero(~self.kept))

  def __repr__(self) -> str:
    return (
      f"<CorrectedLabels: {len(self.labels)} labels, {self.num_relabelled} "
      f"relabelled, {self.num_dropped} dropped>"
    )


def correct_labels(
  suspects: SuspectLabels,
  corrections: Any = None,
  *,
  precision: float | None = None,
  action: str | None = None,
) -> CorrectedLabels:
  """Applies a reviewer's decisions, or what a ranking suggests.

  - `correct_labels(suspects, mn.find_label_issues(suspects))` gives the labels
    that are found there the class which is predicted for them.
  - `correct_labels(suspects, "corrections.csv")` does what a reviewer decided
    (`mn.review_page`).
  - `correct_labels(suspects, precision=0.9)` takes the suggestions at the top
    of the ranking, as far down as labels that were checked show at least 90 %
    of them to be right; see `suggest_corrections`. Checked are those with a
    clean label in the ranking and those of `corrections.csv`, which may be
    given, too, and which are applied as they are.

  Args:
    suspects: what `rank_labels` returned.
    corrections: a mask [N] or positions [M] of labels in the ranking's data; or
      the path of a table with the columns id or path, action and label.
    precision: share of right suggestions, above 0 and below 1.
    action: "relabel", as by default, or "drop", what is done where
      `corrections` are a mask or positions, and by `precision`.

  Raises:
    UserError: the arguments are out of range or do not fit each other, the
      table cannot be applied, or no checked labels support the precision.
  """
  if not isinstance(suspects, SuspectLabels):
    raise UserError(
      "suspects: expected what `rank_labels` returned, got "
      f"{type(suspects).__name__}; rank the labels first"
    )
  is_table = isinstance(corrections, str | os.PathLike)
  if action is not None and is_table and precision is None:
    raise UserError(
      "action: expected none beside a table, which says what to do, got "
      f"{action!r}; leave it out"
    )
  action = RELABEL if action is None else action
  check_choice("action", action, (RELABEL, DROP))
  if precision is None and corrections is None:
    raise UserError(
      "corrections: expected a mask, positions, a table or `precision`, got "
      "none of them; give what find_label_issues returned"
    )
  if precision is not None and corrections is not None and not is_table:
    raise UserError(
      "precision: expected none beside positions or a mask, which say what to "
      f"correct, got {precision}; leave one out"
    )
  labels = suspects.labels.copy()
  kept = np.ones(len(labels), bool)
  decisions: Mapping[int, Decision] = {}
  if is_table:
    decisions = _reviewed(suspects, corrections)
    for row, decision in decisions.items():
      labels[row] = decision.label
      kept[row] = decision.action != DROP
  elif corrections is not None:
    _apply(suspects, _positions(corrections, len(labels)), action, labels, kept)
  if precision is not None:
    chosen = _trusted(suspects, precision, action, decisions)
    _apply(suspects, chosen, action, labels, kept)
  return CorrectedLabels(
    labels, kept, int(np.count_nonzero(labels != suspects.labels))
  )


def _apply(
  suspects: SuspectLabels,
  chosen: np.ndarray,
  action: str,
  labels: np.ndarray,
  kept: np.ndarray,
) -> None:
  """Relabels as predicted, or drops, in place."""
  if action == DROP:
    kept[chosen] = False
  else:
    labels[chosen] = suspects.predicted_labels[chosen]


def _reviewed(
  suspects: SuspectLabels, table: str | os.PathLike
) -> dict[int, Decision]:
  paths = [suspects.path(row) for row in range(len(suspects.labels))]
  named = [path for path in paths if path]
  if len({*named}) < len(named):
    raise UserError(
      "suspects: expected paths that differ, got equal ones; rank without "
      "`paths`, and review again"
    )
  names = suspects.class_names or tuple(
    map(str, range(suspects.pred_probs.shape[1]))
  )
  given = GivenLabels(
    suspects.ids.tolist(),
    suspects.labels.tolist(),
    names,
    "ranked examples",
    paths,
    advice="choose the ranking that was reviewed",
  )
  return decide_labels(given, read_corrections(os.fspath(table)), str(table))


def _positions(chosen: Any, number: int) -> np.ndarray:
  array = np.asarray(chosen)
  if array.shape == (number,) and array.dtype == np.bool_:
    return np.flatnonzero(array)
  if array.ndim == 1 and not array.size:
    return array.astype(np.int64)
  is_whole = array.ndim == 1 and array.dtype.kind in "iu"
  if not is_whole or array.min() < 0 or array.max() >= number:
    raise UserError(
      f"corrections: expected a mask of {number} labels, or positions from 0 "
      f"to {number - 1}, got {array.dtype} of the shape {list(array.shape)}"
      + (f", {array.min()} to {array.max()}" if is_whole else "")
      + "; give what find_label_issues returned for this ranking"
    )
  values, counts = np.unique(array, return_counts=True)
  if len(values) < len(array):
    raise UserError(
      "corrections: expected different positions, got "
      f"{values[counts.argmax()]} {counts.max()} times; give each once, or a "
      "mask of bool"
    )
  return array.astype(np.int64)


def _trusted(
  suspects: SuspectLabels,
  precision: float,
  action: str,
  decisions: Mapping[int, Decision],
) -> np.ndarray:
  """[M] positions of the suggestions at the top that checks support."""
  rows = {id: row for row, id in enumerate(suspects.ids.tolist())}
  numbers = {str(each): each for each in range(suspects.pred_probs.shape[1])}
  found = suggest_corrections(
    suspects,
    precision,
    action,
    lambda path, id: decisions.get(rows[id]),
    numbers,
  )
  ids = (each.id for each in found.corrections if each.id is not None)
  return np.array([rows[id] for id in ids], np.int64)
