"""Failures to read records, told by the record that is damaged."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import tensorflow as tf

from mentornet_tf.errors import UserError

# TensorFlow quotes a damaged record in its message, which may not be text.
_READ_FAILURES = (tf.errors.OpError, UnicodeDecodeError)


@contextmanager
def named_damage(describe: Callable[[], str | None]) -> Iterator[None]:
  """Turns failures to read into errors of the user that name the record.

  Args:
    describe: one line on the damage; None if there is none, and then the
      failure stays what it was.
  """
  try:
    yield
  except _READ_FAILURES as error:
    damage = describe()
    if damage is None:
      raise
    raise UserError(damage) from error
