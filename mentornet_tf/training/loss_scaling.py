"""Loss scaling under mixed_float16, which Keras puts around an optimizer."""

import keras

# Non-finite losses in a row before a float16 run counts as diverged: the
# optimizer skips their steps, and one batch may overflow in float16.
_MOST_SKIPPED = 15


def most_skipped_steps(optimizer: keras.optimizers.Optimizer) -> int:
  """Losses in a row that may be non-finite; 0 without scaling of the loss."""
  scales = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
  return _MOST_SKIPPED if scales else 0
