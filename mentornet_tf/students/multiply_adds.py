"""The cost of a student: multiply-adds, counted from the built model."""

import math

import keras

from mentornet_tf.errors import UserError
from mentornet_tf.students.layers.pooled_convolution import PooledConvolution


def count_multiply_adds(student: keras.Model) -> int:
  """Multiply-adds of one forward pass on one image.

  Counts convolutions and dense layers, which do all but a few per cent of the
  work of such networks. A training step takes about three times as many: the
  gradients with respect to the inputs and to the weights cost as much as the
  forward pass each.

  Args:
    student: a functional model whose image size is known.

  Raises:
    UserError: the student is no such model, or has a kernel in a layer of
      another kind.
  """
  if not isinstance(student, keras.Model) or not student.inputs:
    raise UserError(
      "student: expected a functional Keras model, got "
      f"{type(student).__name__}; build it from keras.Input"
    )
  if None in student.input_shape[1:]:
    raise UserError(
      "student: expected a model of one image size, got the input shape "
      f"{student.input_shape}; build it with input_shape"
    )
  return sum(_of_layer(layer) for layer in student.layers)


def _of_layer(layer: keras.layers.Layer) -> int:
  kernel = getattr(layer, "kernel", None)
  if kernel is None:
    return 0
  size = math.prod(kernel.shape)
  if isinstance(layer, keras.layers.Dense):
    return size
  if isinstance(layer, keras.layers.Conv2D):
    # Each weight of a kernel is used once per position of the output.
    height, width = layer.output.shape[1:3]
    return size * height * width
  if isinstance(layer, PooledConvolution):
    height, width = layer.output.shape[1:3]
    return size * 4 * height * width  # four positions per pool
  raise UserError(
    f"student: expected layers whose work is known, got {layer.name} of the "
    f"kind {type(layer).__name__}; count it by hand"
  )
