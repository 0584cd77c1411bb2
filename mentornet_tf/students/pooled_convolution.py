"""A convolution and the 2×2 maximum of its activations, in one layer."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="mentornet_tf")
class PooledConvolution(keras.layers.Conv2D):
  """Convolution, bias, activation, 2×2 max pooling at stride 2 (VALID).

  Pools before it adds the bias and activates: neither changes the order of
  values, so the outputs are the same to the bit and the work on them a quarter.

  Args:
    *args: as for `keras.layers.Conv2D`; the activation must not decrease.
    **kwargs: likewise.

  Input shape: [B, height, width, channels].
  Output shape: [B, height' // 2, width' // 2, filters], where height' and
    width' are those of the convolution's output.
  """

  def call(self, inputs):
    """Convolves, pools and activates `inputs` [B, height, width, channels]."""
    x = ops.max_pool(self.convolution_op(inputs, self.kernel), 2)
    if self.use_bias:
      x = x + self.bias
    return self.activation(x)

  def compute_output_shape(self, input_shape):
    """The convolution's output shape with both sides halved."""
    batch, height, width, filters = super().compute_output_shape(input_shape)
    halved = (side if side is None else side // 2 for side in (height, width))
    return (batch, *halved, filters)
