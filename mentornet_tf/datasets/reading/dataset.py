"""What training and evaluation read: sets in memory, or streamed from disk."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, TypeAlias

import numpy as np
import tensorflow as tf

from mentornet_tf.datasets.images.bytes_columns import BytesColumn
from mentornet_tf.datasets.labels.clean_labels import is_checked
from mentornet_tf.datasets.labels.noise import measured_noise_rate
from mentornet_tf.datasets.reading.crops import as_pixels
from mentornet_tf.datasets.reading.in_memory import (
  evaluation_batches,
  training_batches,
)
from mentornet_tf.datasets.reading.preparation import (
  NO_AUGMENTATION,
  Augmentation,
  Crop,
)
from mentornet_tf.datasets.reading.read_failures import named_damage
from mentornet_tf.datasets.reading.streaming import (
  StreamedRecords,
  streamed_evaluation_batches,
  streamed_training_batches,
  training_indices,
)
from mentornet_tf.datasets.records.paths import read_paths
from mentornet_tf.datasets.records.schema import InMemoryDataset

# Images that are decoded at a time where they are only to be looked at.
_SHOWN_AT_ONCE = 16

Batches: TypeAlias = tf.data.Dataset


class TrainingData(Protocol):
  """A set of N labelled images as training and evaluation see it.

  Attributes:
    name: `<dataset>_<split>`.
    num_classes: number of classes.
    class_names: the classes' names; their numbers where none are known.
    has_clean_labels: whether the clean label of every image is known.
    has_checked_labels: whether it is known of every label if it is clean; the
      clean label of a noisy one may then be unknown.
    crop: how images are cut; None where they are small and of one size.
  """

  @property
  def name(self) -> str: ...

  @property
  def num_classes(self) -> int: ...

  @property
  def class_names(self) -> tuple[str, ...]: ...

  @property
  def has_clean_labels(self) -> bool: ...

  @property
  def has_checked_labels(self) -> bool: ...

  @property
  def crop(self) -> Crop | None: ...

  def __len__(self) -> int:
    """N."""

  def training_batches(
    self, batch_size: int, *, seed: int, start_step: int
  ) -> Batches:
    """Endless batches, as `in_memory.training_batches` gives them."""

  def evaluation_batches(self, batch_size: int) -> Batches:
    """All images once, as `in_memory.evaluation_batches` gives them."""

  def take(self, positions: np.ndarray) -> "TrainingData":
    """The images at `positions` [M] int64, rising."""

  def labels(self) -> tuple[np.ndarray, np.ndarray]:
    """Labels and clean labels (see `labels.clean_labels`), each [N] int64.

    Raises:
      UserError: a record is damaged.
    """

  def paths(self) -> BytesColumn | None:
    """N files, b"" where a record names none; None where nothing could.

    Raises:
      UserError: a record is damaged.
    """

  def pixels(self, positions: np.ndarray) -> np.ndarray:
    """The images at `positions` [M] int64, in that order, to be looked at.

    Returns:
      [M, height, width, 3] uint8, cut as in evaluation where images are cut.

    Raises:
      UserError: a record is damaged.
    """

  def run_summary(self) -> dict[str, Any]:
    """What `run.json` says of the data."""

  def training_damage(
    self, step: int, batch_size: int, seed: int
  ) -> str | None:
    """One line on what makes training batch `step` unreadable, if anything."""

  def evaluation_damage(self, step: int, batch_size: int) -> str | None:
    """The same of evaluation batch `step`."""


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
    self, batch_size: int, *, seed: int, start_step: int
  ) -> Batches:
    return training_batches(
      self.dataset,
      batch_size,
      self.augmentation,
      seed=seed,
      start_step=start_step,
    )

  def evaluation_batches(self, batch_size: int) -> Batches:
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
      **_damaged_entry(data.damaged),
    }

  def training_damage(
    self, step: int, batch_size: int, seed: int
  ) -> str | None:
    return None  # whatever is in memory has been read

  def evaluation_damage(self, step: int, batch_size: int) -> str | None:
    return None


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
    self, batch_size: int, *, seed: int, start_step: int
  ) -> Batches:
    return streamed_training_batches(
      self.records, batch_size, self.crop, seed=seed, start_step=start_step
    )

  def evaluation_batches(self, batch_size: int) -> Batches:
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
      **_damaged_entry(self.records.damaged),
    }

  def training_damage(
    self, step: int, batch_size: int, seed: int
  ) -> str | None:
    indices = training_indices(step, batch_size, len(self), seed)
    return self.records.describe_damage(indices)

  def evaluation_damage(self, step: int, batch_size: int) -> str | None:
    indices = range(len(self))[step * batch_size :][:batch_size]
    return self.records.describe_damage(indices)


def _damaged_entry(damaged: tuple[str, ...]) -> dict[str, int]:
  """What `run_summary` says of records passed over."""
  return {"num_damaged": len(damaged)} if damaged else {}


def as_training_data(
  data: InMemoryDataset | TrainingData,
  augmentation: Augmentation = NO_AUGMENTATION,
) -> TrainingData:
  """Images in memory with how training varies them; others as they are."""
  if isinstance(data, InMemoryDataset):
    return InMemoryData(data, augmentation)
  return data


class EvaluationBatches:
  """All images once, each time anew; damaged records are named.

  Args:
    data: the set.
    batch_size: images in a batch; the last may be smaller.
  """

  def __init__(self, data: TrainingData, batch_size: int):
    self._data = data
    self._batch_size = batch_size
    self._batches = data.evaluation_batches(batch_size)

  def __len__(self) -> int:
    """How many batches there are."""
    return -(-len(self._data) // self._batch_size)

  def __iter__(self) -> Iterator[dict[str, tf.Tensor]]:
    batches: Iterator[Any] = iter(self._batches)
    for step in itertools.count():
      with named_damage(
        partial(self._data.evaluation_damage, step, self._batch_size)
      ):
        batch = next(batches, None)
      if batch is None:
        return
      yield batch
