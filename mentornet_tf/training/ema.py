"""The moving average of a student's weights, for evaluation and judging.

Keras' optimisers keep it (`use_ema=True`); here it is read and put to use.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from mentornet_tf.errors import UserError
from mentornet_tf.runs.checkpointing import named

# How Keras names the averages among an optimiser's variables.
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
  """Raises UserError unless the optimiser averages the weights."""
  optimizer = _unscaled(optimizer)
  if not optimizer.use_ema:
    raise UserError(
      "judge_by_average: expected an optimizer that averages the weights, got "
      f"{type(optimizer).__name__} without; give it use_ema=True and an "
      "ema_momentum (--ema_decay=0.99)"
    )


def _unscaled(
  optimizer: keras.optimizers.Optimizer,
) -> keras.optimizers.Optimizer:
  """Without what Keras puts around an optimiser under mixed_float16."""
  return getattr(optimizer, "inner_optimizer", optimizer)


def averages_by_weight(
  student: keras.Model, optimizer: keras.optimizers.Optimizer
) -> dict[str, keras.Variable]:
  """The averages under the names that checkpoints give to the weights."""
  averages = averaged_weights(optimizer)
  if not averages:
    return {}
  names = named(student.trainable_variables)
  return dict(zip(names, averages, strict=True))


@contextmanager
def with_averaged_weights(
  student: keras.Model, optimizer: keras.optimizers.Optimizer
) -> Iterator[None]:
  """Gives the student its averaged weights, and its own back at the end.

  Without averages, or before the first step, the student stays as it is.
  """
  averages = averaged_weights(optimizer)
  if not averages or int(optimizer.iterations) == 0:
    yield
    return
  weights = student.trainable_variables
  own = [weight.numpy() for weight in weights]
  for weight, average in zip(weights, averages, strict=True):
    weight.assign(average)
  try:
    yield
  finally:
    for weight, value in zip(weights, own, strict=True):
      weight.assign(value)
