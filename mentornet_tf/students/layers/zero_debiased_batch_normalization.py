"""Batch normalisation as the original's residual nets keep it."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="mentornet_tf")
class ZeroDebiasedBatchNormalization(keras.layers.Layer):
  """Batch normalisation whose moving mean forgets its start value.

  Training normalises by the batch's mean and population variance, inference by
  the moving ones. After update k the moving mean is biased / (1 − momentum^k),
  where `biased` is an exponential moving average that started from 0; the
  moving variance is a plain exponential moving average. Both use the
  population variance. Source: golden students_resnet_train.

  As in stock Keras, a layer with `trainable = False` infers only.

  Args:
    momentum: share of the old average that an update keeps.
    epsilon: added to the variance before its root is taken.

  Input shape: [B, ..., channels], floating point.
  Output shape: the same. Statistics and variables are float32 at least,
  whatever the compute dtype.
  """

  def __init__(self, momentum: float = 0.9, epsilon: float = 1e-3, **kwargs):
    super().__init__(**kwargs)
    self.momentum = momentum
    self.epsilon = epsilon

  def build(self, input_shape):
    """Creates the variables: six vectors [channels] but for `local_step`."""
    self._statistics_dtype = keras.backend.result_type(
      self.variable_dtype, "float32"
    )

    def weight(name, initializer, shape=input_shape[-1:], trainable=False):
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

  def call(self, inputs, training=False):
    """Normalises `inputs` [B, ..., channels]; same shape out."""
    x = ops.cast(inputs, self._statistics_dtype)
    if training and self.trainable:
      mean, variance = ops.moments(x, axes=list(range(len(x.shape) - 1)))
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

  def _update_moving_statistics(self, mean, variance):
    def moved(average, value):
      return average * self.momentum + value * (1 - self.momentum)

    self.biased.assign(moved(self.biased, mean))
    self.local_step.assign(self.local_step + 1)
    self.moving_mean.assign(
      self.biased / (1 - ops.power(self.momentum, self.local_step))
    )
    self.moving_variance.assign(moved(self.moving_variance, variance))

  def compute_output_shape(self, input_shape):
    """The shape of the input."""
    return input_shape

  def get_config(self) -> dict:
    """The constructor's arguments."""
    return super().get_config() | {
      "momentum": self.momentum,
      "epsilon": self.epsilon,
    }
