"""Labels with the scores that rank them, whatever computed these."""

import dataclasses
import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mentornet_tf.analysis import label_exports
from mentornet_tf.analysis.label_arrays import (
  check_probabilities,
  given_probability,
)
from mentornet_tf.analysis.noise_estimates import NoiseEstimate, summarize_noise
from mentornet_tf.datasets.images.bytes_columns import BytesColumn
from mentornet_tf.datasets.images.listing import readable
from mentornet_tf.datasets.labels import clean_labels
from mentornet_tf.datasets.labels.clean_labels import UNKNOWN
from mentornet_tf.errors import UserError
from mentornet_tf.evaluation.label_detection import detection_quality
from mentornet_tf.internal.choices import check_choice

# The default is the mean loss: its AUROC was higher wherever both were measured
# (docs/suspect_labels.md).
RANKINGS = ("loss", "weight", "self_confidence")


@dataclasses.dataclass(frozen=True, repr=False)
class SuspectLabels:
  """Scores of N labels of K classes, in the order of the data.

  Means are over whatever gave them: a run's checkpoints, the visits that a
  memory of training keeps, or a single evaluation.

  Attributes:
    ids: [N] int64, stable positions of the images in their source.
    labels: [N] int64, the given labels.
    clean_labels: [N] int64, classes or values of `labels.clean_labels`.
    pred_probs: [N, K] of any float type, mean probabilities; rows sum to 1.
    mean_loss: [N] float64, mean losses of the given labels, in nats.
    mean_weight: [N] float64, mean weights of the curriculum in 0..1, before
      example dropout; all 1 without one.
    steps: the checkpoints' steps, oldest first; empty without checkpoints.
    rank_by: "loss", "weight" or "self_confidence", which gives the score.
    paths: N files, b"" where a record names none; None where none are known.
    class_names: K names; None where none are known.
    source: what gave the means: "checkpoints", "memory", "evaluation",
      "out-of-fold" or "arrays".
  """

  ids: np.ndarray
  labels: np.ndarray
  clean_labels: np.ndarray
  pred_probs: np.ndarray
  mean_loss: np.ndarray
  mean_weight: np.ndarray
  steps: tuple[int, ...] = ()
  rank_by: str = "loss"
  paths: BytesColumn | None = None
  class_names: tuple[str, ...] | None = None
  source: str = "arrays"

  @classmethod
  def from_arrays(
    cls,
    labels: Any,
    pred_probs: Any,
    *,
    loss: Any = None,
    weight: Any = None,
    ids: Any = None,
    clean_labels: Any = None,
    paths: Sequence[str] | BytesColumn | None = None,
    class_names: Sequence[str] | None = None,
    rank_by: str = "self_confidence",
    source: str = "arrays",
  ) -> "SuspectLabels":
    """A ranking from arrays, whatever computed them.

    Args:
      labels: [N] classes in 0..K−1.
      pred_probs: [N, K], rows sum to 1; not copied.
      loss: [N] mean losses of the given labels; None takes −log p.
      weight: [N] mean weights in 0..1; None takes 1.
      ids: [N] different whole numbers; None takes positions.
      clean_labels: [N] classes or values of `labels.clean_labels`; None where
        nothing is known.
      paths: N files.
      class_names: K names.
      rank_by: the quantity that gives the score.
      source: what computed the arrays.

    Raises:
      UserError: the arrays do not fit each other or are something else.
    """
    check_choice("rank_by", rank_by, RANKINGS)
    labels, pred_probs = check_probabilities(labels, pred_probs)
    number, num_classes = pred_probs.shape
    for name, values, expected in (
      ("loss", loss, number),
      ("weight", weight, number),
      ("ids", ids, number),
      ("clean_labels", clean_labels, number),
      ("paths", paths, number),
      ("class_names", class_names, num_classes),
    ):
      if values is not None and len(values) != expected:
        raise UserError(
          f"{name}: expected {expected}, got {len(values)}; give those of the "
          "labels and probabilities"
        )
    if loss is None:
      tiny = np.finfo(np.float64).tiny
      loss = -np.log(np.maximum(given_probability(labels, pred_probs), tiny))
    if paths is not None and not isinstance(paths, BytesColumn):
      paths = BytesColumn.of(os.fsencode(path) for path in paths)
    return cls(
      ids=_ids(ids, number),
      labels=labels,
      clean_labels=(
        np.full(number, UNKNOWN)
        if clean_labels is None
        else np.asarray(clean_labels, np.int64)
      ),
      pred_probs=pred_probs,
      mean_loss=_finite("loss", loss),
      mean_weight=np.ones(number)
      if weight is None
      else _finite("weight", weight),
      rank_by=rank_by,
      paths=paths,
      class_names=None if class_names is None else tuple(map(str, class_names)),
      source=source,
    )

  def __repr__(self) -> str:
    number, num_classes = self.pred_probs.shape
    return (
      f"<SuspectLabels: {number} labels of {num_classes} classes, ranked by "
      f"{self.rank_by} from {self.source}>"
    )

  @property
  def score(self) -> np.ndarray:
    """[N] float64, higher is more suspect.

    The mean loss, 1 − mean weight, or 1 − mean probability of the label.

    Weights are rounded to two decimals, the accuracy to which a mentor knows
    its curriculum: further digits would order the many weights near 0 and 1 by
    the mentor's errors.
    """
    if self.rank_by == "loss":
      return self.mean_loss
    if self.rank_by == "self_confidence":
      return 1 - given_probability(self.labels, self.pred_probs)
    return 1 - np.round(self.mean_weight, 2)

  @property
  def predicted_labels(self) -> np.ndarray:
    """[N] int64, the most probable classes."""
    return self.pred_probs.argmax(axis=1)

  @property
  def names_files(self) -> bool:
    """Whether the file of any image is known."""
    # Values that no row uses only appear in selections.
    return self.paths is not None and len(self.paths.buffer) > 0

  def path(self, index: int) -> str:
    """The file of an image as text, "" where it is not known."""
    return "" if self.paths is None else readable(self.paths[index])

  @functools.cached_property
  def order(self) -> np.ndarray:
    """[N] positions, most suspect first: by score, then by mean loss.

    The mean loss breaks ties, which are common: most weights are 0 or 1, and
    without a curriculum all are 1.
    """
    return np.lexsort((self.ids, -self.mean_loss, -self.score))

  def quality(self) -> dict[str, Any] | None:
    """How well noisy labels are detected, where clean ones are known.

    Returns:
      None where no label is checked, else "num_known" (the checked labels),
      "num_wrong" (the noisy ones of them), "suggestion_accuracy" (share of the
      noisy labels with a known clean label whose predicted class it is) and,
      under "by_loss", "by_weight" and "by_self_confidence", what
      `detection_quality` gives for each ranking. Shares are None where all
      labels are clean or all are noisy.
    """
    known = clean_labels.is_checked(self.clean_labels)
    if not known.any():
      return None
    all_noisy = clean_labels.is_noisy(self.labels, self.clean_labels)
    is_noisy = all_noisy[known]
    correctable = all_noisy & (self.clean_labels >= 0)
    is_corrected = self.predicted_labels == self.clean_labels
    return {
      "num_known": int(known.sum()),
      "num_wrong": int(is_noisy.sum()),
      "suggestion_accuracy": (
        float(is_corrected[correctable].mean()) if correctable.any() else None
      ),
      **{
        f"by_{rank_by}": detection_quality(
          dataclasses.replace(self, rank_by=rank_by)._suspicion()[known],
          is_noisy,
        )
        for rank_by in RANKINGS
      },
    }

  def summary(self, confidence: float = 0.95) -> NoiseEstimate:
    """How many labels are noisy and which classes are confused; printable.

    Where too few examples are confident, `is_known` is False, figures are NaN
    and what is printed is a note.
    """
    return summarize_noise(
      self.labels,
      self.pred_probs,
      class_names=self.class_names,
      confidence=confidence,
    )

  def to_datalab(self, output_dir: str | os.PathLike) -> Path:
    """Writes files for cleanlab's Datalab, see `write_datalab`."""
    return label_exports.write_datalab(self, output_dir)

  def to_fiftyone(
    self, output_dir: str | os.PathLike, image_dir: str | os.PathLike = ""
  ) -> Path:
    """Writes a file for FiftyOne, see `write_fiftyone`."""
    return label_exports.write_fiftyone(self, output_dir, image_dir)

  def _suspicion(self) -> np.ndarray:
    """[N] float64 that falls from the first to the last of the ranking."""
    suspicion = np.empty(len(self.ids))
    suspicion[self.order] = np.arange(len(self.ids))[::-1]
    return suspicion


def _ids(ids: Any, number: int) -> np.ndarray:
  if ids is None:
    return np.arange(number)
  array = np.asarray(ids)
  if array.dtype.kind not in "iu" or len(np.unique(array)) != number:
    raise UserError(
      f"ids: expected {number} different whole numbers, got "
      f"{len(np.unique(array))} different values of {array.dtype}; leave them "
      "out to count positions"
    )
  return array.astype(np.int64)


def _finite(name: str, values: Any) -> np.ndarray:
  array = np.asarray(values, np.float64)
  if array.ndim != 1 or not np.isfinite(array).all():
    raise UserError(
      f"{name}: expected one finite number per example, got the shape "
      f"{list(array.shape)} with {np.count_nonzero(~np.isfinite(array))} that "
      "are not finite; look for divergence in the training"
    )
  return array
