"""Batches for training and evaluation from images held in memory.

A whole batch is cut out, flipped and standardized at once. Every training batch
is a pure function of the seed and the step, so a run that continues at step k
sees what an uninterrupted one would have seen, without replaying k batches.
"""

import numpy as np
import tensorflow as tf

from mentornet_tf.datasets.reading.plans import (
  CROP_STREAM,
  FLIP_STREAM,
  ORDER_STREAM,
  SHUFFLE_ROUNDS,
  canvas_offset,
  check_at_least,
)
from mentornet_tf.datasets.reading.preparation import (
  WHOLE_BATCH,
  Augmentation,
  BatchSlice,
)
from mentornet_tf.datasets.records.schema import InMemoryDataset
from mentornet_tf.internal import stateless_random


def training_batches(
  dataset: InMemoryDataset,
  batch_size: int,
  augmentation: Augmentation,
  *,
  seed: int,
  start_step: int = 0,
  part: BatchSlice = WHOLE_BATCH,
) -> tf.data.Dataset:
  """Endless training batches; each pass visits every image once, reshuffled.

  Batch k depends on (dataset, batch_size, augmentation, seed, k) alone, and
  starting at any k takes the same time.

  Args:
    dataset: the images, N of them.
    batch_size: B, at least 1.
    augmentation: how images are varied before standardization.
    seed: seed of order, crops and flips, at least 0.
    start_step: k of the first batch, at least 0.
    part: the slice of every batch that is read; it is the same as in the whole
      batch.

  Returns:
    Dicts of "image" float32 [B, crop, crop, 3], standardized per image, and
    "index" (in the data set), "label", "clean_label" (-1 unknown, -2 known
    wrong), "id", each int64 [B].

  Raises:
    UserError: an argument is outside its bounds.
  """
  check_at_least("batch_size", batch_size, 1)
  check_at_least("seed", seed, 0)
  check_at_least("start_step", start_step, 0)
  slice_ = part.positions(batch_size)
  num_images = len(dataset)
  source = _PixelSource(dataset, augmentation.crop + 2 * augmentation.padding)

  def batch(step: tf.Tensor) -> dict[str, tf.Tensor]:
    position = step * batch_size + tf.range(
      slice_.start, slice_.stop, dtype=tf.int64
    )
    index = shuffled_index(position, num_images, seed)
    corner, mirrored = _draw_crops(augmentation, batch_size, seed, step)
    corner = corner[slice_.start : slice_.stop]
    if mirrored is not None:
      mirrored = mirrored[slice_.start : slice_.stop]
    pixels = source.cut(index, corner, augmentation.crop, mirrored)
    return {"image": standardize(pixels), **source.labels(index)}

  steps = tf.data.Dataset.counter(start_step)
  return steps.map(
    batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
  ).prefetch(tf.data.AUTOTUNE)


def evaluation_batches(
  dataset: InMemoryDataset, batch_size: int, *, size: int = 32
) -> tf.data.Dataset:
  """All images once, in order, standardized; the last batch may be smaller.

  Args:
    dataset: the images.
    batch_size: B, at least 1.
    size: side of the square that images are center-cropped or zero-padded to,
      in pixels.

  Returns:
    Dicts as `training_batches` gives, "image" [B, size, size, 3].

  Raises:
    UserError: an argument is outside its bounds.
  """
  check_at_least("batch_size", batch_size, 1)
  check_at_least("size", size, 1)
  num_images = len(dataset)
  source = _PixelSource(dataset, size)

  def batch(step: tf.Tensor) -> dict[str, tf.Tensor]:
    first = step * batch_size
    index = tf.range(first, tf.minimum(first + batch_size, num_images))
    corner = tf.zeros([tf.size(index), 2], tf.int64)
    pixels = source.cut(index, corner, size, None)
    return {"image": standardize(pixels), **source.labels(index)}

  num_batches = -(-num_images // batch_size)
  return (
    tf.data.Dataset.range(num_batches)
    .map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    .prefetch(tf.data.AUTOTUNE)
  )


def cut_to_size(pixels: tf.Tensor, height: int, width: int) -> tf.Tensor:
  """Center-crops or zero-pads, as `evaluation_batches` does.

  Args:
    pixels: [B, any height, any width, 3] or without B, raw values.
    height: of the result, in pixels.
    width: of the result, in pixels.

  Returns:
    [B, height, width, 3] (or without B) of the same dtype.
  """
  return tf.image.resize_with_crop_or_pad(pixels, height, width)


def standardize(pixels: tf.Tensor) -> tf.Tensor:
  """Per image (x - mean) / max(standard deviation, 1 / sqrt(n)).

  Source: golden `preprocess`.

  Args:
    pixels: [B, height, width, channels], uint8 or float values 0..255; only B
      may be unknown.

  Returns:
    float32 of the same shape.
  """
  size = pixels.shape[1:]
  flat = tf.cast(tf.reshape(pixels, [-1, size.num_elements()]), tf.float32)
  flat -= tf.reduce_mean(flat, axis=1, keepdims=True)
  deviation = tf.sqrt(tf.reduce_mean(flat * flat, axis=1, keepdims=True))
  # One division per image; one per pixel costs more than all the rest.
  scale = 1 / tf.maximum(deviation, size.num_elements() ** -0.5)
  return tf.ensure_shape(tf.reshape(flat * scale, [-1, *size]), pixels.shape)


class _PixelSource:
  """Images as one list of pixels, so that a crop is a single gather."""

  def __init__(self, dataset: InMemoryDataset, canvas: int):
    num_images, height, width, channels = dataset.images.shape
    # The pixel after the last is the zero that padding reads.
    pixels = np.concatenate(
      [
        dataset.images.reshape(-1, channels),
        np.zeros([1, channels], dataset.images.dtype),
      ]
    )
    with tf.device("CPU:0"):
      self._pixels = tf.constant(pixels)
      self._columns = {
        "label": tf.constant(dataset.labels, tf.int64),
        "clean_label": tf.constant(dataset.clean_labels, tf.int64),
        "id": tf.constant(dataset.ids, tf.int64),
      }
    self._padding_pixel = num_images * height * width
    self._height, self._width = height, width
    self._top = canvas_offset(height, canvas)
    self._left = canvas_offset(width, canvas)

  def cut(
    self,
    index: tf.Tensor,
    corner: tf.Tensor,
    size: int,
    mirrored: tf.Tensor | None,
  ) -> tf.Tensor:
    """Cuts squares out of the padded images.

    Args:
      index: [B] int64, which images.
      corner: [B, 2] int64, top and left on the canvas.
      size: side of the squares.
      mirrored: [B] bool, which squares are flipped left to right; None for
        none of them.

    Returns:
      [B, size, size, channels] of the images' dtype.
    """
    line = tf.range(size, dtype=tf.int64)[tf.newaxis]
    across = line
    if mirrored is not None:
      across = tf.where(mirrored[:, tf.newaxis], size - 1 - line, line)
    row = line + corner[:, :1] + self._top
    column = across + corner[:, 1:] + self._left
    row_inside = (row >= 0) & (row < self._height)
    column_inside = (column >= 0) & (column < self._width)
    row_start = (index[:, tf.newaxis] * self._height + row) * self._width
    pixel = tf.where(
      row_inside[:, :, tf.newaxis] & column_inside[:, tf.newaxis, :],
      row_start[:, :, tf.newaxis] + column[:, tf.newaxis, :],
      self._padding_pixel,
    )
    return tf.gather(self._pixels, pixel)

  def labels(self, index: tf.Tensor) -> dict[str, tf.Tensor]:
    """The int64 [B] columns of the images `index`, which is one of them."""
    columns = self._columns.items()
    return {"index": index} | {key: tf.gather(x, index) for key, x in columns}


def shuffled_index(
  position: tf.Tensor, num_images: int, seed: int
) -> tf.Tensor:
  """Index of the image at each position of the endless training sequence.

  Each pass of `num_images` positions is a permutation of its own.

  Args:
    position: [B] int64, from 0.
    num_images: how many images there are.
    seed: seed of the order.

  Returns:
    [B] int64, 0 to num_images - 1.
  """
  pass_number = position // num_images
  # One permutation for each key of three words. The public wrapper cannot take
  # a key per element, which a batch across the end of a pass needs.
  key = tf.stack(
    [
      tf.fill(tf.shape(position), tf.constant(seed, tf.int64)),
      tf.fill(tf.shape(position), tf.constant(ORDER_STREAM, tf.int64)),
      pass_number,
    ],
    axis=1,
  )
  has_short_words = stateless_random.has_short_words(num_images)
  last = num_images if has_short_words else num_images - 1

  def shuffled(index: tf.Tensor) -> tf.Tensor:
    return tf.raw_ops.RandomIndexShuffle(
      index=index,
      seed=key,
      max_index=tf.constant(last, tf.int64),
      rounds=SHUFFLE_ROUNDS,
    )

  index = shuffled(position % num_images)
  if not has_short_words:
    return index
  return tf.where(index < num_images, index, shuffled(index))


def _draw_crops(
  augmentation: Augmentation, batch_size: int, seed: int, step: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor | None]:
  """Corners [B, 2] int64 on the canvas, and flips [B] bool or None."""

  def key(stream: int) -> tf.Tensor:
    return tf.random.experimental.stateless_fold_in(
      tf.constant([seed, stream], tf.int64), step
    )

  corner = tf.random.stateless_uniform(
    [batch_size, 2],
    key(CROP_STREAM),
    0,
    2 * augmentation.padding + 1,
    tf.int64,
  )
  if not augmentation.flip:
    return corner, None
  return corner, tf.random.stateless_uniform(
    [batch_size], key(FLIP_STREAM)
  ) < 0.5
