"""How exported students prepare raw images: as evaluation, in the graph."""

from dataclasses import dataclass
from typing import Protocol

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
    image_size: (height, width) of what the student takes, in pixels.
  """

  image_size: tuple[int, int]

  def of_pixels(self, images: tf.Tensor) -> tf.Tensor:
    """Prepares decoded images.

    Args:
      images: [B, any height, any width, 3], uint8 or float values 0..255.

    Returns:
      [B, height, width, 3] float32.
    """

  def of_encoded(self, image_bytes: tf.Tensor) -> tf.Tensor:
    """The same of image files [B] string, JPEG or PNG, each of its own size."""


@dataclass(frozen=True)
class SmallImages:
  """Cuts or zero-pads images about their centre and standardises them.

  Attributes:
    image_size: (height, width) to cut to, in pixels.
  """

  image_size: tuple[int, int]

  def of_pixels(self, images: tf.Tensor) -> tf.Tensor:
    return standardise(cut_to_size(images, *self.image_size))

  def of_encoded(self, image_bytes: tf.Tensor) -> tf.Tensor:
    return standardise(
      tf.map_fn(
        lambda one: cut_to_size(decode_image(one), *self.image_size),
        image_bytes,
        fn_output_signature=tf.TensorSpec([*self.image_size, 3], tf.uint8),
      )
    )


@dataclass(frozen=True)
class LargeImages:
  """Resizes images, cuts the square about their centre and scales it to -1..1.

  Attributes:
    crop: the sizes.
  """

  crop: Crop

  @property
  def image_size(self) -> tuple[int, int]:
    return self.crop.size, self.crop.size

  def of_pixels(self, images: tf.Tensor) -> tf.Tensor:
    return evaluation_squares(images, self.crop)

  def of_encoded(self, image_bytes: tf.Tensor) -> tf.Tensor:
    return tf.map_fn(
      lambda one: evaluation_crop(one, self.crop),
      image_bytes,
      fn_output_signature=tf.TensorSpec([*self.image_size, 3], tf.float32),
    )
