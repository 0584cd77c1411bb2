"""Batches from record sets of large images that are not held in memory.

Only the index of the records' places (`records.index`) is. Every record is read
where it lies when it is needed, so that the order is a random permutation of
the whole set in each pass, batch k is a pure function of the seed and k, and a
run that continues at step k starts there at once.

The price is one random read per image, which solid-state disks and the page
cache serve. Sequential reads would need a shuffle buffer and a replay.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from mentornet_tf.datasets.reading import raw_squares
from mentornet_tf.datasets.reading.crops import evaluation_crop, training_crop
from mentornet_tf.datasets.reading.in_memory import (
  CROP_STREAM,
  FLIP_STREAM,
  check_at_least,
  shuffled_index,
)
from mentornet_tf.datasets.reading.preparation import (
  WHOLE_BATCH,
  BatchSlice,
  Crop,
)
from mentornet_tf.datasets.reading.streamed_records import StreamedRecords
from mentornet_tf.datasets.records.access import record_reader
from mentornet_tf.datasets.records.parsing import checked_labels, parse_fields
from mentornet_tf.datasets.records.stored_images import StoredImage
from mentornet_tf.internal.cores import num_cores

# Twice as many batches are made at once as there are cores, since some wait for
# the storage, but no more than fit into these bytes.
_BYTES_AT_ONCE = 2**31
# (image of a record, [] int64 position in the sequence) to the square
# [size, size, 3] float32.
_Cut: TypeAlias = Callable[[StoredImage, tf.Tensor], tf.Tensor]
# The same to what becomes the square once a batch is whole.
_PartialCut: TypeAlias = Callable[[StoredImage, tf.Tensor], raw_squares.Square]


def streamed_training_batches(
  records: StreamedRecords,
  batch_size: int,
  crop: Crop,
  *,
  seed: int,
  start_step: int = 0,
  part: BatchSlice = WHOLE_BATCH,
) -> tf.data.Dataset:
  """Endless training batches; each pass visits every record once, reshuffled.

  Batch k depends on (records, batch_size, crop, seed, k) alone, and starting at
  any k takes the same time.

  Args:
    records: the set, N records.
    batch_size: B, at least 1.
    crop: how images are cut.
    seed: seed of order, crops and flips, at least 0.
    start_step: k of the first batch, at least 0.
    part: the slice of every batch that is read and decoded; it is the same as
      in the whole batch.

  Returns:
    Dicts of "image" float32 [B, size, size, 3] in [-1, 1] and "index" (in the
    set), "label", "clean_label" (-1 unknown, -2 known wrong), "id", each int64
    [B]. A record that cannot be used raises a `tf.errors` exception as its
    batch is read; `training_indices` and `StreamedRecords.describe_damage` tell
    which it is.

  Raises:
    UserError: an argument is outside its bounds.
  """
  check_at_least("batch_size", batch_size, 1)
  check_at_least("seed", seed, 0)
  check_at_least("start_step", start_step, 0)

  slice_ = part.positions(batch_size)

  def choose(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    position = _positions(step, batch_size)[slice_.start : slice_.stop]
    return position, shuffled_index(position, len(records), seed)

  def seeds(position: tf.Tensor) -> list[tf.Tensor]:
    return [
      tf.random.experimental.stateless_fold_in(
        tf.constant([seed, stream], tf.int64), position
      )
      for stream in (CROP_STREAM, FLIP_STREAM)
    ]

  def cut(image: StoredImage, position: tf.Tensor) -> tf.Tensor:
    return training_crop(image, crop, *seeds(position))

  def cut_raw(image: StoredImage, position: tf.Tensor) -> raw_squares.Square:
    return raw_squares.training_square(image, crop, *seeds(position))

  cuts_raw = records.is_raw and crop.train_crop != "resized"
  return _batches(
    tf.data.Dataset.counter(start_step).map(choose),
    records,
    len(slice_),
    cut,
    cut_raw if cuts_raw else None,
    crop.size,
  )


def streamed_evaluation_batches(
  records: StreamedRecords, batch_size: int, crop: Crop
) -> tf.data.Dataset:
  """All records once, in order, center-cropped; the last batch may be smaller.

  Args:
    records: the set.
    batch_size: B, at least 1.
    crop: how images are cut.

  Returns:
    Dicts as `streamed_training_batches` gives; it raises the same.
  """
  check_at_least("batch_size", batch_size, 1)
  num_batches = -(-len(records) // batch_size)

  def choose(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    position = _positions(step, batch_size)
    index = tf.boolean_mask(position, position < len(records))
    return index, index

  def cut(image: StoredImage, position: tf.Tensor) -> tf.Tensor:
    del position
    return evaluation_crop(image, crop)

  def cut_raw(image: StoredImage, position: tf.Tensor) -> raw_squares.Square:
    del position
    return raw_squares.evaluation_square(image, crop)

  return _batches(
    tf.data.Dataset.range(num_batches).map(choose),
    records,
    batch_size,
    cut,
    cut_raw if records.is_raw else None,
    crop.size,
  ).apply(tf.data.experimental.assert_cardinality(num_batches))


def training_indices(
  step: int, batch_size: int, num_records: int, seed: int
) -> np.ndarray:
  """[B] int64: which records make up training batch `step`."""
  position = _positions(tf.constant(step, tf.int64), batch_size)
  return shuffled_index(position, num_records, seed).numpy()


def _positions(step: tf.Tensor, batch_size: int) -> tf.Tensor:
  """[B] int64: places of a batch's examples in the sequence of all."""
  return step * batch_size + tf.range(batch_size, dtype=tf.int64)


def _batches(
  choices: tf.data.Dataset,
  records: StreamedRecords,
  batch_size: int,
  cut: _Cut,
  cut_raw: _PartialCut | None,
  size: int,
) -> tf.data.Dataset:
  """Reads and cuts chosen records.

  Several batches are made at once, each image by image within one thread, where
  memory allows as many batches as there are cores: handing every image from
  thread to thread costs as much as cutting it. What need not be done image by
  image is done once per batch, because every operation of a graph costs as much
  as copying some kilobytes.

  Args:
    choices: pairs of int64 [B]: positions in the sequence, and indices of the
      records there, of each batch.
    records: the set.
    batch_size: B; the last batch may be smaller unless there is none.
    cut: cuts an image.
    cut_raw: does so faster where images may be raw pixels; None where none are.
    size: side of the squares.

  Returns:
    Dicts as `streamed_training_batches` gives, in the order of the choices.
  """
  read = record_reader(records.index)

  def example(
    place: tuple[tf.Tensor, tf.Tensor], serialized: tf.Tensor
  ) -> tuple[Any, ...]:
    image, fields = parse_fields(serialized)
    return place, (cut_raw or cut)(image, place[0]), fields

  def collated(
    places: tuple[tf.Tensor, tf.Tensor], images: Any, fields: dict
  ) -> dict[str, tf.Tensor]:
    positions, chosen = places
    if cut_raw:
      images = raw_squares.whole_squares(images, positions, cut)
    labels = checked_labels(fields, chosen, records.num_classes)
    return {"image": images, "index": chosen, **labels}

  fitting = max(1, _BYTES_AT_ONCE // (batch_size * size * size * 3 * 4))
  at_once = min(max(2 * num_cores(), 4), fitting)
  threads_each = -(-num_cores() // at_once)
  is_endless = choices.cardinality() == tf.data.INFINITE_CARDINALITY

  def batch(positions: tf.Tensor, chosen: tf.Tensor) -> dict[str, tf.Tensor]:
    places = tf.data.Dataset.from_tensor_slices((positions, chosen))
    examples = tf.data.Dataset.zip(places, places.flat_map(read)).map(
      example,
      # One would hand each image to another thread, too.
      num_parallel_calls=threads_each if threads_each > 1 else None,
    )
    columns = examples.batch(batch_size, drop_remainder=is_endless)
    return collated(*columns.get_single_element())

  return choices.map(batch, num_parallel_calls=at_once, deterministic=True)
