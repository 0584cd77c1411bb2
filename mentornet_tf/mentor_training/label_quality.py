"""How well a mentor tells right from wrong labels on a held-out loss dump.

Three scores compete: the weight of a learned mentor, the weight of another one,
such as mentornet_pd, and the plain loss (small means right). Each is judged by
the area under its ROC curve over all batches and epochs together.
"""

from dataclasses import dataclass

import keras
import numpy as np

from mentornet_tf.errors import UserError
from mentornet_tf.mentor_training.loss_dump import LossDump

_BATCH = 65_536


@dataclass(frozen=True)
class LabelQuality:
  """The area under a ROC curve with its bootstrap interval, all in 0..1."""

  auc: float
  low: float
  high: float


def compare_label_quality(
  dump: LossDump,
  mentors: dict[str, keras.Model],
  *,
  percentile: float,
  resamples: int = 1000,
  confidence: float = 0.95,
  seed: int = 0,
) -> dict[str, LabelQuality]:
  """Judges mentors and the plain loss on one dump.

  Args:
    dump: losses of examples that no mentor has learned from.
    mentors: name -> mentor.
    percentile: 0..100, the percentile that loss differences are taken to, by
      epoch: a mentor in use follows its student's losses.
    resamples: bootstrap samples. They draw examples (all epochs of an example
      together when the dump has ids), and the same ones for every score, so
      that two intervals may be compared.
    confidence: share of the resamples inside the interval.
    seed: seed of the bootstrap.

  Returns:
    The quality of every mentor under its name, and of the plain loss under
    "loss".

  Raises:
    UserError: fewer than two rows a label kind, or a number out of range.
  """
  clean = dump.target_weights().astype(bool)
  if not 0 < clean.sum() < len(clean):
    raise UserError(
      f"{dump.name}: expected right and wrong labels, got {clean.sum()} right "
      f"of {len(clean)}; give a dump of noisy data"
    )
  if not 0 < confidence < 1:
    raise UserError(
      f"confidence: expected a share between 0 and 1, got {confidence}"
    )
  features = dump.features(percentile, by_epoch=True)
  scores = {name: mentor_logits(m, features) for name, m in mentors.items()}
  scores["loss"] = -dump.loss
  areas = {name: _RocArea(score, clean) for name, score in scores.items()}
  _, example = np.unique(dump.example_id, return_inverse=True)
  count = example.max() + 1
  generator = np.random.default_rng(seed)
  samples = {name: [] for name in scores}
  for _ in range(resamples):
    drawn = generator.integers(0, count, count)
    weights = np.bincount(drawn, minlength=count)[example]
    for name, area in areas.items():
      samples[name].append(area(weights))
  tail = 50 * (1 - confidence)
  return {
    name: LabelQuality(
      float(area(np.ones(len(clean)))),
      *(float(v) for v in np.nanpercentile(samples[name], [tail, 100 - tail])),
    )
    for name, area in areas.items()
  }


class _RocArea:
  """The area under one score's ROC curve for many weightings of its rows.

  Sorting once makes a resample cheap.
  """

  def __init__(self, score: np.ndarray, clean: np.ndarray):
    self._order = np.argsort(score, kind="stable")
    ordered = score[self._order]
    new = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    self._starts = np.flatnonzero(new)  # of each run of ties
    self._clean = clean[self._order]

  def __call__(self, weights: np.ndarray) -> float:
    """Share of weighted (right, wrong) pairs in order, ties counting half.

    NaN if one kind has no weight.
    """
    weights = weights[self._order].astype(np.float64)
    right = np.add.reduceat(weights * self._clean, self._starts)
    wrong = np.add.reduceat(weights * ~self._clean, self._starts)
    below = np.cumsum(wrong) - wrong
    pairs = right.sum() * wrong.sum()
    return np.dot(right, below + 0.5 * wrong) / pairs if pairs else np.nan


def mentor_logits(mentor: keras.Model, features: np.ndarray) -> np.ndarray:
  """[N] logits; unlike weights, they keep their order when saturated."""
  parts = [
    keras.ops.convert_to_numpy(
      mentor(features[start : start + _BATCH].astype(np.float32))
    )
    for start in range(0, len(features), _BATCH)
  ]
  return np.concatenate(parts)[:, 0]
