"""How well a mentor detects label noise in a held-out loss dump.

Its weights are compared with those of other mentors, such as mentornet_pd, and
with the loss itself, where a small loss means a clean label. The measure is the
AUROC, the area under the ROC curve, over all examples and epochs together.
"""

from dataclasses import dataclass

import keras
import numpy as np

from mentornet_tf.curricula.mentor_input import takes_memory
from mentornet_tf.errors import UserError
from mentornet_tf.mentor_training.loss_dump import LossDump
from mentornet_tf.mentor_training.mentor_outputs import mentor_logits


@dataclass(frozen=True)
class LabelQuality:
  """An AUROC with its bootstrap confidence interval, all in 0..1."""

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
  """Compares mentors and the plain loss on one dump.

  Args:
    dump: losses of examples that no mentor was trained on.
    mentors: name -> mentor, of the loss or of what training remembers, too.
    percentile: 0..100, the percentile from which loss differences are taken, by
      epoch: a mentor in use follows its student's losses.
    resamples: number of bootstrap samples. Examples are sampled with all their
      epochs, and the same ones for every score, so that intervals can be
      compared.
    confidence: share of the resamples inside the interval.
    seed: seed of the bootstrap.

  Returns:
    The quality of every mentor under its name, and of the plain loss under
    "loss".

  Raises:
    UserError: all labels are clean or all are noisy, a number is out of range,
      or a mentor sees a memory that the dump does not hold.
  """
  clean = dump.target_weights().astype(bool)
  if not 0 < clean.sum() < len(clean):
    raise UserError(
      f"{dump.name}: expected both clean and noisy labels, got {clean.sum()} "
      f"clean ones of {len(clean)}; use a dump of noisy data"
    )
  if not 0 < confidence < 1:
    raise UserError(
      f"confidence: expected a share between 0 and 1, got {confidence}"
    )
  scores = {
    name: mentor_logits(mentor, _features_of(mentor, dump, percentile))
    for name, mentor in mentors.items()
  }
  scores["loss"] = -dump.loss
  areas = {name: _RocArea(score, clean) for name, score in scores.items()}
  _, example = np.unique(dump.example_id, return_inverse=True)
  count = example.max() + 1
  generator = np.random.default_rng(seed)
  samples: dict[str, list[float]] = {name: [] for name in scores}
  for _ in range(resamples):
    sample = generator.integers(0, count, count)
    weights = np.bincount(sample, minlength=count)[example]
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


def _features_of(
  mentor: keras.Model, dump: LossDump, percentile: float
) -> np.ndarray:
  """[N, 4] or [N, 8], as many as the mentor takes."""
  features = dump.memory_features if takes_memory(mentor) else dump.features
  return features(percentile, by_epoch=True)


class _RocArea:
  """The area under one score's ROC curve, for any weights of its rows.

  The rows are sorted once, which makes resamples cheap.
  """

  def __init__(self, score: np.ndarray, clean: np.ndarray):
    self._order = np.argsort(score, kind="stable")
    ordered = score[self._order]
    new = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    self._starts = np.flatnonzero(new)  # of each run of ties
    self._clean = clean[self._order]

  def __call__(self, weights: np.ndarray) -> float:
    """Share of weighted (clean, noisy) pairs in order, ties counting half.

    NaN if one kind has no weight.
    """
    weights = weights[self._order].astype(np.float64)
    clean = np.add.reduceat(weights * self._clean, self._starts)
    noisy = np.add.reduceat(weights * ~self._clean, self._starts)
    below = np.cumsum(noisy) - noisy
    pairs = clean.sum() * noisy.sum()
    return np.dot(clean, below + 0.5 * noisy) / pairs if pairs else np.nan
