"""The "inception_resnet_v2" student, for images of 299 pixels."""

import os

import keras

from mentornet_tf.students import options
from mentornet_tf.students.image_net_weights import load_image_net_weights
from mentornet_tf.students.layers.batch_dropout import BatchDropout

# Smaller images vanish under the strides of the network.
_SMALLEST_SIDE = 75


def inception_resnet_v2(
  num_classes: int = 1000,
  *,
  dropout_keep_probability: float = 0.8,
  weight_decay: float = 4e-5,
  weights_path: str | os.PathLike[str] | None = None,
  input_shape: tuple[int, int, int] = (299, 299, 3),
  sync_batch_norm: bool = False,
  seed: int | None = None,
) -> keras.Model:
  """Builds Inception-ResNet-v2 (Szegedy et al. 2017, arXiv 1602.07261).

  The layers are those of `keras.applications.InceptionResNetV2`, which has
  neither the dropout of the paper before the last layer nor weight decay; both
  are added here. The model's `losses` sum to weight_decay · Σ ½‖W‖² over the
  convolution kernels and the dense kernel.

  Args:
    num_classes: width of the logits.
    dropout_keep_probability: share of the pooled features that training keeps,
      0 < p <= 1; 1 disables dropout. The paper uses 0.8.
    weight_decay: factor of the decay above; 0 disables it.
    weights_path: a file with weights of the same network to start from, for
      instance those that Keras offers for ImageNet; see
      `load_image_net_weights`. The last layer is always new. None starts from
      random weights.
    input_shape: (height, width, 3) of one image; sides >= 75.
    sync_batch_norm: whether batch norm uses the statistics of the batches of
      all replicas under a `tf.distribute` strategy, as one device would.
    seed: seeds the dropout. The initial weights use Keras' own seed
      (`keras.utils.set_random_seed`), and None uses it for both.

  Returns:
    A model from images [B, height, width, 3] float32 in [-1, 1] to logits
    [B, num_classes] float32 (float32 under mixed precision too).

  Raises:
    UserError: an option is outside its range, or the file does not hold the
      weights of this network.
  """
  options.check_integer("num_classes", num_classes, at_least=2)
  options.check_keep_probability(dropout_keep_probability)
  options.check_number("weight_decay", weight_decay, 0, 1)
  options.check_image_shape(input_shape, side_at_least=_SMALLEST_SIDE)
  options.check_channels(input_shape, 3)
  options.check_seed(seed)

  body = keras.applications.InceptionResNetV2(
    include_top=False,
    weights=None,
    input_shape=tuple(input_shape),
    pooling="avg",
    name="inception_resnet_v2_body",
  )
  if sync_batch_norm:
    _synchronize_batch_norm(body)
  if weights_path is not None:
    load_image_net_weights(body, weights_path)
  x = body.output
  if dropout_keep_probability < 1:
    x = BatchDropout(
      1 - dropout_keep_probability,
      seed=options.layer_seed(seed, "dropout"),
      name="dropout",
    )(x)
  logits = keras.layers.Dense(num_classes, dtype="float32", name="logits")(x)
  student = keras.Model(body.input, logits, name="inception_resnet_v2")
  if weight_decay:
    _add_weight_decay(student, weight_decay)
  return student


def _synchronize_batch_norm(body: keras.Model) -> None:
  # `keras.applications` has no argument for it, and only TensorFlow's batches
  # are not global by themselves.
  if keras.backend.backend() == "tensorflow":
    for layer in body.layers:
      if isinstance(layer, keras.layers.BatchNormalization):
        layer.synchronized = True


def _add_weight_decay(student: keras.Model, weight_decay: float) -> None:
  """Regularizes every kernel of layers that were built without."""
  for layer in student.layers:
    if isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense)):
      # Saving uses the layer's regularizer, the loss the variable's.
      layer.kernel_regularizer = keras.regularizers.L2(weight_decay / 2)
      layer.kernel.regularizer = layer.kernel_regularizer
