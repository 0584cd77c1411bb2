"""The "inception" student: the small convolutional network CifarNet.

Layer names are the original's variable scopes with "-" for "/", so that names
in its checkpoints follow from them (see `tf1_names`).
"""

from typing import Any

import keras

from mentornet_tf.students import options
from mentornet_tf.students.layers.batch_dropout import BatchDropout
from mentornet_tf.students.layers.local_response_normalization import (
  LocalResponseNormalization,
)
from mentornet_tf.students.layers.pooled_convolution import PooledConvolution


def cifarnet(
  num_classes: int = 10,
  *,
  dropout_keep_probability: float = 0.8,
  input_shape: tuple[int, int, int] = (32, 32, 3),
  seed: int | None = None,
) -> keras.Model:
  """Builds CifarNet; source: golden students_cifarnet and student_variables.

  There is no weight decay: the original declares a regularizer but never adds
  it to the loss.

  Args:
    num_classes: width of the logits.
    dropout_keep_probability: share of the first dense layer's activations that
      training keeps, 0 < p <= 1; 1 disables dropout.
    input_shape: (height, width, channels) of one image; sides >= 4.
    seed: seeds the initial weights and the dropout; None uses Keras' own seed.

  Returns:
    A model from standardized images [B, height, width, channels] float32 to
    logits [B, num_classes] float32 (float32 under mixed precision too).

  Raises:
    UserError: an option is outside its range.
  """
  options.check_integer("num_classes", num_classes, at_least=2)
  options.check_keep_probability(dropout_keep_probability)
  options.check_image_shape(input_shape, side_at_least=4)
  options.check_seed(seed)

  def dense(
    units: int, name: str, stddev: float, bias: float, **kwargs: Any
  ) -> keras.layers.Layer:
    return keras.layers.Dense(
      units,
      kernel_initializer=_truncated_normal(stddev, seed, name),
      bias_initializer=keras.initializers.Constant(bias),
      name=name,
      **kwargs,
    )

  images = keras.Input(input_shape, name="images")
  # The original's conv1 and pool1.
  x = PooledConvolution(
    64,
    5,
    kernel_initializer=_truncated_normal(0.05, seed, "CifarNet-conv1"),
    name="CifarNet-conv1",
  )(images)
  x = LocalResponseNormalization(name="CifarNet-norm1")(x)
  x = keras.layers.Conv2D(
    64,
    5,
    padding="same",
    activation="relu",
    kernel_initializer=_truncated_normal(0.05, seed, "CifarNet-conv2"),
    name="CifarNet-conv2",
  )(x)
  x = LocalResponseNormalization(name="CifarNet-norm2")(x)
  x = keras.layers.MaxPooling2D(2, name="CifarNet-pool2")(x)
  x = keras.layers.Flatten(name="CifarNet-flatten")(x)
  x = dense(384, "CifarNet-fc3", 0.04, 0.1, activation="relu")(x)
  if dropout_keep_probability < 1:
    x = BatchDropout(
      1 - dropout_keep_probability,
      seed=options.layer_seed(seed, "CifarNet-dropout3"),
      name="CifarNet-dropout3",
    )(x)
  x = dense(192, "CifarNet-fc4", 0.04, 0.1, activation="relu")(x)
  logits = dense(num_classes, "CifarNet-logits", 1 / 192, 0.0, dtype="float32")(
    x
  )
  return keras.Model(images, logits, name="CifarNet")


def _truncated_normal(
  stddev: float, seed: int | None, layer_name: str
) -> keras.initializers.Initializer:
  return keras.initializers.TruncatedNormal(
    stddev=stddev, seed=options.layer_seed(seed, layer_name)
  )
