"""The EMA student: the moving average of a student's weights.

Keras' optimizers keep it (`use_ema=True`); here it is read and put to use, for
evaluation and for weighing examples.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from mentornet_tf.errors import UserError

# How Keras names the averages among an optimizer's variables.
_SUFFIX = "_average"


def averaged_weights(
  optimizer: keras.optimizers.Optimizer,
) -> list[keras.Variable]:
  """The averages, in the order of the trainable weights; [] without any."""
  optimizer = _unscaled(optimizer)
  if not optimizer.use_ema:
    return []
  return [v for v in optimizer.variables if v.name.endswith(_SUFFIX)]


def check_keeps_average(optimizer: keras.optimizers.Optimizer) -> None:
  """Raises UserError unless the optimizer averages the weights."""
  optimizer = _unscaled(optimizer)
  if not optimizer.use_ema:
    raise UserError(
      "weigh_by_average: expected an optimizer that averages the weights, got "
      f"{type(optimizer).__name__} without; set `ema_decay`, or give the "
      "optimizer use_ema=True and an ema_momentum"
    )


def _unscaled(
  optimizer: keras.optimizers.Optimizer,
) -> keras.optimizers.Optimizer:
  """Without what Keras puts around an optimizer under mixed_float16."""
  return getattr(optimizer, "inner_optimizer", optimizer)


@contextmanager
def with_averaged_weights(
  student: keras.Model, optimizer: keras.optimizers.Optimizer | None
) -> Iterator[None]:
  """Gives the student its averaged weights, and its own back at the end.

  Without averages, or before the first step, the student stays as it is.
  """
  averages = averaged_weights(optimizer) if optimizer else []
  if optimizer is None or not averages or not optimizer.iterations.numpy():
    yield
    return
  weights = student.trainable_variables
  own = [weight.numpy() for weight in weights]
  for weight, average in zip(weights, averages, strict=True):
    weight.assign(average.numpy())  # a copy: JAX' predictions use theirs up
  try:
    yield
  finally:
    for weight, value in zip(weights, own, strict=True):
      weight.assign(value)
