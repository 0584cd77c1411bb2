"""The arguments of a curriculum and what they may be; needs no Keras."""

import inspect
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


def argument_names(curriculum: type, base: type) -> set[str]:
  """Names of a curriculum's arguments, which `**kwargs` passes on to `base`."""
  names: set[str] = set()
  for each in curriculum.__mro__:
    if "__init__" not in vars(each):
      continue
    parameters = inspect.signature(vars(each)["__init__"]).parameters.values()
    names |= {p.name for p in parameters if p.kind is not p.VAR_KEYWORD}
    passes_on = any(p.kind is p.VAR_KEYWORD for p in parameters)
    if each is base or not passes_on:
      break
  return names - {"self"}
