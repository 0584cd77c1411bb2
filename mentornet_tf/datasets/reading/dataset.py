"""What training and evaluation read: sets in memory, or streamed from disk."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol, TypeAlias

import numpy as np
import tensorflow as tf

from mentornet_tf.datasets.images.bytes_columns import BytesColumn
from mentornet_tf.datasets.reading.in_memory_data import InMemoryData
from mentornet_tf.datasets.reading.preparation import (
  NO_AUGMENTATION,
  WHOLE_BATCH,
  Augmentation,
  BatchSlice,
  Crop,
)
from mentornet_tf.datasets.records.schema import InMemoryDataset
from mentornet_tf.errors import UserError

# TensorFlow quotes a damaged record in its message, which may not be text.
_READ_FAILURES = (tf.errors.OpError, UnicodeDecodeError)

Batches: TypeAlias = tf.data.Dataset


class TrainingData(Protocol):
  """A set of N labeled images as training and evaluation see it.

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
    self,
    batch_size: int,
    *,
    seed: int,
    start_step: int,
    part: BatchSlice = WHOLE_BATCH,
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


def as_training_data(
  data: InMemoryDataset | TrainingData,
  augmentation: Augmentation = NO_AUGMENTATION,
) -> TrainingData:
  """Images in memory with how training varies them; others as they are."""
  if isinstance(data, InMemoryDataset):
    return InMemoryData(data, augmentation)
  return data


@contextmanager
def named_damage(describe: Callable[[], str | None]) -> Iterator[None]:
  """Turns failures to read into errors of the user that name the record.

  Args:
    describe: one line on the damage; None if there is none, and then the
      failure stays what it was.
  """
  try:
    yield
  except _READ_FAILURES as error:
    damage = describe()
    if damage is None:
      raise
    raise UserError(damage) from error


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
