"""Arguments that take one of a few values."""

from collections.abc import Collection
from typing import Any

from mentornet_tf.errors import UserError


def check_choice(name: str, value: Any, known: Collection[str]) -> None:
  """Raises UserError unless `value` is one of those that are known.

  Args:
    name: of the parameter.
    value: what was given.
    known: in the order in which the message lists them.
  """
  if value not in known:
    raise UserError(
      f"{name}: expected one of {', '.join(known)}, got {value!r}; choose one "
      "of them"
    )
