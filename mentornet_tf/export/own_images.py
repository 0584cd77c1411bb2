"""The images of a student that was trained by `fit`, as its user prepared them.

Nothing about them is known for certain but what the student's layers tell;
everything else is stated by the user or refused.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mentornet_tf.errors import UserError
from mentornet_tf.export.layer_order import takes_raw_pixels

ImageFunction = Callable[[tf.Tensor], Any]
# (height, width, channels); None where open.
ImageShape = tuple[int | None, int | None, int]

_KERAS_EXPORT = "use model.export() of Keras"
# Of images of unknown size, one of this many pixels is tried.
_TRIED_SIZE = 64
# What TensorFlow can decode image files to.
_DECODED_CHANNELS = (1, 3, 4)
_PYTHON_OPERATIONS = ("PyFunc", "PyFuncStateless", "EagerPyFunc")


@dataclass(frozen=True)
class OwnImages:
  """Resizes images where a size is given and prepares them as the user did.

  Attributes:
    image_shape: (height, width, channels) of the images that are served; None
      where they may have any size, those of one batch the same.
    student_shape: the same of what the student takes.
    resize_to: (height, width) that images are resized to first, bilinearly and
      not keeping their proportions (as keras.layers.Resizing and
      keras.utils.image_dataset_from_directory do); None keeps their size.
    prepare: from float32 images [B, height, width, channels], values 0..255, to
      what the student takes.
  """

  image_shape: ImageShape
  student_shape: ImageShape
  resize_to: tuple[int, int] | None
  prepare: ImageFunction

  @property
  def reads_files(self) -> bool:
    return self.image_shape[-1] in _DECODED_CHANNELS

  def of_pixels(self, images: tf.Tensor) -> tf.Tensor:
    images = tf.cast(images, tf.float32)
    if self.resize_to:
      images = tf.image.resize(images, self.resize_to)
    prepared = tf.cast(self.prepare(images), tf.float32)
    return tf.ensure_shape(prepared, [None, *self.student_shape])

  def of_encoded(self, image_bytes: tf.Tensor) -> tf.Tensor:
    def prepared(one: tf.Tensor) -> tf.Tensor:
      image = tf.io.decode_image(
        one, channels=self.image_shape[-1], expand_animations=False
      )
      image = tf.ensure_shape(image, self.image_shape)
      return self.of_pixels(image[tf.newaxis])[0]

    return tf.map_fn(
      prepared,
      image_bytes,
      fn_output_signature=tf.TensorSpec(self.student_shape),
    )


def input_shape(student: keras.Model) -> ImageShape:
  """(height, width, channels) of the images a student takes, None if open.

  Raises:
    UserError: the student takes something else than one batch of images, or is
      not built, so that it has no weights yet.
  """
  if not student.built:
    raise UserError(
      "student: expected one that has weights, got one that is not built; fit "
      "it first"
    )
  inputs = getattr(student, "inputs", None)
  if inputs:
    # A Sequential has one input, and no property to say so.
    is_sequential = isinstance(student, keras.Sequential)
    if not (is_sequential or isinstance(student.input, keras.KerasTensor)):
      raise UserError(
        "student: expected one input, a batch of images, got a "
        f"{type(student.input).__name__} of {len(inputs)}; {_KERAS_EXPORT}"
      )
    shape = inputs[0].shape
  else:
    shape = (student.get_build_config() or {}).get("input_shape")
    if not isinstance(shape, (tuple, list)) or not all(
      isinstance(size, (int, type(None))) for size in shape
    ):
      raise UserError(
        "student: expected one input, a batch of images, got a model that does "
        f"not say what it takes; {_KERAS_EXPORT}"
      )
  if len(shape) != 4 or shape[-1] is None:
    raise UserError(
      "student: expected a batch of images [B, height, width, channels] as its "
      f"input, got {['B', *shape[1:]]}; {_KERAS_EXPORT}"
    )
  return tuple(shape[1:])


def prepared_as_said(
  student: keras.Model,
  preparation: Any,
  image_size: int | tuple[int, int] | None,
  *,
  any_size: bool = True,
) -> OwnImages:
  """The preparation that a user asks for, if the student can take its result.

  Args:
    student: what the images are for.
    preparation: "standardize", None, a function or "detect".
    image_size: side, or (height, width), that images are resized to; None
      serves the student's own size, or any where that is open.
    any_size: whether a function is given images of any size, as it may resize
      them, or only of the student's.

  Raises:
    UserError: the preparation is not known, is no function of TensorFlow
      operations, or gives something else than the student takes; or images of
      the size do not fit the student.
  """
  prepare = _function_of(preparation, student)
  student_shape = input_shape(student)
  height, width, channels = student_shape
  resize_to = _checked_size(image_size, (height, width))
  open_size = resize_to or (any_size and callable(preparation))
  served = (None, None) if open_size else (height, width)
  images = OwnImages((*served, channels), student_shape, resize_to, prepare)
  if callable(preparation):
    _try_function(images)
  return images


def _function_of(preparation: Any, student: keras.Model) -> ImageFunction:
  if preparation == "detect" and takes_raw_pixels(student):
    return _as_they_are
  if preparation is None:
    return _as_they_are
  if preparation == "standardize":
    return tf.image.per_image_standardization
  if callable(preparation):
    return preparation
  got = repr(preparation)
  if preparation == "detect":
    got = "none, and its layers do not tell"
  raise UserError(
    "preparation: expected what the student's training images went through, "
    "'standardize' (each by its own mean and deviation), None (pixels 0 to 255 "
    "as they are) or a function from images [B, height, width, channels] to "
    f"what the student takes, got {got}; give one of the three"
  )


def _as_they_are(images: tf.Tensor) -> tf.Tensor:
  return images


def _checked_size(
  image_size: Any, own: tuple[int | None, int | None]
) -> tuple[int, int] | None:
  """(height, width) to resize to, None where images keep their size."""
  if image_size is None:
    return None
  size = image_size
  if isinstance(size, int):
    size = (size, size)
  if (
    not isinstance(size, (tuple, list))
    or len(size) != 2
    or any(type(side) is not int or side < 1 for side in size)
  ):
    raise UserError(
      "image_size: expected a side or (height, width) in pixels, got "
      f"{image_size!r}; give whole numbers from 1 on"
    )
  if any(
    mine not in (None, side) for mine, side in zip(own, size, strict=True)
  ):
    raise UserError(
      f"image_size: expected {own}, which the student takes, got {size}; give "
      "that size, or None to serve no others"
    )
  return tuple(size)


def _try_function(images: OwnImages) -> None:
  """Raises UserError unless a user's function can be served."""
  *own_size, channels = images.student_shape
  size = images.resize_to or images.image_shape[:2]
  spec = tf.TensorSpec([None, *size, channels])
  sides = [side or _TRIED_SIZE for side in images.resize_to or own_size]
  pixels = np.random.default_rng(0).integers(0, 256, (2, *sides, channels))
  pixels = tf.constant(pixels, tf.uint8)
  try:
    traced = tf.function(images.prepare).get_concrete_function(spec)
    given = traced(tf.cast(pixels, tf.float32))
    got = ["B", *given.shape[1:]]
  except Exception as error:
    raise UserError(
      "preparation: expected a function of TensorFlow operations on float32 "
      f"images {['B', *sides, channels]}, got {type(error).__name__}: "
      f"{' '.join(str(error).split())[:200]}; write it with tf or keras.ops"
    ) from error
  operations = {each.type for each in traced.graph.get_operations()}
  if operations.intersection(_PYTHON_OPERATIONS):
    raise UserError(
      "preparation: expected a function of TensorFlow operations, got one that "
      "calls Python, which a SavedModel cannot hold; write it with tf or "
      "keras.ops"
    )
  expected = ["B", *images.student_shape]
  if len(got) != 4 or any(
    side not in (None, found)
    for side, found in zip(expected[1:], got[1:], strict=True)
  ):
    raise UserError(
      f"preparation: expected a function to images {expected}, which the "
      f"student takes, got {got}; resize there, or give `image_size`"
    )
  try:
    of_bytes = images.prepare(pixels)
  except Exception:
    return  # It takes floats alone, which it is given.
  if not np.allclose(of_bytes, given, rtol=1e-3, atol=1e-4):
    raise UserError(
      "preparation: expected a function that gives the same for uint8 and "
      "float32 images, values 0 to 255, got other values; begin with "
      "tf.cast(images, tf.float32), and divide by numbers of your own"
    )
