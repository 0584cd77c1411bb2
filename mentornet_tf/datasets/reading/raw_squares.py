"""Squares cut out of raw pixels, several times as fast as out of JPEGs.

Where an image was stored at the very size that the crop asks for, its square
is a part of its bytes. It stays bytes until a whole batch is stacked, which is
then scaled in one pass. Other images of the same set, such as JPEGs or those
that were too small to be shrunk, go through `crops` one by one. In both cases
the squares are bit by bit those that `crops` gives.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from mentornet_tf.datasets.reading.crops import (
  Placement,
  evaluation_crop,
  evaluation_placement,
  is_mirrored,
  training_crop,
  training_placement,
)
from mentornet_tf.datasets.reading.preparation import Crop
from mentornet_tf.datasets.records.stored_images import (
  StoredImage,
  raw_pixels,
)


class Square(NamedTuple):
  """A square on its way into a batch.

  Attributes:
    pixels: [size, size, 3] uint8; zeros where it had to be resized.
    resized: [] string, the serialized [size, size, 3] float32 in [-1, 1] where
      it had to be, else "".
  """

  pixels: tf.Tensor
  resized: tf.Tensor


def training_square(
  image: StoredImage, crop: Crop, crop_seed: tf.Tensor, flip_seed: tf.Tensor
) -> Square:
  """What becomes `crops.training_crop` when it is `stacked`.

  Not for `train_crop="resized"`, under which no square is a part of the bytes.
  """
  return _square(
    image,
    crop,
    lambda shape: training_placement(shape, crop, crop_seed),
    is_mirrored(crop, flip_seed),
    lambda: training_crop(image, crop, crop_seed, flip_seed),
  )


def evaluation_square(image: StoredImage, crop: Crop) -> Square:
  """What becomes `crops.evaluation_crop` when it is `stacked`."""
  return _square(
    image,
    crop,
    lambda shape: evaluation_placement(shape, crop),
    None,
    lambda: evaluation_crop(image, crop),
  )


def stacked(batches: tf.data.Dataset) -> tf.data.Dataset:
  """Batches whose "image" is float32 [B, size, size, 3] in [-1, 1].

  Args:
    batches: dicts; where "image" is no `Square` with a leading [B], they stay
      as they are.
  """
  if not isinstance(batches.element_spec["image"], Square):
    return batches
  return batches.map(_with_images)


def _with_images(batch: dict[str, Any]) -> dict[str, tf.Tensor]:
  squares: Square = batch["image"]
  # One pass over the batch where a cast, a product and a sum take three.
  images = tf.raw_ops.Dequantize(
    input=tf.bitcast(squares.pixels, tf.quint8),
    min_range=-1.0,
    max_range=1.0,
    mode="MIN_COMBINED",
  )
  rows = tf.where(tf.strings.length(squares.resized) > 0)

  def with_resized() -> tf.Tensor:
    floats = tf.map_fn(
      lambda each: tf.ensure_shape(
        tf.io.parse_tensor(each, tf.float32), images.shape[1:]
      ),
      tf.gather_nd(squares.resized, rows),
      fn_output_signature=tf.TensorSpec(images.shape[1:], tf.float32),
    )
    return tf.tensor_scatter_nd_update(images, rows, floats)

  images = tf.cond(tf.size(rows) > 0, with_resized, lambda: tf.identity(images))
  return batch | {"image": images}


def _square(
  image: StoredImage,
  crop: Crop,
  place: Callable[[tf.Tensor], Placement],
  mirrored: tf.Tensor | None,
  resized: Callable[[], tf.Tensor],
) -> Square:
  """A part of the bytes where they are raw and need not be resized."""

  def part() -> Square:
    pixels = raw_pixels(image)
    # Whole numbers, since one pixel of the image is one of the square.
    corner = place(tf.shape(pixels)[:2]).corner
    begin = tf.concat([tf.cast(corner, tf.int32), [0]], axis=0)
    pixels = tf.slice(pixels, begin, [crop.size, crop.size, 3])
    if mirrored is not None:
      pixels = tf.cond(
        mirrored, lambda: tf.reverse(pixels, [1]), lambda: tf.identity(pixels)
      )
    return Square(pixels, tf.constant(b""))

  def whole() -> Square:
    pixels = tf.zeros([crop.size, crop.size, 3], tf.uint8)
    return Square(pixels, tf.io.serialize_tensor(resized()))

  fits = image.is_raw & (tf.reduce_min(image.shape) == crop.shorter_side)
  return Square(*tf.cond(fits, part, whole))
