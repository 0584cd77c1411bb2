"""Statistics of a batch of losses: nearest-rank percentile and its trend."""

import numpy as np
from keras import ops


def nearest_percentile(x, q):
  """The q-th percentile of `x` by nearest rank: always one of its elements.

  The elements are sorted in descending order and the one at position
  round((n − 1)·(1 − q/100)) is taken, where ties of the rounding go to the even
  position. Source: golden `percentile`.

  Args:
    x: [n] floats, n ≥ 1.
    q: the percentile, a Python float in 0..100.

  Returns:
    Scalar of the dtype of `x`.

  Raises:
    ValueError: if q lies outside 0..100 or `x` has no element.
  """
  if not 0 <= q <= 100:
    raise ValueError(f"q: expected a percentile in 0..100, got {q}")
  x = ops.reshape(x, (-1,))
  size = x.shape[0]
  # The original's graph optimiser multiplied by 0.01 instead of dividing by
  # 100, which decides exact ties (n = 11 at 95 %).
  share_above = 1.0 - q * 0.01
  if size is None:
    last = ops.cast(ops.shape(x)[0] - 1, "float64")
    position = ops.cast(ops.round(last * share_above), "int32")
    return ops.take(ops.flip(ops.sort(x)), position)
  if size == 0:
    raise ValueError("x: expected at least one loss, got an empty batch")
  position = int(np.round((size - 1) * share_above))
  return ops.sort(x)[size - 1 - position]


def update_moving_average(average, value, decay: float):
  """`decay · average + (1 − decay) · value`: no correction for the start at 0.

  Source: golden `mentor_sequence_*` (`loss_moving_avg`).
  """
  return decay * average + (1.0 - decay) * value
