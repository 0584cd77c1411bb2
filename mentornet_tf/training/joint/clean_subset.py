"""The images on whose clean labels a mentor may be trained during a run."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from mentornet_tf.datasets.labels.clean_labels import is_checked
from mentornet_tf.datasets.reading.dataset import TrainingData, named_damage
from mentornet_tf.datasets.records.class_agreement import check_class_names
from mentornet_tf.errors import UserError
from mentornet_tf.training.memory.indexed_inputs import with_index

# Keeps the choice of the subset independent of other uses of the same seed.
_STREAM = 7


@dataclass(frozen=True)
class CheckedSubset:
  """M images whose labels are checked.

  Attributes:
    data: the images, with both labels.
    positions: [M] int64, where they are in the training data; None of others.
  """

  data: TrainingData
  positions: np.ndarray | None


def clean_subset(
  train_data: TrainingData,
  clean_data: TrainingData | None,
  *,
  clean_fraction: float,
  seed: int,
) -> CheckedSubset:
  """The images of which the updates of a mentor may use if the label is clean.

  Args:
    train_data: the images for training.
    clean_data: those of them whose labels are checked are the subset.
    clean_fraction: without `clean_data`, the share of the images of
      `train_data` with checked labels that is the subset.
    seed: decides which these are.

  Raises:
    UserError: neither or both are given, the images do not match the training
      images, all their labels are clean, or all are noisy.
  """
  if (clean_data is None) == (clean_fraction == 0):
    raise UserError(
      "update_mentor_at: expected either `clean_data_dir` or a "
      "`clean_fraction` above 0 of the training images, got "
      f"{'neither' if clean_data is None else 'both'}; give one of them"
    )
  if clean_data is None:
    checked = _checked(train_data)
    order = np.random.default_rng([seed, _STREAM]).permutation(len(checked))
    count = max(2, round(clean_fraction * len(checked)))
    positions = checked[np.sort(order[:count])]
    subset = CheckedSubset(train_data.take(positions), positions)
  else:
    _check_alike(clean_data, train_data)
    checked = _checked(clean_data)
    if len(checked) < len(clean_data):
      clean_data = clean_data.take(checked)
    subset = CheckedSubset(clean_data, None)
  _check_labels(subset.data)
  return subset


def _checked(data: TrainingData) -> np.ndarray:
  """Increasing positions [M] int64 of the images whose labels are checked."""
  if data.has_checked_labels:
    return np.arange(len(data))
  _, clean_labels = data.labels()
  checked = np.flatnonzero(is_checked(clean_labels))
  if not len(checked):
    raise UserError(
      f"update_mentor_at: expected known clean labels in {data.name}, got "
      "none; write them as clean_label where you have checked them, or give "
      "other images as `clean_data_dir`"
    )
  return checked


def _check_alike(clean_data: TrainingData, train_data: TrainingData) -> None:
  if clean_data.num_classes != train_data.num_classes:
    raise UserError(
      f"clean_data_dir: expected images of {train_data.num_classes} classes as "
      f"for training, got {clean_data.num_classes}; give images of the same "
      "classes, or write them into the same records as the training images and "
      "set `clean_fraction` to 1"
    )
  check_class_names(
    "clean_data_dir",
    clean_data.class_names,
    train_data.class_names,
    "the training images",
  )
  expected, found = (
    data.run_summary()["image_shape"] for data in (train_data, clean_data)
  )
  if found != expected:
    raise UserError(
      f"clean_data_dir: expected images of {_size(expected)} as for training, "
      f"got {_size(found)}; write them with the same `image_size`"
    )


def _size(shape: list[int]) -> str:
  return "x".join(map(str, shape))


def _check_labels(clean_data: TrainingData) -> None:
  labels, clean_labels = clean_data.labels()
  is_noisy = labels != clean_labels
  unknown = ~is_checked(clean_labels)
  if unknown.any():
    # The summary of the records claims that all are known.
    raise UserError(
      "update_mentor_at: expected clean labels for all images of "
      f"{clean_data.name}, got {unknown.sum()} unknown ones; write "
      "the records again"
    )
  if is_noisy.all() or not is_noisy.any():
    raise UserError(
      "update_mentor_at: expected both clean and noisy labels in the "
      f"clean-labeled subset, got {len(is_noisy)} "
      f"{'noisy' if is_noisy.all() else 'clean'} ones only; keep the labels "
      "that the images came with, uncorrected, and use enough images to have "
      "both kinds"
    )


def update_batches(
  subset: CheckedSubset, batch_size: int, seed: int
) -> Iterable[tuple[Any, Any, Any]]:
  """One pass over the clean-labeled subset, as training sees its images.

  Those of the training data come with their index there.
  """
  data = subset.data
  batch_size = min(batch_size, len(data))
  batches: Iterator[Any] = iter(
    data.training_batches(batch_size, seed=seed, start_step=0)
  )
  for step in range(len(data) // batch_size):
    with named_damage(partial(data.training_damage, step, batch_size, seed)):
      batch = next(batches)
    images = batch["image"]
    if subset.positions is not None:
      index = subset.positions[np.asarray(batch["index"])]
      images = with_index(images, index)
    yield images, batch["label"], batch["label"] == batch["clean_label"]
