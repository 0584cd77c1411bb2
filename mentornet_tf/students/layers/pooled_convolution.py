"""A convolution and the 2×2 maximum of its activations, in one layer."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="mentornet_tf")
class PooledConvolution(keras.layers.Layer):
  """SAME convolution, bias, ReLU and 2×2 max pooling at stride 2 (VALID).

  The same function as the four stock layers, reordered. Neither bias nor ReLU
  changes the order of values, so the pooling goes first and leaves a quarter
  of the work to them. The four positions under one maximum see windows that
  fit into one window a row and a column larger: one convolution at stride 2
  with the kernel in its four places gathers a quarter of the windows.
  benchmarks/student_layers.py compares it with the stock layers.

  Args:
    filters: channels of the output.
    kernel_size: side of the square kernel, odd.
    kernel_initializer: as in stock Keras; the bias starts at 0.

  Input shape: [B, height, width, channels].
  Output shape: [B, height // 2, width // 2, filters].
  """

  def __init__(
    self,
    filters: int,
    kernel_size: int,
    kernel_initializer="glorot_uniform",
    **kwargs,
  ):
    super().__init__(**kwargs)
    if kernel_size % 2 == 0:
      raise ValueError(
        f"kernel_size: expected an odd number, got {kernel_size}"
      )
    self.filters = filters
    self.kernel_size = kernel_size
    self.kernel_initializer = keras.initializers.get(kernel_initializer)

  def build(self, input_shape):
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

  def call(self, inputs):
    """Convolves, pools and activates `inputs` [B, height, width, channels]."""
    kernel = ops.convert_to_tensor(self.kernel)
    placed = [
      ops.pad(kernel, [(row, 1 - row), (column, 1 - column), (0, 0), (0, 0)])
      for row in (0, 1)
      for column in (0, 1)
    ]
    margin = (self.kernel_size // 2,) * 2
    x = ops.pad(inputs, [(0, 0), margin, margin, (0, 0)])
    # [B, height // 2, width // 2, 4 · filters]
    x = ops.conv(x, ops.concatenate(placed, axis=-1), 2, padding="valid")
    return ops.relu(_maximum_of_four(x) + self.bias)

  def compute_output_shape(self, input_shape):
    """Both sides halved, `filters` channels."""
    batch, *sides, _ = input_shape
    halved = (side if side is None else side // 2 for side in sides)
    return (batch, *halved, self.filters)

  def get_config(self) -> dict:
    """The constructor's arguments."""
    return super().get_config() | {
      "filters": self.filters,
      "kernel_size": self.kernel_size,
      "kernel_initializer": keras.initializers.serialize(
        self.kernel_initializer
      ),
    }


@ops.custom_gradient
def _maximum_of_four(x):
  """Maximum of the four quarters of the last axis.

  As in max pooling, the gradient goes to one of equal values, the first. Equal
  ones are common: the zeros around a shifted training image make them.
  """
  first, second, third, fourth = ops.split(x, 4, axis=-1)
  upper = ops.maximum(first, second)
  lower = ops.maximum(third, fourth)

  def gradient(*args, upstream=None):
    upstream = args[0] if upstream is None else upstream
    zeros = ops.zeros_like(upstream)

    def share(keeps, values):
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
