"""Dropout on replicas, as in `replica_runs`."""

from typing import Any

import numpy as np
from replica_runs import split_cpu, strategy_of


def dropped_parts() -> tuple[list, list]:
  """What dropout leaves of a batch, on one device and in two parts."""
  import tensorflow as tf

  from mentornet_tf.students.layers.batch_dropout import BatchDropout

  split_cpu(2)
  x = np.ones((6, 8), np.float32)
  one = BatchDropout(0.5, seed=3)(x, training=True).numpy().tolist()
  strategy = strategy_of(2)
  with strategy.scope():
    dropout = BatchDropout(0.5, seed=3)

  @tf.function
  def run() -> Any:
    part = tf.constant(x[:3])
    return strategy.run(lambda: dropout(part, training=True))

  parts = strategy.experimental_local_results(run())
  return one, [part.numpy().tolist() for part in parts]
