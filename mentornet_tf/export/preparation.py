"""How exported students of training folders prepare raw images: as evaluation.

What a preparation is follows from the run; that of a student trained by `fit`
is `export.own_images`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import tensorflow as tf

from mentornet_tf.datasets.reading.crops import (
  Crop,
  evaluation_crop,
  evaluation_squares,
)
from mentornet_tf.datasets.reading.in_memory import cut_to_size, standardise
from mentornet_tf.datasets.records.schema import decode_image


class Preparation(Protocol):
  """From raw images to what a student takes.

  Attributes:
    image_shape: (height, width, channels) of the images that are served; None
      where they may have any size, those of one batch the same.
    reads_files: whether there are image files of so many channels.
  """

  image_shape: tuple[int | None, int | None, int]
  reads_files: bool

  def of_pixels(self, images: tf.Tensor) -> tf.Tensor:
    """Prepares decoded images.

    Args:
      images: [B, *image_shape], uint8 or float values 0..255.

    Returns:
      [B, height, width, channels] float32, what the student takes.
    """

  def of_encoded(self, image_bytes: tf.Tensor) -> tf.Tensor:
    """The same of image files [B] string, JPEG or PNG, each of its own size."""


@dataclass(frozen=True)
class RecordResizing:
  """What a conversion did to images before they became records.

  Attributes:
    square_side: pixels of the squares about the centre that it made, after
      resizing the shorter side to this; None if it made none.
    shorter_side: what longer shorter sides were reduced to, in pixels; None if
      they were not.
  """

  square_side: int | None = None
  shorter_side: int | None = None

  def __bool__(self) -> bool:
    return bool(self.square_side or self.shorter_side)

  def of_pixels(self, images: tf.Tensor) -> tf.Tensor:
    """Resizes [B, height, width, 3] as the conversion did; float32 0..255.

    It agrees with Pillow's, which rounds in between, to about a grey level.
    """
    shape = tf.shape(images)[1:3]
    shorter = tf.reduce_min(shape)
    if self.square_side:
      side = tf.constant(self.square_side)
    else:
      side = tf.minimum(shorter, self.shorter_side)
    size = tf.round(tf.cast(shape, tf.float64) * (side / shorter))
    resized = tf.image.resize(
      images, tf.cast(size, tf.int32), "bicubic", antialias=True
    )
    resized = tf.clip_by_value(resized, 0, 255)
    if not self.square_side:
      return resized
    top_left = (tf.shape(resized)[1:3] - side) // 2
    top, left = top_left[0], top_left[1]
    return resized[:, top : top + side, left : left + side]


def record_resizing(data: Mapping[str, Any]) -> RecordResizing:
  """What the part "data" of a run.json says of its records."""
  return RecordResizing(data.get("square_side"), data.get("shorter_side"))


@dataclass(frozen=True)
class SmallImages:
  """Cuts or zero-pads images about their centre and standardises them.

  Attributes:
    student_size: (height, width) to cut to, in pixels.
    resizing: what a conversion did to the images before.
    served_size: (height, width) of the images that are served; None where they
      may have any.
  """

  student_size: tuple[int, int]
  resizing: RecordResizing = RecordResizing()
  served_size: tuple[int | None, int | None] = (None, None)
  reads_files = True

  @property
  def image_shape(self) -> tuple[int | None, int | None, int]:
    return *self.served_size, 3

  def of_pixels(self, images: tf.Tensor) -> tf.Tensor:
    return standardise(self._cut(images))

  def of_encoded(self, image_bytes: tf.Tensor) -> tf.Tensor:
    return standardise(
      tf.map_fn(
        lambda one: self._cut(decode_image(one)[tf.newaxis])[0],
        image_bytes,
        fn_output_signature=tf.TensorSpec(
          [*self.student_size, 3],
          tf.float32 if self.resizing else tf.uint8,
        ),
      )
    )

  def _cut(self, images: tf.Tensor) -> tf.Tensor:
    # Images that TFLite serves have the records' size already.
    if self.resizing and None in self.served_size:
      images = self.resizing.of_pixels(images)
    return cut_to_size(images, *self.student_size)


@dataclass(frozen=True)
class LargeImages:
  """Resizes images, cuts the square about their centre and scales it to -1..1.

  Attributes:
    crop: the sizes.
  """

  crop: Crop
  image_shape = (None, None, 3)
  reads_files = True

  def of_pixels(self, images: tf.Tensor) -> tf.Tensor:
    return evaluation_squares(images, self.crop)

  def of_encoded(self, image_bytes: tf.Tensor) -> tf.Tensor:
    return tf.map_fn(
      lambda one: evaluation_crop(one, self.crop),
      image_bytes,
      fn_output_signature=tf.TensorSpec(
        [self.crop.size, self.crop.size, 3], tf.float32
      ),
    )
