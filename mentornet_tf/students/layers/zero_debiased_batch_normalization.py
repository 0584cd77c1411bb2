"""Batch normalization as the original's residual nets keep it."""

from typing import Any

import keras
from keras import ops

from mentornet_tf.internal.typing import Shape, Tensor


@keras.saving.register_keras_serializable(package="mentornet_tf")
class ZeroDebiasedBatchNormalization(keras.layers.Layer):
  """Batch normalization whose moving mean forgets its initial value.

  Training normalizes by the mean and population variance of the batch,
  inference by their moving averages. After update k the moving mean is
  biased / (1 − momentum^k), where `biased` is an exponential moving average
  that starts from 0; the moving variance is a plain exponential moving average.
  Source: golden students_resnet_train.

  As in stock Keras, a layer with `trainable = False` runs in inference mode
  only. Statistics and variables are at least float32, whatever the compute
  dtype.

  Args:
    momentum: share of the old average that an update keeps.
    epsilon: added to the variance before the square root is taken.
    synchronized: whether mean and variance are those of the batches of all
      replicas under a `tf.distribute` strategy, as in stock Keras. Arrays under
      JAX' `DataParallel` are global, and so are their statistics always.
    **kwargs: further arguments of `keras.layers.Layer`.

  Input shape:
    [B, ..., channels], floating point.

  Output shape:
    The same as the input shape.
  """

  def __init__(
    self,
    momentum: float = 0.9,
    epsilon: float = 1e-3,
    synchronized: bool = False,
    **kwargs: Any,
  ) -> None:
    super().__init__(**kwargs)
    self.momentum = momentum
    self.epsilon = epsilon
    self.synchronized = synchronized

  def build(self, input_shape: Shape) -> None:
    """Creates five vectors [channels] and the scalar `local_step`."""
    self._statistics_dtype = keras.backend.result_type(
      self.variable_dtype, "float32"
    )

    def weight(
      name: str,
      initializer: str,
      shape: Shape = input_shape[-1:],
      trainable: bool = False,
    ) -> keras.Variable:
      return self.add_weight(
        name=name,
        shape=shape,
        initializer=initializer,
        dtype=self._statistics_dtype,
        trainable=trainable,
        autocast=False,
      )

    self.gamma = weight("gamma", "ones", trainable=True)
    self.beta = weight("beta", "zeros", trainable=True)
    self.moving_mean = weight("moving_mean", "zeros")
    self.moving_variance = weight("moving_variance", "ones")
    self.biased = weight("biased", "zeros")
    self.local_step = weight("local_step", "zeros", shape=())

  def call(self, inputs: Tensor, training: bool = False) -> Tensor:
    """Normalizes `inputs` [B, ..., channels]; same shape out."""
    x = ops.cast(inputs, self._statistics_dtype)
    if training and self.trainable:
      mean, variance = self._moments(x)
      self._update_moving_statistics(mean, variance)
    else:
      mean = ops.convert_to_tensor(self.moving_mean)
      variance = ops.convert_to_tensor(self.moving_variance)
    x = ops.batch_normalization(
      x,
      mean,
      variance,
      axis=-1,
      offset=ops.convert_to_tensor(self.beta),
      scale=ops.convert_to_tensor(self.gamma),
      epsilon=self.epsilon,
    )
    return ops.cast(x, self.compute_dtype)

  def _moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
    axes = list(range(len(x.shape) - 1))
    if self.synchronized and keras.backend.backend() == "tensorflow":
      return ops.moments(x, axes=axes, synchronized=True)
    return ops.moments(x, axes=axes)

  def _update_moving_statistics(self, mean: Tensor, variance: Tensor) -> None:
    def moved(average: Tensor, value: Tensor) -> Tensor:
      return average * self.momentum + value * (1 - self.momentum)

    self.biased.assign(moved(self.biased, mean))
    self.local_step.assign(self.local_step + 1)
    self.moving_mean.assign(
      self.biased / (1 - ops.power(self.momentum, self.local_step))
    )
    self.moving_variance.assign(moved(self.moving_variance, variance))

  def compute_output_shape(self, input_shape: Shape) -> Shape:
    """The input shape."""
    return input_shape

  def get_config(self) -> dict[str, Any]:
    """The arguments of the constructor."""
    return super().get_config() | {
      "momentum": self.momentum,
      "epsilon": self.epsilon,
      "synchronized": self.synchronized,
    }
