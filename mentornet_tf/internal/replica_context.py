"""The replica of a `tf.distribute` strategy that runs a step."""

from typing import TYPE_CHECKING, Any

import keras

if TYPE_CHECKING:
  import tensorflow as tf


def replica_context() -> "tf.distribute.ReplicaContext | None":
  """TensorFlow's replica context, where there are several replicas."""
  if keras.backend.backend() != "tensorflow":
    return None
  import tensorflow as tf

  context = tf.distribute.get_replica_context()
  several = context is not None and context.num_replicas_in_sync > 1
  return context if several else None


def num_replicas() -> int:
  """The replicas that take part in the step being run; 1 outside of any."""
  context = replica_context()
  return 1 if context is None else context.num_replicas_in_sync


def replica_index() -> Any:
  """The number of this replica, 0 to `num_replicas()` − 1: an int scalar."""
  context = replica_context()
  return 0 if context is None else context.replica_id_in_sync_group
