"""A set of images of any size that are read as they are needed."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from mentornet_tf.datasets.images.bytes_columns import BytesColumn
from mentornet_tf.datasets.reading.crops import as_pixels
from mentornet_tf.datasets.reading.dataset import (
  EvaluationBatches,
  named_damage,
)
from mentornet_tf.datasets.reading.preparation import (
  WHOLE_BATCH,
  BatchSlice,
  Crop,
)
from mentornet_tf.datasets.reading.streamed_records import StreamedRecords
from mentornet_tf.datasets.reading.streaming import (
  streamed_evaluation_batches,
  streamed_training_batches,
  training_indices,
)
from mentornet_tf.datasets.records.damaged import damaged_entry
from mentornet_tf.datasets.records.paths import read_paths

# Images that are decoded at a time where they are only to be looked at.
_SHOWN_AT_ONCE = 16


@dataclass(frozen=True)
class StreamedData:
  """Images of any size, read as they are needed; see `reading.streaming`.

  Attributes:
    records: where they are.
    crop: how they are cut.
  """

  records: StreamedRecords
  crop: Crop

  def __len__(self) -> int:
    return len(self.records)

  @property
  def name(self) -> str:
    return self.records.name

  @property
  def num_classes(self) -> int:
    return self.records.num_classes

  @property
  def class_names(self) -> tuple[str, ...]:
    return self.records.class_names

  @property
  def has_clean_labels(self) -> bool:
    return self.records.has_clean_labels

  @property
  def has_checked_labels(self) -> bool:
    return self.records.has_checked_labels

  def training_batches(
    self,
    batch_size: int,
    *,
    seed: int,
    start_step: int,
    part: BatchSlice = WHOLE_BATCH,
  ) -> tf.data.Dataset:
    return streamed_training_batches(
      self.records,
      batch_size,
      self.crop,
      seed=seed,
      start_step=start_step,
      part=part,
    )

  def evaluation_batches(self, batch_size: int) -> tf.data.Dataset:
    return streamed_evaluation_batches(self.records, batch_size, self.crop)

  def take(self, positions: np.ndarray) -> "StreamedData":
    return replace(self, records=self.records.take(positions))

  def labels(self) -> tuple[np.ndarray, np.ndarray]:
    with named_damage(lambda: self.records.describe_damage(range(len(self)))):
      return self.records.labels()

  def paths(self) -> BytesColumn:
    with named_damage(lambda: self.records.describe_damage(range(len(self)))):
      return read_paths(self.records.index)

  def pixels(self, positions: np.ndarray) -> np.ndarray:
    order = np.argsort(positions)
    batches = EvaluationBatches(self.take(positions[order]), _SHOWN_AT_ONCE)
    rising = np.concatenate([as_pixels(each["image"]) for each in batches])
    pixels = np.empty_like(rising)
    pixels[order] = rising
    return pixels

  def run_summary(self) -> dict[str, Any]:
    return {
      "name": self.name,
      "num_examples": len(self),
      "num_classes": self.num_classes,
      "class_names": list(self.class_names),
      "image_shape": [self.crop.size, self.crop.size, 3],
      # That of the whole set is not that of a part.
      "measured_noise_rate": None
      if self.records.is_part
      else self.records.noise.get("measured_rate"),
      "noise": self.records.noise or None,
      **damaged_entry(self.records.damaged),
    }

  def training_damage(
    self, step: int, batch_size: int, seed: int
  ) -> str | None:
    indices = training_indices(step, batch_size, len(self), seed)
    return self.records.describe_damage(indices)

  def evaluation_damage(self, step: int, batch_size: int) -> str | None:
    indices = range(len(self))[step * batch_size :][:batch_size]
    return self.records.describe_damage(indices)
