"""Squares cut out of raw pixels, several times as fast as out of JPEGs.

Where an image was stored at the very size that the crop asks for, its square
is a part of its bytes. It stays bytes until the whole batch is there, which is
then scaled in one pass. Other images of the same set, such as JPEGs or those
that were too small to be shrunk, wait until then, too, and go through `crops`
one by one. In both cases the squares are bit by bit those that `crops` gives.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from mentornet_tf.datasets.reading.crops import (
  Placement,
  evaluation_placement,
  is_mirrored,
  training_placement,
)
from mentornet_tf.datasets.reading.preparation import Crop
from mentornet_tf.datasets.records.stored_images import (
  LONGEST_SIDE,
  StoredImage,
)


class Square(NamedTuple):
  """A square on its way into a batch.

  Attributes:
    pixels: [size, size, 3] uint8; zeros where the image has yet to be cut.
    is_cut: [] bool, whether it has been.
    image: the image; without its data where it has been cut.
  """

  pixels: tf.Tensor
  is_cut: tf.Tensor
  image: StoredImage


def training_square(
  image: StoredImage, crop: Crop, crop_seed: tf.Tensor, flip_seed: tf.Tensor
) -> Square:
  """What becomes `crops.training_crop` in `whole_squares`.

  Not for `train_crop="resized"`, under which no square is a part of the bytes.
  """
  return _square(
    image,
    crop,
    lambda shape: training_placement(shape, crop, crop_seed),
    flip_seed,
  )


def evaluation_square(image: StoredImage, crop: Crop) -> Square:
  """What becomes `crops.evaluation_crop` in `whole_squares`."""
  return _square(
    image, crop, lambda shape: evaluation_placement(shape, crop), None
  )


def whole_squares(
  squares: Square,
  positions: tf.Tensor,
  cut: Callable[[StoredImage, tf.Tensor], tf.Tensor],
) -> tf.Tensor:
  """The batch, [B, size, size, 3] float32 in [-1, 1].

  Args:
    squares: those of B images, each field with a leading [B].
    positions: [B] int64, of the images in the sequence.
    cut: makes the square of an image that has yet to be cut, [size, size, 3]
      float32 in [-1, 1], from it and its position.
  """
  # One pass over the batch where a cast, a product and a sum take three.
  images = tf.raw_ops.Dequantize(
    input=tf.bitcast(squares.pixels, tf.quint8),
    min_range=-1.0,
    max_range=1.0,
    mode="MIN_COMBINED",
  )
  rows = tf.where(~squares.is_cut)

  def with_others() -> tf.Tensor:
    others, at = tf.nest.map_structure(
      lambda column: tf.gather_nd(column, rows), (squares.image, positions)
    )
    floats = tf.map_fn(
      lambda each: tf.ensure_shape(cut(*each), images.shape[1:]),
      (others, at),
      fn_output_signature=tf.TensorSpec(images.shape[1:], tf.float32),
    )
    return tf.tensor_scatter_nd_update(images, rows, floats)

  return tf.cond(tf.size(rows) > 0, with_others, lambda: tf.identity(images))


def _square(
  image: StoredImage,
  crop: Crop,
  place: Callable[[tf.Tensor], Placement],
  flip_seed: tf.Tensor | None,
) -> Square:
  """A part of the bytes where they are raw and need not be resized."""

  def part() -> tf.Tensor:
    shape = tf.cast(image.shape, tf.int32)
    # Whole numbers, since one pixel of the image is one of the square.
    corner = tf.cast(place(shape).corner, tf.int32)
    pixels = tf.reshape(
      tf.io.decode_raw(image.data, tf.uint8), tf.concat([shape, [3]], axis=0)
    )
    pixels = tf.slice(
      pixels, tf.concat([corner, [0]], axis=0), [crop.size, crop.size, 3]
    )
    if flip_seed is None:
      return pixels
    return tf.cond(
      is_mirrored(crop, flip_seed),
      lambda: tf.reverse(pixels, [1]),
      lambda: tf.identity(pixels),
    )

  # What is no size at all is left to `cut`, which refuses it.
  is_part = (
    image.is_raw
    & (tf.reduce_min(image.shape) == crop.shorter_side)
    & (tf.reduce_max(image.shape) <= LONGEST_SIDE)
  )
  pixels = tf.cond(
    is_part, part, lambda: tf.zeros([crop.size, crop.size, 3], tf.uint8)
  )
  left = image._replace(data=tf.where(is_part, b"", image.data))
  return Square(pixels, is_part, left)
