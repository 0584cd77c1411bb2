"""The values of `loss_p_percentile`; needs no Keras."""

import numbers
from typing import Any

from mentornet_tf.errors import UserError

# Asks for the percentile to be estimated while training.
AUTO = "auto"


def check_percentile(value: Any) -> None:
  """Raises UserError unless `value` is a fraction 0..1 or "auto"."""
  if value == AUTO:
    return
  if not isinstance(value, numbers.Real) or not 0 <= value <= 1:
    raise UserError(
      f'loss_p_percentile: expected a number in 0..1 or "{AUTO}", got {value!r}'
    )
