"""Local response normalization across channels."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from mentornet_tf.internal.typing import Shape, Tensor


@keras.saving.register_keras_serializable(package="mentornet_tf")
class LocalResponseNormalization(keras.layers.Layer):
  """Divides each activation by a power of its neighboring channels' energy.

  For channel c: y_c = x_c · s_c^(−beta), s_c = bias + alpha · Σ x_j², the sum
  running over the channels j with |j − c| <= depth_radius. Same function as
  `tf.nn.local_response_normalization`. Source: golden students_cifarnet.

  The sums are one product with a 0/1 band matrix, and the gradient is explicit
  so that it reuses the powers of the forward pass;
  benchmarks/student_layers.py compares the two forms.

  Args:
    depth_radius: channels on each side that count, an integer >= 0.
    bias: offset of the energy, > 0.
    alpha: factor of the energy.
    beta: exponent.
    **kwargs: further arguments of `keras.layers.Layer`.

  Input shape:
    [B, ..., channels], floating point; computed in float32 at least.

  Output shape:
    The same as the input shape.
  """

  def __init__(
    self,
    depth_radius: int = 4,
    bias: float = 1.0,
    alpha: float = 0.001 / 9,
    beta: float = 0.75,
    **kwargs: Any,
  ) -> None:
    super().__init__(**kwargs)
    self.depth_radius = depth_radius
    self.bias = bias
    self.alpha = alpha
    self.beta = beta

  def call(self, inputs: Tensor) -> Tensor:
    """Normalizes `inputs` [B, ..., channels]; same shape out."""
    dtype = keras.backend.result_type(inputs.dtype, "float32")
    channels = inputs.shape[-1]
    distance = np.subtract.outer(np.arange(channels), np.arange(channels))
    band = ops.convert_to_tensor(
      self.alpha * (np.abs(distance) <= self.depth_radius), dtype
    )

    @ops.custom_gradient
    def normalize(x: Tensor) -> tuple[Tensor, Callable[..., Tensor]]:
      scale = self.bias + ops.matmul(ops.square(x), band)
      if self.beta == 0.75:
        root = ops.rsqrt(scale)  # Roots take a fraction of a power's time.
        factor, inverse = root * ops.sqrt(root), root * root
      else:
        factor, inverse = ops.power(scale, -self.beta), 1 / scale
      y = x * factor

      def gradient(*args: Tensor, upstream: Tensor = None) -> Tensor:
        # The band is symmetric, so it is its own transpose.
        upstream = args[0] if upstream is None else upstream
        crossed = ops.matmul(upstream * y * inverse, (2 * self.beta) * band)
        return upstream * factor - x * crossed

      return y, gradient

    rows = ops.reshape(ops.cast(inputs, dtype), (-1, channels))
    outputs = ops.reshape(normalize(rows), ops.shape(inputs))
    return ops.cast(outputs, self.compute_dtype)

  def compute_output_shape(self, input_shape: Shape) -> Shape:
    """The input shape."""
    return input_shape

  def get_config(self) -> dict[str, Any]:
    """The arguments of the constructor."""
    return super().get_config() | {
      "depth_radius": self.depth_radius,
      "bias": self.bias,
      "alpha": self.alpha,
      "beta": self.beta,
    }
