"""How many labels are noisy, and which classes are confused, with intervals.

The estimates are those of confident learning (`confident_learning`), the
intervals are Wilson's.
"""

import dataclasses
import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np

from mentornet_tf.analysis import confident_learning
from mentornet_tf.errors import UserError

# Fewer confident examples say next to nothing.
LEAST_CONFIDENT = 30
# Matrices of more classes are not written to JSON.
_MOST_CLASSES = 100


@dataclasses.dataclass(frozen=True)
class ConfusedPair:
  """Labels of one class that seem to belong to another.

  Attributes:
    given: the given class.
    suggested: the class that they seem to have.
    count: estimated number of such labels.
    interval: its confidence interval.
  """

  given: int
  suggested: int
  count: float
  interval: tuple[float, float]


@dataclasses.dataclass(frozen=True)
class NoiseEstimate:
  """Estimated label noise of N examples of K classes.

  The intervals are of the labels' sampling alone. They do not cover errors of
  the model: one that has memorized its labels finds too little noise, one that
  confuses two classes finds noise between them.

  From fewer than `LEAST_CONFIDENT` confident examples nothing is estimated:
  `is_known` is False then, and `share`, `interval` and `joint` are NaN.

  Attributes:
    num_examples: N.
    num_confident: examples that are confident in a class, which the estimates
      rest on.
    share: of the labels that are noisy, in 0..1.
    interval: the confidence interval of `share`.
    confidence: of all intervals, such as .95.
    joint: [K, K] float64, estimated labels by given (row) and suggested class.
    pairs: all pairs of different classes with examples, largest first.
    class_names: K names; None shows numbers.
  """

  num_examples: int
  num_confident: int
  share: float
  interval: tuple[float, float]
  confidence: float
  joint: np.ndarray
  pairs: tuple[ConfusedPair, ...]
  class_names: tuple[str, ...] | None = None

  @property
  def is_known(self) -> bool:
    """Whether there were enough confident examples."""
    return self.num_confident >= LEAST_CONFIDENT

  @property
  def why_unknown(self) -> str:
    """A line on what is missing; "" where nothing is."""
    if self.is_known:
      return ""
    return (
      f"labels: expected at least {LEAST_CONFIDENT} examples of which the "
      f"model is confident, got {self.num_confident} of {self.num_examples}; "
      "rank more examples to estimate their noise"
    )

  @property
  def suggested_by_given(self) -> np.ndarray:
    """[K, K] P(suggested j | given i), rows sum to 1; 0 without labels."""
    sums = self.joint.sum(axis=1, keepdims=True)
    return self.joint / np.where(sums > 0, sums, 1)

  @property
  def given_by_suggested(self) -> np.ndarray:
    """[K, K] P(given i | suggested j), columns sum to 1: the noise matrix."""
    sums = self.joint.sum(axis=0, keepdims=True)
    return self.joint / np.where(sums > 0, sums, 1)

  def as_json(self) -> dict[str, Any]:
    """What `metrics.json` holds; matrices of at most 100 classes."""
    values: dict[str, Any] = {
      "share": self.share,
      "interval": list(self.interval),
      "confidence": self.confidence,
      "num_examples": self.num_examples,
      "num_confident": self.num_confident,
      "pairs": [
        {**dataclasses.asdict(pair), "interval": list(pair.interval)}
        for pair in self.pairs[:_MOST_CLASSES]
      ],
    }
    if len(self.joint) <= _MOST_CLASSES:
      values["joint"] = self.joint.tolist()
      values["suggested_by_given"] = self.suggested_by_given.tolist()
      values["given_by_suggested"] = self.given_by_suggested.tolist()
    return values

  def lines(self, num_pairs: int = 3) -> list[str]:
    """Readable lines, or one that says why there is no estimate."""
    if not self.is_known:
      return [f"note: no estimate of the label noise: {self.why_unknown}"]
    low, high = self.interval
    lines = [
      f"estimated noisy labels: {100 * self.share:.1f} % "
      f"({100 * self.confidence:g} % interval {100 * low:.1f} to "
      f"{100 * high:.1f} %), {round(self.share * self.num_examples)} of "
      f"{self.num_examples}"
    ]
    shown = [pair for pair in self.pairs[:num_pairs] if pair.count >= 1]
    if shown:
      lines.append(
        "most confused, given → suggested: "
        + ", ".join(
          f"{self._name(pair.given)} → {self._name(pair.suggested)} "
          f"{pair.count:.0f} ({pair.interval[0]:.0f} to "
          f"{pair.interval[1]:.0f})"
          for pair in shown
        )
      )
    lines.append(
      f"from the {self.num_confident} labels of which the model is confident; "
      "its own mistakes count, too, so this is too high where its accuracy is "
      "low"
    )
    return lines

  def __str__(self) -> str:
    return "\n".join(self.lines(num_pairs=5))

  def _name(self, number: int) -> str:
    return self.class_names[number] if self.class_names else str(number)


def estimate_noise(
  labels: np.ndarray,
  pred_probs: np.ndarray,
  *,
  class_names: Sequence[str] | None = None,
  confidence: float = 0.95,
) -> NoiseEstimate:
  """Estimates label noise from probabilities.

  Of the n_i labels i, m_i examples are confident in a class, c_ij of them in j
  (`confident_learning.confident_joint`). With W_i = n_i / N and r_i = 1 − c_ii
  / m_i:

  - joint: n_i c_ij / m_i;
  - share s = Σ_i W_i r_i, with Wilson's interval of n_e examples, where n_e =
    s(1 − s) / v and v = Σ_i W_i² r_i(1 − r_i) / m_i + (Σ_i W_i r_i² − s²) / N
    is the variance of s in stratified sampling;
  - pairs: n_i times Wilson's interval of c_ij among m_i.

  Args:
    labels: [N] int64, given labels.
    pred_probs: [N, K], rows sum to 1.
    class_names: K names.
    confidence: of the intervals.

  Raises:
    UserError: fewer than `LEAST_CONFIDENT` examples are confident, or an
      argument is out of range.
  """
  estimate = summarize_noise(
    labels, pred_probs, class_names=class_names, confidence=confidence
  )
  if not estimate.is_known:
    raise UserError(estimate.why_unknown)
  return estimate


def summarize_noise(
  labels: np.ndarray,
  pred_probs: np.ndarray,
  *,
  class_names: Sequence[str] | None = None,
  confidence: float = 0.95,
) -> NoiseEstimate:
  """`estimate_noise`, or what says that too few examples are confident.

  Args:
    labels: [N] int64, given labels.
    pred_probs: [N, K], rows sum to 1.
    class_names: K names.
    confidence: of the intervals.

  Returns:
    An estimate, of which `is_known` tells whether it holds one.

  Raises:
    UserError: an argument is out of range.
  """
  if not 0 < confidence < 1:
    raise UserError(
      f"confidence: expected a number between 0 and 1, got {confidence}; try "
      "0.95"
    )
  num_examples, num_classes = pred_probs.shape
  chosen = confident_learning.confident_classes(labels, pred_probs)
  num_confident = int(np.count_nonzero(chosen >= 0))
  names = None if class_names is None else tuple(map(str, class_names))
  if num_confident < LEAST_CONFIDENT:
    return NoiseEstimate(
      num_examples,
      num_confident,
      math.nan,
      (math.nan, math.nan),
      confidence,
      np.full((num_classes, num_classes), math.nan),
      (),
      names,
    )
  counts = confident_learning.confident_joint(labels, chosen, num_classes)
  class_counts = np.bincount(labels, minlength=num_classes)
  confident = counts.sum(axis=1)
  class_share = class_counts / num_examples
  rates = 1 - counts.diagonal() / confident
  share = float(class_share @ rates)
  variance = class_share**2 @ (rates * (1 - rates) / confident)
  variance += (class_share @ rates**2 - share**2) / num_examples
  effective = (
    share * (1 - share) / variance if variance > 1e-12 else num_confident
  )
  joint = confident_learning.calibrated(counts, class_counts)
  return NoiseEstimate(
    num_examples,
    num_confident,
    share,
    wilson_interval(share, effective, confidence),
    confidence,
    joint,
    _pairs(joint, class_counts, confident, confidence),
    names,
  )


def wilson_interval(
  share: float, number: float, confidence: float
) -> tuple[float, float]:
  """Wilson's score interval of a share among `number` examples.

  (s + z²/2n ± z √(s(1 − s)/n + z²/4n²)) / (1 + z²/n), E. B. Wilson, JASA 22
  (1927).
  """
  share, number = float(share), float(number)
  z = NormalDist().inv_cdf((1 + confidence) / 2)
  center = share + z**2 / (2 * number)
  spread = z * (share * (1 - share) / number + z**2 / (4 * number**2)) ** 0.5
  scale = 1 + z**2 / number
  # The ends at shares of 0 and 1, but for rounding.
  low = (center - spread) / scale if share > 0 else 0.0
  high = (center + spread) / scale if share < 1 else 1.0
  return max(0.0, low), min(1.0, high)


def _pairs(
  joint: np.ndarray,
  class_counts: np.ndarray,
  confident: np.ndarray,
  confidence: float,
) -> tuple[ConfusedPair, ...]:
  beside = joint * (1 - np.eye(len(joint)))
  given, suggested = np.nonzero(beside)
  order = np.argsort(-beside[given, suggested], kind="stable")
  pairs = []
  for i, j in zip(given[order], suggested[order], strict=True):
    low, high = wilson_interval(
      beside[i, j] / class_counts[i], confident[i], confidence
    )
    pairs.append(
      ConfusedPair(
        int(i),
        int(j),
        float(beside[i, j]),
        (low * int(class_counts[i]), high * int(class_counts[i])),
      )
    )
  return tuple(pairs)
