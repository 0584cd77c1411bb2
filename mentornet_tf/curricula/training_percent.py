"""How far training has come, in percent: what the original calls the epoch."""

import numpy as np
from keras import ops

from mentornet_tf.curricula.dropout_rates import NUM_EPOCHS
from mentornet_tf.internal.typing import Tensor


def training_percent(step: Tensor, total_steps: int) -> Tensor:
  """Percentage of training done: 100 · step // total_steps, at most 99.

  Args:
    step: steps done, counted from 0: a Python or NumPy integer, or an integer
      tensor of any shape.
    total_steps: length of training in steps, at least 1.

  Returns:
    0..99 (source: golden `epoch_percentage`): a Python integer for a Python or
    NumPy integer, an int32 tensor of the shape of `step` for a tensor.
  """
  if isinstance(step, int | np.integer):
    return min(NUM_EPOCHS * int(step) // total_steps, NUM_EPOCHS - 1)
  # Counts the percentages 1..99 that have begun: 100 · step would overflow
  # int32, the widest integer that JAX has by default.
  step = ops.expand_dims(ops.convert_to_tensor(step), -1)
  first_steps = [
    -(-percent * total_steps // NUM_EPOCHS) for percent in range(1, NUM_EPOCHS)
  ]
  begun = step >= ops.convert_to_tensor(first_steps, step.dtype)
  return ops.sum(ops.cast(begun, "int32"), axis=-1)
