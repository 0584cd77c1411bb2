"""The images whose true labels a mentor may learn from during a run."""

from collections.abc import Iterable

import numpy as np

from mentornet_tf.datasets.reading.dataset import (
  TrainingData,
  as_training_data,
  named_damage,
)
from mentornet_tf.errors import UserError
from mentornet_tf.training import recipes

# Tells the draw of the subset from other draws of one seed.
_STREAM = 7


def clean_subset(
  settings: recipes.TrainingSettings,
  train_data: TrainingData,
  clean_data: TrainingData | None = None,
) -> TrainingData:
  """The images whose true labels the updates of a mentor may use.

  These are the images of `clean_data` whose true labels are known; without
  such, the share `settings.clean_fraction` of those of `train_data`.

  Raises:
    UserError: none are given, both kinds are, they are not like the training
      images, or their labels are not of both kinds.
  """
  fraction = settings.clean_fraction
  if (clean_data is None) == (fraction == 0):
    raise UserError(
      "update_mentor_at: expected either --clean_data_dir or a "
      "--clean_fraction above 0 of the training images, got "
      f"{'neither' if clean_data is None else 'both'}; give one of them"
    )
  if clean_data is None:
    known = _known(train_data)
    order = np.random.default_rng([settings.seed, _STREAM]).permutation(
      len(known)
    )
    count = max(2, round(fraction * len(known)))
    clean_data = train_data.take(known[np.sort(order[:count])])
  else:
    clean_data = as_training_data(clean_data, settings)
    _check_alike(clean_data, train_data)
    known = _known(clean_data)
    if len(known) < len(clean_data):
      clean_data = clean_data.take(known)
  _check_labels(clean_data)
  return clean_data


def _known(data: TrainingData) -> np.ndarray:
  """Positions [M] int64 of the images whose true labels are known, rising."""
  if data.has_clean_labels:
    return np.arange(len(data))
  _, clean_labels = data.labels()
  known = np.flatnonzero(clean_labels >= 0)
  if not len(known):
    raise UserError(
      f"update_mentor_at: expected true labels beside those of {data.name}, "
      "got none that are known; write them as clean_label where you have "
      "checked them, or give other images with --clean_data_dir"
    )
  return known


def _check_alike(clean_data: TrainingData, train_data: TrainingData) -> None:
  if clean_data.class_names != train_data.class_names:
    raise UserError(
      f"clean_data_dir: expected the {train_data.num_classes} classes of the "
      f"training images, {_shortened(train_data.class_names)}, got "
      f"{clean_data.num_classes}, {_shortened(clean_data.class_names)}; give "
      "images of the same classes, or write them in one set with those for "
      "training and take --clean_fraction=1"
    )
  expected, found = (
    data.run_summary()["image_shape"] for data in (train_data, clean_data)
  )
  if found != expected:
    raise UserError(
      f"clean_data_dir: expected images of {_size(expected)} as for training, "
      f"got {_size(found)}; write them with the same --image_size"
    )


def _shortened(names: tuple[str, ...]) -> str:
  shown = ", ".join(names[:10])
  return f"{shown}, …" if len(names) > 10 else shown


def _size(shape: list[int]) -> str:
  return "x".join(map(str, shape))


def _check_labels(clean_data: TrainingData) -> None:
  labels, clean_labels = clean_data.labels()
  wrong = labels != clean_labels
  if (clean_labels < 0).any():
    # Its summary says otherwise.
    raise UserError(
      f"update_mentor_at: expected true labels of all images of "
      f"{clean_data.name}, got {np.sum(clean_labels < 0)} unknown ones; write "
      "the records again"
    )
  if wrong.all() or not wrong.any():
    raise UserError(
      "update_mentor_at: expected right and wrong labels in the clean-labelled "
      f"subset, got {len(wrong)} {'wrong' if wrong.all() else 'right'} ones "
      "only; the labels have to be those that the images came with, not "
      "corrected ones, and images enough to have both kinds"
    )


def update_batches(
  settings: recipes.TrainingSettings, clean_data: TrainingData
) -> Iterable[tuple]:
  """One pass over the clean-labelled subset, as training sees its images."""
  batch_size = min(settings.batch_size, len(clean_data))
  seed = settings.seed
  batches = iter(
    clean_data.training_batches(batch_size, seed=seed, start_step=0)
  )
  for step in range(len(clean_data) // batch_size):
    with named_damage(
      lambda step=step: clean_data.training_damage(step, batch_size, seed)
    ):
      batch = next(batches)
    is_clean = batch["label"] == batch["clean_label"]
    yield batch["image"], batch["label"], is_clean
