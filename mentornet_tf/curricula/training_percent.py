"""Training progress in percent, by which every curriculum looks things up."""

import numpy as np
from keras import ops

from mentornet_tf.curricula.dropout_rates import NUM_EPOCHS
from mentornet_tf.internal.typing import Tensor


def training_percent(step: Tensor, total_steps: int) -> Tensor:
  """The percentage of training done: 100 · step // total_steps, at most 99.

  The original calls it the epoch.

  Args:
    step: integer scalar, counted from 0.
    total_steps: length of training in steps.

  Returns:
    0..99: a Python int for a Python or NumPy integer, otherwise an int32
    scalar. Source: golden `epoch_percentage`.
  """
  if isinstance(step, int | np.integer):
    return min(NUM_EPOCHS * int(step) // total_steps, NUM_EPOCHS - 1)
  # How many percentages have begun, since 100 · step may exceed int32.
  starts = [-(-k * total_steps // NUM_EPOCHS) for k in range(1, NUM_EPOCHS)]
  begun = ops.cast(step, "int32") >= ops.convert_to_tensor(starts, "int32")
  return ops.sum(ops.cast(begun, "int32"))
