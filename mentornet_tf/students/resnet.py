"""The residual students: "resnet101", "resnet32" and their relatives.

A wide residual net with pre-activation. Layer names are the original's variable
scopes with "-" for "/", so that names in its checkpoints follow from them (see
`tf1_names`).
"""

import itertools
import math
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from mentornet_tf.errors import UserError
from mentornet_tf.internal.typing import Shape, Tensor
from mentornet_tf.students import options
from mentornet_tf.students.layers.zero_debiased_batch_normalization import (
  ZeroDebiasedBatchNormalization,
)

_STRIDES = (1, 2, 2)


def residual_network(
  num_classes: int = 10,
  *,
  units_per_stage: int = 9,
  stem_filters: int = 16,
  widths: tuple[int, int, int] = (160, 320, 640),
  bottleneck: bool = False,
  leakiness: float = 0.1,
  weight_decay: float = 2e-4,
  input_shape: tuple[int, int, int] = (32, 32, 3),
  sync_batch_norm: bool = False,
  seed: int | None = None,
) -> keras.Model:
  """Builds a residual net; source: golden students_resnet_*.

  A 3×3 stem, three stages of residual units at strides 1, 2, 2, then batch
  norm, leaky ReLU, global average pooling and a dense layer. The first unit
  activates before it splits, leaky ReLU before batch norm, so that its shortcut
  is activated too; every later unit applies batch norm before leaky ReLU, on
  the residual branch only. Shortcuts have no weights: average pooling where the
  stride is 2, zero channels on both sides where the width grows.

  The model's `losses` sum to weight_decay · Σ ½‖W‖² over the convolution
  kernels and the dense kernel.

  Args:
    num_classes: width of the logits.
    units_per_stage: residual units in each of the three stages.
    stem_filters: channels after the first convolution.
    widths: channels of the three stages; growth must be even.
    bottleneck: units of 1×1, 3×3 and 1×1 convolutions, the first two a quarter
      as wide, in place of two 3×3 convolutions.
    leakiness: slope of the leaky ReLU below 0.
    weight_decay: factor of the decay above.
    input_shape: (height, width, channels) of one image; sides divisible by 4.
    sync_batch_norm: whether batch norm uses the statistics of the batches of
      all replicas under a `tf.distribute` strategy, as one device would.
    seed: seeds the initial weights; None uses Keras' own seed.

  Returns:
    A model from standardized images [B, height, width, channels] float32 to
    logits [B, num_classes] float32 (float32 under mixed precision too).

  Raises:
    UserError: an option is outside its range.
  """
  options.check_integer("num_classes", num_classes, at_least=2)
  options.check_integer("units_per_stage", units_per_stage, at_least=1)
  options.check_integer("stem_filters", stem_filters, at_least=1)
  options.check_number("leakiness", leakiness, 0, 1)
  options.check_number("weight_decay", weight_decay, 0, 1)
  options.check_image_shape(input_shape, side_at_least=4)
  options.check_seed(seed)
  _check_geometry(stem_filters, widths, bottleneck, input_shape)

  parts = _Parts(leakiness, weight_decay, sync_batch_norm, seed)
  images = keras.Input(input_shape, name="images")
  x = parts.convolution("init-init_conv", stem_filters, 3)(images)
  for stage, (width, first_stride) in enumerate(
    zip(widths, _STRIDES, strict=True), start=1
  ):
    for unit in range(units_per_stage):
      stride = first_stride if unit == 0 else 1
      name = f"unit_{stage}_{unit}"
      shared = stage == 1 and unit == 0
      x = parts.residual_unit(x, name, width, stride, shared, bottleneck)
  x = parts.batch_norm("unit_last-final_bn")(x)
  x = parts.leaky_relu("unit_last-leaky_relu")(x)
  x = keras.layers.GlobalAveragePooling2D(name="unit_last-global_average")(x)
  logits = keras.layers.Dense(
    num_classes,
    kernel_initializer=keras.initializers.VarianceScaling(
      scale=1.0,
      mode="fan_in",
      distribution="uniform",
      seed=options.layer_seed(seed, "logit"),
    ),
    kernel_regularizer=parts.decay(),
    dtype="float32",
    name="logit",
  )(x)
  return keras.Model(images, logits, name="residual_network")


@keras.saving.register_keras_serializable(package="mentornet_tf")
class ChannelPadding(keras.layers.Layer):
  """Pads the channels with zeros, `padding` on each side.

  Args:
    padding: channels to add before the first and after the last one.
    **kwargs: further arguments of `keras.layers.Layer`.

  Input shape:
    [B, height, width, channels].

  Output shape:
    [B, height, width, channels + 2 · padding].
  """

  def __init__(self, padding: int, **kwargs: Any) -> None:
    super().__init__(**kwargs)
    self.padding = padding

  def call(self, inputs: Tensor) -> Tensor:
    """Pads `inputs` [B, height, width, channels]."""
    return ops.pad(inputs, [(0, 0)] * 3 + [(self.padding, self.padding)])

  def compute_output_shape(self, input_shape: Shape) -> Shape:
    """The input shape with 2 · padding more channels."""
    *others, channels = input_shape
    return (*others, None if channels is None else channels + 2 * self.padding)

  def get_config(self) -> dict[str, Any]:
    """The arguments of the constructor."""
    return super().get_config() | {"padding": self.padding}


@dataclass(frozen=True)
class _Parts:
  """Builds the layers and units of one residual net."""

  leakiness: float
  weight_decay: float
  sync_batch_norm: bool
  seed: int | None

  def decay(self) -> keras.regularizers.Regularizer | None:
    """Regularizer that yields weight_decay · ½‖W‖²."""
    if self.weight_decay == 0:
      return None
    return keras.regularizers.L2(self.weight_decay / 2)

  def convolution(
    self, name: str, filters: int, size: int, stride: int = 1
  ) -> keras.layers.Layer:
    deviation = math.sqrt(2 / (size * size * filters))
    return keras.layers.Conv2D(
      filters,
      size,
      strides=stride,
      padding="same",
      use_bias=False,
      kernel_initializer=keras.initializers.RandomNormal(
        stddev=deviation, seed=options.layer_seed(self.seed, name)
      ),
      kernel_regularizer=self.decay(),
      name=name,
    )

  def batch_norm(self, name: str) -> keras.layers.Layer:
    return ZeroDebiasedBatchNormalization(
      synchronized=self.sync_batch_norm, name=name
    )

  def leaky_relu(self, name: str) -> keras.layers.Layer:
    return keras.layers.LeakyReLU(negative_slope=self.leakiness, name=name)

  def residual_unit(
    self,
    x: Tensor,
    name: str,
    width: int,
    stride: int,
    shared: bool,
    bottleneck: bool,
  ) -> Tensor:
    """One unit: x [B, h, w, c] -> [B, h / stride, w / stride, width]."""
    if shared:
      scope = f"{name}-shared_activation"
      x = self.leaky_relu(f"{scope}-leaky_relu")(x)
      x = self.batch_norm(f"{scope}-init_bn")(x)
      shortcut = x
    else:
      scope = f"{name}-residual_only_activation"
      shortcut = x
      x = self.batch_norm(f"{scope}-init_bn")(x)
      x = self.leaky_relu(f"{scope}-leaky_relu")(x)

    if bottleneck:
      convolutions = [(width // 4, 1), (width // 4, 3), (width, 1)]
    else:
      convolutions = [(width, 3), (width, 3)]
    for number, (filters, size) in enumerate(convolutions, start=1):
      scope = f"{name}-sub{number}"
      if number > 1:
        x = self.batch_norm(f"{scope}-bn{number}")(x)
        x = self.leaky_relu(f"{scope}-leaky_relu")(x)
      x = self.convolution(
        f"{scope}-conv{number}", filters, size, stride if number == 1 else 1
      )(x)
    shortcut = self._fit_shortcut(shortcut, name, width, stride)
    return keras.layers.Add(name=f"{name}-sub_add")([x, shortcut])

  def _fit_shortcut(
    self, shortcut: Tensor, name: str, width: int, stride: int
  ) -> Tensor:
    if stride > 1:
      shortcut = keras.layers.AveragePooling2D(
        stride, name=f"{name}-sub_add-average"
      )(shortcut)
    growth = width - shortcut.shape[-1]
    if growth:
      shortcut = ChannelPadding(growth // 2, name=f"{name}-sub_add-padding")(
        shortcut
      )
    return shortcut


def _check_geometry(
  stem_filters: int,
  widths: tuple[int, int, int],
  bottleneck: bool,
  input_shape: tuple[int, int, int],
) -> None:
  options.check_integers("widths", widths, length=3)
  path = (stem_filters, *widths)
  for before, after in itertools.pairwise(path):
    if after < before or (after - before) % 2:
      raise UserError(
        "widths: expected each stage to widen by an even number of channels "
        f"(or stay), got {before} -> {after}; zeros are padded equally on both "
        "sides of the shortcut"
      )
  if bottleneck and any(width % 4 for width in widths):
    raise UserError(
      "widths: expected multiples of 4 for bottleneck units, got "
      f"{tuple(widths)!r}; change the widths or set bottleneck=False"
    )
  step = math.prod(_STRIDES)
  if any(side % step for side in input_shape[:2]):
    raise UserError(
      f"input_shape: expected sides divisible by {step}, got "
      f"{tuple(input_shape)!r}; crop or resize the images"
    )
