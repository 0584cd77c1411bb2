"""The students' layers, and one training step, under any Keras back end."""

import keras
import numpy as np

from mentornet_tf.students.layers.local_response_normalization import (
  LocalResponseNormalization,
)
from mentornet_tf.students.layers.pooled_convolution import PooledConvolution
from mentornet_tf.students.layers.zero_debiased_batch_normalization import (
  ZeroDebiasedBatchNormalization,
)
from mentornet_tf.students.resnet import ChannelPadding

LAYERS = {
  "lrn": lambda: LocalResponseNormalization(),
  "lrn_options": lambda: LocalResponseNormalization(2, 2.0, 0.1, 0.5),
  "batch_norm": lambda: ZeroDebiasedBatchNormalization(0.8, 0.01),
  "pooled": lambda: PooledConvolution(4, 3, "he_normal"),
  "padding": lambda: ChannelPadding(2),
}


def synchronized(student: keras.Model) -> list[bool]:
  """Whether each batch norm uses the batches of all replicas."""
  return [
    layer.synchronized
    for layer in student._flatten_layers()
    if hasattr(layer, "moving_mean")
  ]


def model_with(layer: keras.layers.Layer) -> keras.Model:
  """A classifier of 10 classes with the layer in it.

  The convolution before the layer learns from the gradient of its inputs.
  """
  return keras.Sequential(
    [
      keras.Input((6, 6, 3)),
      keras.layers.Conv2D(7, 1, name="before"),
      layer,
      keras.layers.Flatten(),
      keras.layers.Dense(10, name="after"),
    ]
  )


def training_step(model: keras.Model) -> dict[str, np.ndarray]:
  """Takes one step from weights and images that are always the same.

  Returns:
    "loss" and, by the name of each weight and its place among the model's, how
    far the step moved it. The learning rate is 1, so that this is the gradient
    for weights that are trained.
  """
  rng = np.random.default_rng(1)
  for weight in model.weights:
    if len(weight.shape) > 1:
      spread = np.sqrt(2 / np.prod(weight.shape[:-1]))
      weight.assign(rng.normal(0, spread, weight.shape))
    elif weight.name not in ("biased", "local_step"):
      weight.assign(rng.uniform(0.5, 1.5, weight.shape))
  before = [weight.numpy() for weight in model.weights]
  images = rng.normal(size=(4, *model.input_shape[1:])).astype(np.float32)
  model.compile(
    keras.optimizers.SGD(1.0),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
  )
  loss = model.train_on_batch(images, np.array([0, 1, 2, 9]))
  return {"loss": np.asarray(loss)} | {
    f"{number}-{weight.name}": weight.numpy() - old
    for number, (weight, old) in enumerate(
      zip(model.weights, before, strict=True)
    )
  }
