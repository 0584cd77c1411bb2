"""Dropout that drops the same on several replicas as on one device."""

from typing import Any

import keras
from keras import ops

from mentornet_tf.internal.replica_context import num_replicas, replica_index
from mentornet_tf.internal.typing import Tensor


@keras.saving.register_keras_serializable(package="mentornet_tf")
class BatchDropout(keras.layers.Dropout):
  """Keras' dropout, whose random numbers are those of the global batch.

  Under a `tf.distribute` strategy replicas have the same random state, so that
  stock dropout drops the same units of every part. This layer samples for the
  whole batch and takes the replica's part, so that replicas with equal parts
  drop what one device would. With one replica it is the stock layer. Its
  arguments are those of `keras.layers.Dropout`.
  """

  def call(self, inputs: Tensor, training: bool = False) -> Any:
    count = num_replicas()
    if count == 1 or not training or self.rate == 0:
      return super().call(inputs, training=training)
    size = ops.shape(inputs)[0]
    factors = super().call(
      ops.ones((count * size, *inputs.shape[1:]), inputs.dtype), training=True
    )
    start = replica_index() * size
    return inputs * factors[start : start + size]
