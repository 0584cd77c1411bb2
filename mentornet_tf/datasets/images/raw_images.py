"""Images as raw pixels for records, and how many bytes these will be."""

import io
from dataclasses import replace

import tensorflow as tf
from PIL import Image

from mentornet_tf.datasets.images.decoding import (
  UnusableImageError,
  UsableImage,
)
from mentornet_tf.datasets.images.jpeg_headers import is_jpeg, read_jpeg_header

RAW_FORMAT = "raw"


def as_raw(image: UsableImage) -> UsableImage:
  """The image with its pixels in place of a file, as training decodes it.

  Raises:
    UnusableImageError: the file does not decode.
  """
  if image.format == RAW_FORMAT:
    return image
  try:
    pixels = tf.io.decode_image(
      image.data, channels=3, expand_animations=False
    ).numpy()
  except tf.errors.InvalidArgumentError as error:
    kind = image.format.upper()
    raise UnusableImageError(f"damaged {kind}") from error
  return replace(image, data=pixels.tobytes(), format=RAW_FORMAT)


def raw_bytes(
  data: bytes, shorter_side: int | None, square_side: int | None
) -> int:
  """Bytes of an image file's raw pixels, by its header; 0 of other files.

  Args:
    data: the file's content.
    shorter_side: pixels that larger images are reduced to; None keeps all.
    square_side: pixels of squares that all images become, or None.
  """
  size = _size(data)
  if size is None:
    return 0
  if square_side is not None:
    return square_side * square_side * 3
  if shorter_side is not None and min(size) > shorter_side:
    scale = shorter_side / min(size)
    size = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
  return size[0] * size[1] * 3


def _size(data: bytes) -> tuple[int, int] | None:
  """Height and width; None where they cannot be read."""
  if is_jpeg(data):
    header = read_jpeg_header(data)
    return (header.height, header.width) if header else None
  try:
    with Image.open(io.BytesIO(data)) as image:  # reads the header alone
      return image.height, image.width
  # Pillow raises many kinds of errors for files that it cannot read.
  except Exception:
    return None
