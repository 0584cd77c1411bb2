"""A set of small images that are held in memory, as training sees it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from mentornet_tf.datasets.images.bytes_columns import BytesColumn
from mentornet_tf.datasets.labels.clean_labels import is_checked
from mentornet_tf.datasets.labels.noise import measured_noise_rate
from mentornet_tf.datasets.reading.in_memory import (
  evaluation_batches,
  training_batches,
)
from mentornet_tf.datasets.reading.preparation import (
  WHOLE_BATCH,
  Augmentation,
  BatchSlice,
)
from mentornet_tf.datasets.records.damaged import damaged_entry
from mentornet_tf.datasets.records.schema import InMemoryDataset


@dataclass(frozen=True)
class InMemoryData:
  """Decoded images of one size; see `reading.in_memory`.

  Attributes:
    dataset: the images.
    augmentation: how training images are varied.
  """

  dataset: InMemoryDataset
  augmentation: Augmentation

  def __len__(self) -> int:
    return len(self.dataset)

  @property
  def name(self) -> str:
    return self.dataset.name

  @property
  def num_classes(self) -> int:
    return self.dataset.num_classes

  @property
  def class_names(self) -> tuple[str, ...]:
    return self.dataset.class_names

  @property
  def has_clean_labels(self) -> bool:
    return bool((self.dataset.clean_labels >= 0).all())

  @property
  def has_checked_labels(self) -> bool:
    return bool(is_checked(self.dataset.clean_labels).all())

  @property
  def crop(self) -> None:
    return None

  def training_batches(
    self,
    batch_size: int,
    *,
    seed: int,
    start_step: int,
    part: BatchSlice = WHOLE_BATCH,
  ) -> tf.data.Dataset:
    return training_batches(
      self.dataset,
      batch_size,
      self.augmentation,
      seed=seed,
      start_step=start_step,
      part=part,
    )

  def evaluation_batches(self, batch_size: int) -> tf.data.Dataset:
    return evaluation_batches(self.dataset, batch_size)

  def take(self, positions: np.ndarray) -> "InMemoryData":
    return replace(self, dataset=self.dataset.take(positions))

  def labels(self) -> tuple[np.ndarray, np.ndarray]:
    return self.dataset.labels, self.dataset.clean_labels

  def paths(self) -> BytesColumn | None:
    return self.dataset.paths

  def pixels(self, positions: np.ndarray) -> np.ndarray:
    return self.dataset.images[positions]

  def run_summary(self) -> dict[str, Any]:
    data = self.dataset
    return {
      "name": data.name,
      "num_examples": len(data),
      "num_classes": data.num_classes,
      "class_names": list(data.class_names),
      "image_shape": list(data.images.shape[1:]),
      "measured_noise_rate": measured_noise_rate(
        data.labels, data.clean_labels
      ),
      "noise": data.summary.get("noise"),
      # What the conversion did to the original images.
      "shorter_side": data.summary.get("shorter_side"),
      "square_side": data.summary.get("square_side"),
      **damaged_entry(data.damaged),
    }

  def training_damage(
    self, step: int, batch_size: int, seed: int
  ) -> str | None:
    return None  # whatever is in memory has been read

  def evaluation_damage(self, step: int, batch_size: int) -> str | None:
    return None
