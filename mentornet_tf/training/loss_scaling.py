"""Loss scaling under mixed_float16, which Keras puts around an optimizer."""

import math

import keras


def most_skipped_steps(optimizer: keras.optimizers.Optimizer) -> int:
  """Steps in a row that scaling the loss may overflow; 0 without scaling.

  Each halves the scale. Where the loss still overflows at a scale of 1, it is
  not because of scaling.
  """
  if not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
    return 0
  return math.ceil(math.log2(optimizer.initial_scale))
