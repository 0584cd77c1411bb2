"""Corrections that a ranking suggests by itself, as far as it can be trusted.

How far is estimated from labels that were checked: those that somebody has
reviewed, and those whose clean label is known. Without any it is not known how
often a suggestion is right, and nothing is corrected.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from mentornet_tf.analysis.ranking import (
  COLUMNS,
  KNOWN_WRONG_CLASS,
  table_rows,
)
from mentornet_tf.analysis.suspects import SuspectLabels
from mentornet_tf.analysis.written_ranking import iter_suspect_table
from mentornet_tf.datasets.trees.corrections import (
  DROP,
  KEEP,
  RELABEL,
  Correction,
  Decision,
)
from mentornet_tf.errors import UserError

# One-sided 95 % of the normal distribution.
_Z = 1.6449


@dataclass(frozen=True)
class AutoCorrections:
  """What a ranking suggests.

  Attributes:
    corrections: most suspect first, with their lines in the table.
    num_checked: checked labels among the ranks that they come from.
    precision: estimated share of right corrections.
    at_least: the lower end of its interval, with 95 % confidence.
  """

  corrections: tuple[Correction, ...]
  num_checked: int
  precision: float
  at_least: float


def suggest_corrections(
  table: str | os.PathLike | SuspectLabels,
  precision: float,
  action: str = RELABEL,
  decision_of: Callable[[str, int], Decision | None] = lambda path, id: None,
  class_of: Mapping[str, int] | None = None,
  sample_with: str = "mn.review_page(…, every=10)",
) -> AutoCorrections:
  """The top of a ranking whose estimated precision is high enough.

  Relabelling suggests the predicted class, for images whose given class is
  another one; it is right where that is the clean class. Dropping is right
  where the given class is not the clean one. Among the labels that were
  checked, ordered by rank, isotonic regression fits the share p of right
  suggestions, which cannot rise from one rank to the next. An image that was
  not checked has the p of the next checked one below it. The precision of the
  first k is the mean of their p, and `wilson_bound` gives its lower end for the
  number of checked ones among them. The largest k is taken for which that is
  at least `precision`, no further than the last checked label.

  This rests on checked labels that are like the others of their ranks: all, or
  some at random, or all from the top down to some rank.

  Args:
    table: the `suspect_labels.csv` of a ranking; or one that was not written,
      whose classes are then called by their numbers.
    precision: share of right corrections wanted, above 0 and below 1.
    action: "relabel" or "drop".
    decision_of: what a reviewer decided on a path and id, None for nothing; of
      such images nothing is suggested.
    class_of: number of each class's name, for the reviewer's labels.
    sample_with: what makes a page to check labels further down, for messages.

  Raises:
    UserError: the ranking cannot be read, no checked labels support the
      precision, or nothing is left to suggest above the last of them.
  """
  if not 0 < precision < 1:
    raise UserError(
      f"auto: expected a precision above 0 and below 1, got {precision}; try "
      "0.9"
    )
  suggested: list[Correction] = []
  is_open: list[bool] = []
  rights: list[float] = []  # nan where nobody has checked
  for row in _rows(table):
    given, predicted = row["given_class"], row["predicted_class"]
    if action == RELABEL and given == predicted:
      continue
    path, id = row.get("path", ""), int(row["id"])
    decision = decision_of(path, id)
    right = (
      _by_clean_class(action, row)
      if decision is None
      else _by_decision(action, decision, (class_of or {}).get(predicted))
    )
    suggested.append(
      Correction(
        int(row["rank"]) + 1,
        action,
        path,
        id,
        predicted if action == RELABEL else "",
        given,
      )
    )
    is_open.append(decision is None)
    rights.append(np.nan if right is None else float(right))
  origin = "the ranking" if isinstance(table, SuspectLabels) else str(table)
  return _trusted(origin, suggested, is_open, rights, precision, sample_with)


def wilson_bound(share: float, count: int) -> float:
  """The lower end of Wilson's one-sided 95 % interval.

  (s + z²/2n − z·√(s(1 − s)/n + z²/4n²)) / (1 + z²/n) for a share s of n, with
  z = 1.645.
  """
  z2 = _Z**2 / count
  spread = np.sqrt(share * (1 - share) * z2 + z2**2 / 4)
  return float((share + z2 / 2 - spread) / (1 + z2))


def _rows(table: str | os.PathLike | SuspectLabels) -> Iterator[dict[str, str]]:
  """By column, most suspect first."""
  if not isinstance(table, SuspectLabels):
    yield from iter_suspect_table(table)
    return
  numbers = [str(number) for number in range(table.pred_probs.shape[1])]
  for values in table_rows(table, numbers):
    yield dict(zip(COLUMNS, map(str, values), strict=True))


def _trusted(
  origin: str,
  suggested: list[Correction],
  is_open: list[bool],
  rights: list[float],
  precision: float,
  sample_with: str,
) -> AutoCorrections:
  right = np.array(rights, np.float64)
  checked = np.flatnonzero(~np.isnan(right))
  if not len(checked):
    raise UserError(
      f"auto: expected checked labels among the suggestions of {origin}, since "
      "nothing else tells how often they are right, got none; review some and "
      "give `corrections`, or rank a set with clean labels"
    )
  count = int(checked[-1]) + 1
  if not any(is_open[:count]):
    # Lines of the table count its header, so that ranks are one less.
    raise UserError(
      "auto: expected suggestions that nobody has reviewed down to the last "
      f"checked label, at rank {suggested[count - 1].line - 1} of {origin}, "
      "got none, and none beyond it is counted; check some further down, for "
      f"instance every tenth: {sample_with}"
    )
  # Imported here, since it takes a second.
  from sklearn.isotonic import isotonic_regression

  fitted = isotonic_regression(right[checked], increasing=False)
  next_checked = np.searchsorted(checked, np.arange(count))
  num_open = np.cumsum(is_open[:count])
  sums = np.cumsum(np.where(is_open[:count], fitted[next_checked], 0))
  shares = sums / np.maximum(num_open, 1)
  num_checked = np.searchsorted(checked, np.arange(count), side="right")
  bounds = np.array(
    [
      wilson_bound(share, number) if number and some else 0.0
      for share, number, some in zip(shares, num_checked, num_open, strict=True)
    ]
  )
  enough = np.flatnonzero(bounds >= precision)
  if not len(enough):
    best = int(np.argmax(bounds))
    raise UserError(
      f"auto: expected suggestions of {origin} of which, with 95 % confidence, "
      f"at least {precision:g} are right, got {bounds[best]:.3f} as the best "
      f"such bound, by {len(checked)} checked labels; ask for less, or check "
      "more, further down, too"
    )
  last = int(enough[-1])
  return AutoCorrections(
    tuple(
      each
      for each, taken in zip(suggested[: last + 1], is_open, strict=False)
      if taken
    ),
    int(num_checked[last]),
    float(shares[last]),
    float(bounds[last]),
  )


def _by_decision(
  action: str, decision: Decision, predicted: int | None
) -> bool:
  if action == DROP:
    return decision.action != KEEP
  return decision.action == RELABEL and decision.label == predicted


def _by_clean_class(action: str, row: Mapping[str, str]) -> bool | None:
  clean = row.get("clean_class", "")
  if not clean:
    return None
  if action == DROP:
    return clean != row["given_class"]
  return None if clean == KNOWN_WRONG_CLASS else clean == row["predicted_class"]
