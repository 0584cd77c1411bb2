"""The EMA student: the moving average of a student's weights.

Keras' optimizers keep it (`use_ema=True`); here it is read and put to use, for
evaluation and for weighing examples.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import keras
from keras import ops

from mentornet_tf.errors import UserError
from mentornet_tf.internal.typing import Tensor

if TYPE_CHECKING:
  from mentornet_tf.training.student_model import StudentModel

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


def averaged_prediction(
  model: "StudentModel", x: Tensor
) -> tuple[Tensor, Tensor]:
  """What the EMA student predicts within a step, as in evaluation.

  Args:
    model: whose optimizer averages the student's weights.
    x: inputs [B, …].

  Returns:
    Predictions [B, …], and whether this is the first step, a bool scalar; there
    is no average before it.

  Raises:
    UserError: the optimizer keeps no average.
  """
  optimizer, student = model.optimizer, model.student
  check_keeps_average(optimizer)
  if not optimizer.built:  # as in the first step of `fit`
    optimizer.build(student.trainable_variables)
  with model.optimizer_scope():
    averages = [v.value for v in averaged_weights(optimizer)]
    iterations = ops.convert_to_tensor(optimizer.iterations)
    is_first = ops.equal(iterations, 0)
  y_pred, _ = student.stateless_call(
    averages,
    [v.value for v in student.non_trainable_variables],
    x,
    training=False,
  )
  return y_pred, is_first


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
