"""What the arguments of a curriculum may be; needs no Keras."""

import numbers
from typing import Any

from mentornet_tf.errors import UserError

# In place of a percentile: it is estimated while training.
AUTO = "auto"


def check_percentile(value: Any) -> None:
  """Raises UserError unless `value` is a fraction 0..1 or "auto"."""
  if value != AUTO:
    check_range("loss_p_percentile", value, 0, 1, f' or "{AUTO}"')


def check_range(
  name: str, value: Any, low: float, high: float, others: str = ""
) -> None:
  """Raises UserError unless `value` is a number within the bounds.

  Args:
    name: of the argument.
    value: what was given.
    low: least value.
    high: greatest value.
    others: what else it may be, in words.
  """
  is_number = isinstance(value, numbers.Real)
  if not is_number or not low <= value <= high:
    raise UserError(
      f"{name}: expected a number in {low}..{high}{others}, got {value!r}"
    )
