"""Convolution, ReLU and 2×2 max pooling in one layer."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from mentornet_tf.errors import UserError
from mentornet_tf.internal.onednn import uses_onednn
from mentornet_tf.internal.typing import Shape, Tensor


@keras.saving.register_keras_serializable(package="mentornet_tf")
class PooledConvolution(keras.layers.Layer):
  """SAME convolution, bias, ReLU and 2×2 max pooling at stride 2 (VALID).

  The same function as the four stock layers, reordered. Bias and ReLU preserve
  the order of values, so that pooling can come first and leaves them a quarter
  of the work. oneDNN convolves and pools fast, one after the other. Elsewhere
  the windows of the four positions in one pool fit into a window that is one
  row and one column larger: a single convolution at stride 2, with the kernel
  in each of its four places, gathers a quarter of the windows.
  benchmarks/student_layers.py compares it with the stock layers.

  Args:
    filters: channels of the output.
    kernel_size: side of the square kernel, odd.
    kernel_initializer: as in stock Keras; the bias starts at 0.
    **kwargs: further arguments of `keras.layers.Layer`.

  Input shape:
    [B, height, width, channels].

  Output shape:
    [B, height // 2, width // 2, filters].

  Raises:
    UserError: `kernel_size` is even.
  """

  def __init__(
    self,
    filters: int,
    kernel_size: int,
    kernel_initializer: str | keras.initializers.Initializer = "glorot_uniform",
    **kwargs: Any,
  ) -> None:
    super().__init__(**kwargs)
    if kernel_size % 2 == 0:
      raise UserError(
        f"kernel_size: expected an odd number, got {kernel_size}; use "
        "keras.layers.Conv2D and MaxPooling2D for even kernels"
      )
    self.filters = filters
    self.kernel_size = kernel_size
    self.kernel_initializer = keras.initializers.get(kernel_initializer)

  def build(self, input_shape: Shape) -> None:
    """Creates `kernel` [size, size, channels, filters], `bias` [filters]."""
    size = self.kernel_size
    self.kernel = self.add_weight(
      name="kernel",
      shape=(size, size, input_shape[-1], self.filters),
      initializer=self.kernel_initializer,
    )
    self.bias = self.add_weight(
      name="bias", shape=(self.filters,), initializer="zeros"
    )

  def call(self, inputs: Tensor) -> Tensor:
    """Convolves, pools and activates `inputs` [B, height, width, channels]."""
    kernel = ops.convert_to_tensor(self.kernel)
    convolve = _convolve_then_pool if uses_onednn() else _convolve_pools
    return ops.relu(convolve(inputs, kernel) + self.bias)

  def compute_output_shape(self, input_shape: Shape) -> Shape:
    """Both sides halved, `filters` channels."""
    batch, *sides, _ = input_shape
    halved = (side if side is None else side // 2 for side in sides)
    return (batch, *halved, self.filters)

  def get_config(self) -> dict[str, Any]:
    """The arguments of the constructor."""
    return super().get_config() | {
      "filters": self.filters,
      "kernel_size": self.kernel_size,
      "kernel_initializer": keras.initializers.serialize(
        self.kernel_initializer
      ),
    }


def _convolve_then_pool(x: Tensor, kernel: Tensor) -> Tensor:
  """[B, height // 2, width // 2, filters]: the maxima of a convolution."""
  return ops.max_pool(ops.conv(x, kernel, padding="same"), 2, 2)


def _convolve_pools(x: Tensor, kernel: Tensor) -> Tensor:
  """The same by one convolution at stride 2 with four times the filters."""
  placed = [
    ops.pad(kernel, [(row, 1 - row), (column, 1 - column), (0, 0), (0, 0)])
    for row in (0, 1)
    for column in (0, 1)
  ]
  margin = (kernel.shape[0] // 2,) * 2
  x = ops.pad(x, [(0, 0), margin, margin, (0, 0)])
  # [B, height // 2, width // 2, 4 · filters]
  x = ops.conv(x, ops.concatenate(placed, axis=-1), 2, padding="valid")
  return _maximum_of_four(x)


@ops.custom_gradient
def _maximum_of_four(x: Tensor) -> tuple[Tensor, Callable[..., Tensor]]:
  """Maximum of the four quarters of the last axis, and its gradient.

  As in max pooling, the gradient goes to the first of equal values. Those are
  common: the zero padding around a shifted training image produces them.
  """
  first, second, third, fourth = ops.split(x, 4, axis=-1)
  upper = ops.maximum(first, second)
  lower = ops.maximum(third, fourth)

  def gradient(*args: Tensor, upstream: Tensor = None) -> Tensor:
    upstream = args[0] if upstream is None else upstream
    zeros = ops.zeros_like(upstream)

    def share(keeps: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
      return ops.where(keeps, values, zeros), ops.where(keeps, zeros, values)

    to_upper, to_lower = share(upper >= lower, upstream)
    return ops.concatenate(
      [
        *share(first >= second, to_upper),
        *share(third >= fourth, to_lower),
      ],
      axis=-1,
    )

  return ops.maximum(upper, lower), gradient
