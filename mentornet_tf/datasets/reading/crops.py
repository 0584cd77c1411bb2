"""Squares cut out of images of any size, for training and evaluation.

Of a JPEG only the part that the square needs is decoded, and it is resized
once. Every cut is described by where the square's corner lies on the
image and by how many pixels of the square one pixel of the image makes
(`Placement`), so that "resize, then crop" and "crop, then resize" are the same
code.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from mentornet_tf.datasets.reading.preparation import Crop
from mentornet_tf.datasets.records.stored_images import (
  StoredImage,
  decode_image,
  encoded_image,
  raw_shape,
  stored_pixels,
)

# Shares of the image's area, and the width over the height, of resized crops.
_AREA_RANGE, _ASPECT_RANGE = (0.08, 1.0), (3 / 4, 4 / 3)

# JPEG can be decoded at a whole, a half, a quarter or an eighth of its size.
_JPEG_RATIOS = (1, 2, 4, 8)

# Decoding a part of a JPEG interpolates colors without the pixels beyond it.
_COLOR_MARGIN = 2


class Placement(NamedTuple):
  """Where a square lies on an image.

  Attributes:
    scale: [2] float32, pixels of the square for each pixel of the image, down
      and across.
    corner: [2] float32, the square's top left corner in pixels of the image.
    region: [4] int32, top, left, bottom and right of the part of the image that
      the square may see.
  """

  scale: tf.Tensor
  corner: tf.Tensor
  region: tf.Tensor


def training_crop(
  image: StoredImage | tf.Tensor,
  crop: Crop,
  crop_seed: tf.Tensor,
  flip_seed: tf.Tensor,
) -> tf.Tensor:
  """A square for training; the same seeds, the same square.

  Equal to decoding the whole image, resizing it with antialiasing and cutting
  it, to 0.002 of 255 gray levels. A JPEG that is at least twice as large as
  needed is decoded at a half, a quarter or an eighth, never smaller than the
  square, whose sharpness then differs a little: by less than 3 gray levels on
  average, 16 at most.

  Args:
    image: one image of a record, or [] string, JPEG or PNG.
    crop: how to cut.
    crop_seed: [2] int64, decides where.
    flip_seed: [2] int64, decides whether it is mirrored.

  Returns:
    [size, size, 3] float32 in [-1, 1].
  """
  image = _as_stored(image)
  shape = _image_shape(image)
  placement = training_placement(shape, crop, crop_seed)
  mirrored = is_mirrored(crop, flip_seed)
  return _cut(image, shape, placement, crop.size, mirrored)


def training_placement(
  shape: tf.Tensor, crop: Crop, crop_seed: tf.Tensor
) -> Placement:
  """Where `training_crop` cuts an image of `shape`, [2] int32."""
  if crop.train_crop == "resized":
    return _random_rectangle(shape, crop, crop_seed)
  if crop.train_crop == "random":
    fraction = tf.random.stateless_uniform([2], crop_seed)
    return _square_of_resized(shape, crop, fraction)
  return evaluation_placement(shape, crop)


def is_mirrored(crop: Crop, flip_seed: tf.Tensor) -> tf.Tensor:
  """[] bool, whether `training_crop` mirrors its square."""
  if not crop.flip:
    return tf.constant(False)
  return tf.random.stateless_uniform([], flip_seed) < 0.5


def evaluation_crop(image: StoredImage | tf.Tensor, crop: Crop) -> tf.Tensor:
  """The square at the center of the resized image.

  Args:
    image: one image of a record, or [] string, JPEG or PNG.
    crop: how to cut.

  Returns:
    [size, size, 3] float32 in [-1, 1].
  """
  image = _as_stored(image)
  shape = _image_shape(image)
  placement = evaluation_placement(shape, crop)
  return _cut(image, shape, placement, crop.size, tf.constant(False))


def evaluation_placement(shape: tf.Tensor, crop: Crop) -> Placement:
  """Where `evaluation_crop` cuts an image of `shape`, [2] int32."""
  return _square_of_resized(shape, crop, None)


def evaluation_squares(images: tf.Tensor, crop: Crop) -> tf.Tensor:
  """`evaluation_crop` of images that are decoded already.

  Equal to it to 0.002 of 255 gray levels, but for JPEGs that it decodes at a
  half or less of their size (see `training_crop`).

  Args:
    images: [B, any height, any width, 3], uint8 or float values 0..255.
    crop: how to cut.

  Returns:
    [B, size, size, 3] float32 in [-1, 1].
  """
  placement = evaluation_placement(tf.shape(images)[1:3], crop)
  translation = -placement.corner * placement.scale
  return _scaled_squares(images, placement.scale, translation, crop.size)


def as_pixels(squares: tf.Tensor) -> tf.Tensor:
  """The nearest uint8 values 0..255 of float values in [-1, 1], any shape."""
  # Resizing strays from its bounds by what float32 rounds off.
  gray_levels = tf.clip_by_value((squares + 1) * 127.5, 0, 255)
  return tf.cast(tf.round(gray_levels), tf.uint8)


def _as_stored(image: StoredImage | tf.Tensor) -> StoredImage:
  return image if isinstance(image, StoredImage) else encoded_image(image)


def _image_shape(image: StoredImage) -> tf.Tensor:
  """[2] int32, height and width."""
  return tf.case(
    [
      (image.is_raw, lambda: raw_shape(image)),
      (
        tf.io.is_jpeg(image.data),
        lambda: tf.io.extract_jpeg_shape(image.data)[:2],
      ),
    ],
    # The few images that are no JPEG are decoded twice.
    default=lambda: tf.shape(decode_image(image.data))[:2],
  )


def _square_of_resized(
  shape: tf.Tensor, crop: Crop, fraction: tf.Tensor | None
) -> Placement:
  """Resize the shorter side, then cut a square.

  Args:
    shape: [2] int32, of the image.
    crop: the sizes.
    fraction: [2] float32 in [0, 1), which of the places down and across; None
      is the one at the center.
  """
  exact = tf.cast(shape, tf.float32)
  factor = crop.shorter_side / tf.reduce_min(exact)
  resized = tf.maximum(tf.round(exact * factor), crop.shorter_side)
  spare = resized - crop.size
  if fraction is None:
    offset = tf.floor(spare / 2)
  else:
    offset = tf.minimum(tf.floor(fraction * (spare + 1)), spare)
  scale = resized / exact
  region = tf.concat([[0, 0], shape], axis=0)
  return Placement(scale, offset / scale, region)


def _random_rectangle(
  shape: tf.Tensor, crop: Crop, seed: tf.Tensor
) -> Placement:
  """Cut a rectangle at random, then resize it to the square."""
  begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
    tf.concat([shape, [3]], axis=0),
    tf.constant([[[0.0, 0.0, 1.0, 1.0]]]),
    seed,
    min_object_covered=0.0,
    aspect_ratio_range=_ASPECT_RANGE,
    area_range=_AREA_RANGE,
    max_attempts=10,
    use_image_if_no_bounding_boxes=True,
  )
  begin, size = begin[:2], size[:2]
  return Placement(
    crop.size / tf.cast(size, tf.float32),
    tf.cast(begin, tf.float32),
    tf.concat([begin, begin + size], axis=0),
  )


def _cut(
  image: StoredImage,
  shape: tf.Tensor,
  placement: Placement,
  size: int,
  mirrored: tf.Tensor,
) -> tf.Tensor:
  """The square at `placement`: [size, size, 3] float32 in [-1, 1]."""
  # Raw pixels may begin as JPEG files do.
  is_jpeg = tf.io.is_jpeg(image.data) & ~image.is_raw
  choice = tf.where(is_jpeg, _ratio_choice(placement.scale), 0)
  ratio = tf.gather(tf.constant(_JPEG_RATIOS), choice)
  exact_ratio = tf.cast(ratio, tf.float32)
  # All that follows is in pixels of the image as it is decoded.
  shape = -(-shape // ratio)
  scale = placement.scale * exact_ratio
  corner = placement.corner / exact_ratio
  low = placement.region[:2] // ratio
  high = -(-placement.region[2:] // ratio)
  # A triangle filter reaches one pixel of the image or of the square, whichever
  # is larger.
  reach = tf.maximum(1.0, 1 / scale)
  low = tf.maximum(low, tf.cast(tf.floor(corner - reach), tf.int32))
  high = tf.minimum(
    high, tf.cast(tf.math.ceil(corner + size / scale + reach), tf.int32)
  )
  outer_low = tf.maximum(low - _COLOR_MARGIN, 0)
  outer_high = tf.minimum(high + _COLOR_MARGIN, shape)
  window = tf.concat([outer_low, outer_high - outer_low], axis=0)
  pixels = tf.cond(
    is_jpeg,
    lambda: _decode_part(image.data, window, choice),
    lambda: _part(stored_pixels(image), window),
  )
  pixels = _part(pixels, tf.concat([low - outer_low, high - low], axis=0))
  # Mirroring bytes of the image costs less than floats of the square.
  pixels = tf.cond(
    mirrored, lambda: tf.reverse(pixels, [1]), lambda: tf.identity(pixels)
  )
  from_low = (tf.cast(low, tf.float32) - corner) * scale
  width = tf.cast(high - low, tf.float32)[1] * scale[1]
  across = tf.where(mirrored, size - from_low[1] - width, from_low[1])
  translation = tf.stack([from_low[0], across])
  return _scaled_squares(pixels[tf.newaxis], scale, translation, size)[0]


def _scaled_squares(
  images: tf.Tensor, scale: tf.Tensor, translation: tf.Tensor, size: int
) -> tf.Tensor:
  """Resizes images and cuts them at once.

  Args:
    images: [B, any, any, 3], values 0..255.
    scale: [2], pixels of the square for each pixel of the image.
    translation: [2], where the image's corner falls, in pixels of the square.
    size: side of the square.

  Returns:
    [B, size, size, 3] float32 in [-1, 1].
  """
  squares = tf.raw_ops.ScaleAndTranslate(
    images=images,
    size=[size, size],
    scale=scale,
    translation=translation,
    kernel_type="triangle",
    antialias=True,
  )
  return tf.ensure_shape(squares * (1 / 127.5) - 1, [None, size, size, 3])


def _ratio_choice(scale: tf.Tensor) -> tf.Tensor:
  """Index of the largest ratio whose images are no smaller than needed."""
  largest = tf.reduce_max(scale)
  fits = [largest * ratio <= 1 for ratio in _JPEG_RATIOS[1:]]
  return tf.reduce_sum(tf.cast(tf.stack(fits), tf.int32))


def _decode_part(
  encoded: tf.Tensor, window: tf.Tensor, choice: tf.Tensor
) -> tf.Tensor:
  """Pixels of `window` (top, left, height, width) at a ratio, uint8."""

  def decode(ratio: int) -> Callable[[], tf.Tensor]:
    return lambda: tf.io.decode_and_crop_jpeg(
      encoded, window, channels=3, ratio=ratio
    )

  return tf.switch_case(choice, [decode(ratio) for ratio in _JPEG_RATIOS])


def _part(pixels: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
  """Cuts `window` (top, left, height, width) out of [any, any, 3]."""
  begin = tf.concat([window[:2], [0]], axis=0)
  return tf.slice(pixels, begin, tf.concat([window[2:], [3]], axis=0))
