"""The images whose true labels a mentor may learn from during a run."""

from collections.abc import Iterable

import numpy as np

from mentornet_tf.errors import UserError
from mentornet_tf.training import recipes
from mentornet_tf.training.training_data import (
  TrainingData,
  as_training_data,
  named_damage,
)

# Tells the draw of the subset from other draws of one seed.
_STREAM = 7


def clean_subset(
  settings: recipes.TrainingSettings,
  train_data: TrainingData,
  clean_data: TrainingData | None = None,
) -> TrainingData:
  """The images whose true labels the updates of a mentor may use.

  Raises:
    UserError: none are given, both kinds are, or true labels are not known.
  """
  fraction = settings.clean_fraction
  if (clean_data is None) == (fraction == 0):
    raise UserError(
      "update_mentor_at: expected either --clean_data_dir or a "
      "--clean_fraction above 0 of the training images, got "
      f"{'neither' if clean_data is None else 'both'}; give one of them"
    )
  if clean_data is None:
    order = np.random.default_rng([settings.seed, _STREAM]).permutation(
      len(train_data)
    )
    count = max(2, round(fraction * len(train_data)))
    clean_data = train_data.take(np.sort(order[:count]))
  clean_data = as_training_data(clean_data, settings)
  if not clean_data.has_clean_labels:
    raise UserError(
      "update_mentor_at: expected true labels for every image of the "
      f"clean-labelled subset, got {clean_data.name} with unknown ones; give a "
      "set whose true labels are known with --clean_data_dir"
    )
  if clean_data.run_summary()["measured_noise_rate"] in (0, 1):
    raise UserError(
      "update_mentor_at: expected right and wrong labels in the clean-labelled "
      f"subset, got {len(clean_data)} of one kind; give a larger share, or a "
      "set whose labels are as noisy as the training images'"
    )
  if clean_data.num_classes != train_data.num_classes:
    raise UserError(
      f"clean_data_dir: expected the {train_data.num_classes} classes of the "
      f"training images, got {clean_data.num_classes}; give images of the same "
      "classes"
    )
  return clean_data


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
