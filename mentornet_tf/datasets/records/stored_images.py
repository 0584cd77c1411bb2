"""Images as records hold them: encoded, or as raw pixels.

The format "raw" stands for height * width * 3 bytes: red, green and blue of
each pixel, row by row from the top left. They need no decoding, and take up
several times the space of a JPEG.
"""

from typing import NamedTuple

import tensorflow as tf

from mentornet_tf.datasets.images.raw_images import RAW_FORMAT

# As long as the sides of a JPEG can be.
LONGEST_SIDE = 65535

IMAGE_FEATURES = {
  "image/encoded": tf.io.FixedLenFeature([], tf.string),
  "image/format": tf.io.FixedLenFeature([], tf.string, ""),
  "image/height": tf.io.FixedLenFeature([], tf.int64, 0),
  "image/width": tf.io.FixedLenFeature([], tf.int64, 0),
}


class StoredImage(NamedTuple):
  """One image or several, as their records hold them.

  Attributes:
    data: [] or [B] string, PNG, JPEG or raw pixels.
    is_raw: bool of the same shape, whether these are raw pixels.
    shape: [2] or [B, 2] int64, height and width as the record tells them; of
      meaning for raw pixels only.
  """

  data: tf.Tensor
  is_raw: tf.Tensor
  shape: tf.Tensor


def stored_image(parsed: dict[str, tf.Tensor]) -> StoredImage:
  """The image of records that were parsed with `IMAGE_FEATURES`."""
  height, width = parsed["image/height"], parsed["image/width"]
  return StoredImage(
    parsed["image/encoded"],
    parsed["image/format"] == RAW_FORMAT,
    # TensorFlow's inference of shapes does not take -1 here.
    tf.stack([height, width], axis=height.shape.rank),
  )


def encoded_image(data: tf.Tensor) -> StoredImage:
  """A PNG or JPEG file, [] string, as a record would hold it."""
  return StoredImage(data, tf.constant(False), tf.zeros([2], tf.int64))


def decode_image(encoded: tf.Tensor) -> tf.Tensor:
  """One image [height, width, 3] uint8 from its bytes, PNG or JPEG, []."""
  image = tf.io.decode_image(encoded, channels=3, expand_animations=False)
  return tf.ensure_shape(image, [None, None, 3])


def raw_pixels(image: StoredImage) -> tf.Tensor:
  """[height, width, 3] uint8 of one image that is raw.

  Raises:
    tf.errors.InvalidArgumentError: height and width are no sizes, or not those
      of so many bytes.
  """
  shape = tf.concat([raw_shape(image), [3]], axis=0)
  pixels = tf.reshape(tf.io.decode_raw(image.data, tf.uint8), shape)
  return tf.ensure_shape(pixels, [None, None, 3])


def raw_shape(image: StoredImage) -> tf.Tensor:
  """[2] int32, height and width of one image that is raw.

  Raises:
    tf.errors.InvalidArgumentError: they are no sizes.
  """
  # To reshape, -1 would mean "whatever is left".
  are_sizes = tf.debugging.Assert(
    tf.reduce_all((image.shape > 0) & (image.shape <= LONGEST_SIDE)),
    ["height and width of raw pixels", image.shape],
  )
  # An eager Assert has already run and returns None.
  with tf.control_dependencies([] if are_sizes is None else [are_sizes]):
    return tf.cast(image.shape, tf.int32)


def stored_pixels(image: StoredImage) -> tf.Tensor:
  """[height, width, 3] uint8 of one image in either form.

  Raises:
    tf.errors.InvalidArgumentError: they cannot be had from its bytes.
  """
  return tf.cond(
    image.is_raw,
    lambda: raw_pixels(image),
    lambda: decode_image(image.data),
  )
