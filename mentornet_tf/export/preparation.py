"""How exported students of training folders prepare raw images: as evaluation.

What a preparation is follows from the run; that of a student trained by `fit`
is `export.own_images`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import tensorflow as tf

from mentornet_tf.datasets.reading.crops import (
  Crop,
  evaluation_crop,
  evaluation_squares,
)
from mentornet_tf.datasets.reading.in_memory import cut_to_size, standardize
from mentornet_tf.datasets.records.stored_images import decode_image
from mentornet_tf.datasets.sources.class_names import CLASS_NAMES
from mentornet_tf.errors import UserError
from mentornet_tf.runs.trained_run import TrainedRun

# Where a run's student takes any size: what its evaluation cuts images to.
_EVALUATED_SIZE = (32, 32)


class Preparation(Protocol):
  """From raw images to what a student takes."""

  @property
  def image_shape(self) -> tuple[int | None, int | None, int]:
    """(height, width, channels) of the images that are served.

    None where they may have any size, those of one batch the same.
    """

  @property
  def reads_files(self) -> bool:
    """Whether there are image files of so many channels."""

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
    square_side: pixels of the squares about the center that it made, after
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

    It agrees with Pillow's, which rounds in between, to about one gray level.
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


@dataclass(frozen=True)
class SmallImages:
  """Cuts or zero-pads images about their center and standardizes them.

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
    return standardize(self._cut(images))

  def of_encoded(self, image_bytes: tf.Tensor) -> tf.Tensor:
    return standardize(
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
  """Resizes images, cuts the square about their center and scales it to -1..1.

  Attributes:
    crop: the sizes.
  """

  crop: Crop

  image_shape = (None, None, 3)
  reads_files = True

  @property
  def student_size(self) -> tuple[int, int]:
    return self.crop.size, self.crop.size

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


def preparation_of_run(
  run: TrainedRun,
  crop: Crop | None,
  file_format: str,
  warn: Callable[[str], Any],
) -> SmallImages | LargeImages:
  """How the evaluation of a run prepares images.

  Args:
    run: the run.
    crop: how it cuts images of any size; None where they are small.
    file_format: what the student is exported as.
    warn: takes a line where an older version's run.json does not say whether
      the images of the records were resized.

  Raises:
    UserError: the format has no operations for it.
  """
  if crop is not None:
    if file_format == "tflite":
      raise UserError(
        f"{run.folder}: expected a run on small images for TFLite, got one "
        f"with image_size {crop.size}, and TFLite has nothing to resize its "
        "images with; write a SavedModel, or the bare student as a .keras file"
      )
    return LargeImages(crop)
  size = _EVALUATED_SIZE
  if inputs := getattr(run.student, "inputs", None):
    height, width = inputs[0].shape[1:3]
    size = size if None in (height, width) else (height, width)
  # The files of known sets are of one size.
  is_known = run.dataset_name in CLASS_NAMES
  is_noted = not run.data or "square_side" in run.data
  if not (is_known or is_noted or file_format == "keras"):
    warn(
      f"warning: {run.folder}: run.json does not say whether its images were "
      "resized when they were converted; the export cuts or pads images of "
      "other sizes about their center, so resize original images first"
    )
  resizing = RecordResizing(
    run.data.get("square_side"), run.data.get("shorter_side")
  )
  if resizing and file_format == "tflite":
    # TFLite cannot resize as the conversion did, so that only images of the
    # records' size are taken.
    height, width, _ = run.data["image_shape"]
    return SmallImages(size, resizing, (height, width))
  return SmallImages(size, resizing)
