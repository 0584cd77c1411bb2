"""Label issues of arrays: which labels to flag, as confident learning does.

C. G. Northcutt, L. Jiang and I. L. Chuang, Confident Learning: Estimating
Uncertainty in Dataset Labels, JAIR 70 (2021), section 3.2, which defines the
filters.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from mentornet_tf.analysis import confident_learning
from mentornet_tf.analysis.label_arrays import given_probability
from mentornet_tf.analysis.label_quality import quality_scores
from mentornet_tf.errors import UserError
from mentornet_tf.internal.choices import check_choice

FILTERS = (
  "prune_by_noise_rate",
  "prune_by_class",
  "both",
  "confident_learning",
  "predicted_neq_given",
  "low_normalized_margin",
  "low_self_confidence",
)
_PRUNING = ("prune_by_noise_rate", "prune_by_class", "both")


@dataclasses.dataclass(frozen=True)
class IssueFilter:
  """Which labels count as issues.

  Attributes:
    filter_by: one of `FILTERS`:
      prune_by_noise_rate: of the labels i, as many as the joint distribution
        has at (i, j), with the largest margins p_j − p_i, for each class j;
      prune_by_class: of the labels i, as many as it has beside the diagonal,
        with the smallest p_i;
      both: what both of these flag;
      confident_learning: confident in another class than the given one;
      predicted_neq_given: most probable class other than the given one;
      low_self_confidence, low_normalized_margin: of all labels, as many as
        confident_learning flags, with the smallest quality.
    frac_noise: the pruning filters flag this share of every estimated number,
      rounded down.
    num_to_remove_per_class: how many of each class' labels the pruning filters
      flag; None takes what was estimated.
    min_examples_per_class: how many labels of each class the pruning filters
      leave.
    confident_joint: [K, K] counts of given and suggested labels to prune by;
      None counts them.
  """

  filter_by: str = "prune_by_noise_rate"
  frac_noise: float = 1.0
  num_to_remove_per_class: Sequence[int] | None = None
  min_examples_per_class: int = 1
  confident_joint: np.ndarray | None = None

  def __post_init__(self) -> None:
    check_choice("filter_by", self.filter_by, FILTERS)
    if not 0 < self.frac_noise <= 1:
      raise UserError(
        f"frac_noise: expected a share above 0, up to 1, got {self.frac_noise}"
        "; 1 flags all that are estimated"
      )
    if self.min_examples_per_class < 0:
      raise UserError(
        "min_examples_per_class: expected at least 0, got "
        f"{self.min_examples_per_class}; try 1"
      )
    pruning_only = {
      "frac_noise": self.frac_noise != 1,
      "num_to_remove_per_class": self.num_to_remove_per_class is not None,
    }
    for name, given in pruning_only.items():
      if given and self.filter_by not in _PRUNING:
        raise UserError(
          f"{name}: expected it with `filter_by` {', '.join(_PRUNING)} only, "
          f"got {self.filter_by!r}; leave it out"
        )

  def mask(self, labels: np.ndarray, pred_probs: np.ndarray) -> np.ndarray:
    """[N] bool, the labels to flag.

    A label that is the most probable class is never flagged.

    Args:
      labels: [N] int64.
      pred_probs: [N, K], rows sum to 1.

    Raises:
      UserError: an attribute does not fit the number of classes.
    """
    differs = pred_probs.argmax(axis=1) != labels
    if self.filter_by == "predicted_neq_given":
      return differs
    chosen = confident_learning.confident_classes(labels, pred_probs)
    is_off_diagonal = (chosen >= 0) & (chosen != labels) & differs
    if self.filter_by == "confident_learning":
      return is_off_diagonal
    if self.filter_by in _PRUNING:
      counts = self._prune_counts(labels, chosen, pred_probs.shape[1])
      flagged = np.ones(len(labels), bool)
      if self.filter_by != "prune_by_class":
        shares = np.floor(self.frac_noise * counts).astype(np.int64)
        flagged &= _by_noise_rate(labels, pred_probs, shares)
      if self.filter_by != "prune_by_noise_rate":
        shares = np.ceil(self.frac_noise * counts.sum(axis=1) - 1e-9)
        flagged &= _by_class(labels, pred_probs, shares.astype(np.int64))
      return flagged & differs
    method = self.filter_by.removeprefix("low_")
    scores = quality_scores(labels, pred_probs, method)
    flagged = np.zeros(len(labels), bool)
    lowest = np.argsort(scores, kind="stable")
    flagged[lowest[: np.count_nonzero(is_off_diagonal)]] = True
    return flagged

  def _prune_counts(
    self, labels: np.ndarray, chosen: np.ndarray, num_classes: int
  ) -> np.ndarray:
    """[K, K] int64, how many of the labels i to flag in favor of class j."""
    class_counts = np.bincount(labels, minlength=num_classes)
    if self.confident_joint is None:
      joint = confident_learning.confident_joint(labels, chosen, num_classes)
    else:
      joint = confident_learning.check_joint(self.confident_joint, num_classes)
    counts = confident_learning.calibrated(joint, class_counts)
    if self.num_to_remove_per_class is not None:
      wanted = _per_class(self.num_to_remove_per_class, num_classes)
      counts = _with_row_sums(counts, class_counts, wanted)
    counts = confident_learning.rounded_rows(counts)
    removed = class_counts - counts.diagonal()
    most = np.maximum(class_counts - self.min_examples_per_class, 0)
    if (removed > most).any():
      counts = confident_learning.rounded_rows(
        _with_row_sums(counts, class_counts, np.minimum(removed, most))
      )
    np.fill_diagonal(counts, 0)
    return counts


def _with_row_sums(
  counts: np.ndarray, class_counts: np.ndarray, wanted: np.ndarray
) -> np.ndarray:
  """The joint with `wanted` labels of each class beside the diagonal."""
  counts = counts.astype(np.float64)
  np.fill_diagonal(counts, 0)
  sums = counts.sum(axis=1)
  wanted = np.minimum(np.where(sums > 0, wanted, 0), class_counts)
  counts *= (wanted / np.maximum(sums, 1e-300))[:, None]
  np.fill_diagonal(counts, class_counts - wanted)
  return counts


def _per_class(numbers: Any, num_classes: int) -> np.ndarray:
  array = np.asarray(numbers)
  is_count = array.dtype.kind in "iu" and (array >= 0).all()
  if array.shape != (num_classes,) or not is_count:
    raise UserError(
      f"num_to_remove_per_class: expected {num_classes} whole numbers from 0 "
      f"on, one per class, got {numbers!r}; leave it out to have them estimated"
    )
  return array.astype(np.float64)


def _by_noise_rate(
  labels: np.ndarray, pred_probs: np.ndarray, counts: np.ndarray
) -> np.ndarray:
  flagged = np.zeros(len(labels), bool)
  for given in np.flatnonzero(counts.any(axis=1)):
    members = np.flatnonzero(labels == given)
    rows = np.asarray(pred_probs[members], np.float64)
    for other in np.flatnonzero(counts[given]):
      margins = rows[:, other] - rows[:, given]
      largest = np.argsort(-margins, kind="stable")[: counts[given, other]]
      flagged[members[largest]] = True
  return flagged


def _by_class(
  labels: np.ndarray, pred_probs: np.ndarray, counts: np.ndarray
) -> np.ndarray:
  flagged = np.zeros(len(labels), bool)
  own = given_probability(labels, pred_probs)
  for given in np.flatnonzero(counts):
    members = np.flatnonzero(labels == given)
    smallest = np.argsort(own[members], kind="stable")
    flagged[members[smallest[: counts[given]]]] = True
  return flagged
