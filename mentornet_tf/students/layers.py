"""Layers of the original students that stock Keras does not offer."""

import keras
from keras import ops

_PACKAGE = "mentornet_tf"


@keras.saving.register_keras_serializable(package=_PACKAGE)
class LocalResponseNormalization(keras.layers.Layer):
  """Divides each activation by a power of its neighbouring channels' energy.

  For channel c: y_c = x_c · (bias + alpha · Σ x_j²)^(−beta), the sum running
  over the channels j with |j − c| <= depth_radius. Same function as
  `tf.nn.local_response_normalization`. Source: golden students_cifarnet.

  Args:
    depth_radius: channels on each side that count, an integer >= 0.
    bias: offset of the energy.
    alpha: factor of the energy.
    beta: exponent.

  Input shape: [B, ..., channels], floating point.
  Output shape: the same; the energy is summed in float32 at least.
  """

  def __init__(
    self,
    depth_radius: int = 4,
    bias: float = 1.0,
    alpha: float = 0.001 / 9,
    beta: float = 0.75,
    **kwargs,
  ):
    super().__init__(**kwargs)
    self.depth_radius = depth_radius
    self.bias = bias
    self.alpha = alpha
    self.beta = beta

  def call(self, inputs):
    """Normalises `inputs` [B, ..., channels]; same shape out."""
    x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
    channels = x.shape[-1]
    energy = ops.reshape(ops.square(x), (-1, channels))
    # The sum over neighbours as one product with a 0/1 band matrix.
    energy = ops.matmul(energy, self._band(channels, x.dtype))
    scale = self.bias + self.alpha * ops.reshape(energy, ops.shape(x))
    if self.beta == 0.75:
      root = ops.rsqrt(scale)
      scale = root * ops.sqrt(root)
    else:
      scale = ops.power(scale, -self.beta)
    return ops.cast(x * scale, self.compute_dtype)

  def _band(self, channels: int, dtype):
    """0/1 matrix [channels, channels]: 1 where |row − column| <= radius."""
    index = ops.arange(channels)
    distance = ops.abs(index[:, None] - index[None, :])
    return ops.cast(distance <= self.depth_radius, dtype)

  def compute_output_shape(self, input_shape):
    """The shape of the input."""
    return input_shape

  def get_config(self) -> dict:
    """The constructor's arguments."""
    return super().get_config() | {
      "depth_radius": self.depth_radius,
      "bias": self.bias,
      "alpha": self.alpha,
      "beta": self.beta,
    }
