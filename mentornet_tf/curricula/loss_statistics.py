"""Statistics of a batch of losses: nearest-rank percentile and its trend."""

import numbers

import keras
import numpy as np
from keras import ops

from mentornet_tf.internal.typing import Tensor

# JAX has no float64 by default.
_WIDE = "float32" if keras.backend.backend() == "jax" else "float64"


def nearest_percentile(
  x: Tensor, q: float | Tensor, mask: Tensor | None = None
) -> Tensor:
  """The q-th percentile of `x` by nearest rank: always one of its elements.

  The elements are sorted in descending order and the one at position
  round((n − 1)·(1 − q/100)) is taken, where ties of the rounding go to the even
  position. Source: golden `percentile`.

  Args:
    x: [N] floats, N ≥ 1.
    q: the percentile in 0..100, a number or a scalar tensor. With a tensor the
      position is computed in float64, where the back end knows it.
    mask: [N] bool, which elements count; None counts all. Where none counts the
      result is infinite.

  Returns:
    Scalar of the dtype of `x`.

  Raises:
    ValueError: if the number q lies outside 0..100 or `x` has no element.
  """
  is_number = isinstance(q, numbers.Real)
  if is_number and not 0 <= q <= 100:
    raise ValueError(f"q: expected a percentile in 0..100, got {q}")
  x = ops.reshape(x, (-1,))
  size = x.shape[0]
  if size == 0:
    raise ValueError("x: expected at least one loss, got an empty batch")
  # The original's graph optimizer multiplied by 0.01 instead of dividing by
  # 100, which decides exact ties (n = 11 at 95 %).
  share_above = 1.0 - (q if is_number else ops.cast(q, _WIDE)) * 0.01
  if is_number and mask is None and size is not None:
    position = int(np.round((size - 1) * share_above))
    return ops.sort(x)[size - 1 - position]
  if mask is None:
    count = ops.shape(x)[0]
  else:
    # What does not count is sorted behind all that does.
    x = ops.where(mask, x, float("inf"))
    count = ops.sum(ops.cast(mask, "int32"))
  if size is None or not is_number:
    last = ops.cast(ops.convert_to_tensor(count - 1), _WIDE)
    position = ops.cast(ops.round(last * share_above), "int32")
  else:
    # From a table, because not every back end computes in float64.
    positions = np.round((np.arange(size + 1) - 1) * share_above)
    table = ops.convert_to_tensor(positions.astype(np.int32))
    position = ops.take(table, count)
  return ops.take(ops.sort(x), ops.maximum(count - 1 - position, 0))


def update_moving_average(
  average: Tensor, value: Tensor, decay: float
) -> Tensor:
  """`decay · average + (1 − decay) · value`: no correction for the start at 0.

  Source: golden `mentor_sequence_*` (`loss_moving_avg`).
  """
  return decay * average + (1.0 - decay) * value


def average_percentile(
  average: Tensor,
  x: Tensor,
  percentile: float | Tensor,
  decay: float,
  mask: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
  """The moving average of a percentile after that of a batch.

  Args:
    average: scalar, before.
    x: [N] floats.
    percentile: as a fraction 0..1, a number or a scalar tensor.
    decay: see `update_moving_average`.
    mask: [N] bool, which elements count; None counts all.

  Returns:
    The percentile of the batch and the average after it, two scalars. Where no
    element counts or one overflowed, both are the average as it was.
  """
  value = nearest_percentile(x, 100.0 * percentile, mask)
  after = update_moving_average(average, value, decay)
  # Infinite where nothing counts, and not a number where a loss overflowed,
  # which the optimizer skips under loss scaling: the average stays.
  usable = ops.isfinite(value)
  return ops.where(usable, value, average), ops.where(usable, after, average)


def follow_percentile(
  average: keras.Variable,
  x: Tensor,
  percentile: float | Tensor,
  decay: float,
  mask: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
  """As `average_percentile`, and updates the variable `average`."""
  value, after = average_percentile(average.value, x, percentile, decay, mask)
  average.assign(after)
  return value, after
