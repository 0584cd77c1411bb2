"""The columns of what a mentor that sees the memory sees of an example.

For arrays of NumPy and of Keras alike, and without Keras, whose import takes
seconds.
"""

from collections.abc import Callable
from typing import Any

# In their order.
NAMES = (
  "loss",
  "loss_difference",
  "mean_loss",
  "mean_loss_difference",
  "given_log_probability",
  "other_log_probability",
  "agreement",
  "epoch",
)

# Added to probabilities, so that their logarithms are finite.
PROBABILITY_OFFSET = 0.001


def memory_columns(
  *,
  loss: Any,
  loss_difference: Any,
  mean_loss: Any,
  mean_loss_difference: Any,
  given_probability: Any,
  other_probability: Any,
  agreement: Any,
  epoch: Any,
  log: Callable[[Any], Any],
) -> tuple[Any, ...]:
  """The columns that `NAMES` lists, from arrays [N] of one kind.

  Args:
    loss: present losses, in nats.
    loss_difference: from the percentile of the losses, or its moving average.
    mean_loss: see `RememberedBatch`.
    mean_loss_difference: the same of `mean_loss`.
    given_probability: see `RememberedBatch`.
    other_probability: see `RememberedBatch`.
    agreement: see `RememberedBatch`.
    epoch: the percentage of training done, 0..99.
    log: the natural logarithm of such an array.
  """
  return (
    loss,
    loss_difference,
    mean_loss,
    mean_loss_difference,
    log(given_probability + PROBABILITY_OFFSET),
    log(other_probability + PROBABILITY_OFFSET),
    agreement,
    epoch,
  )
