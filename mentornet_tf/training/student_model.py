"""The Keras side of a model that trains a student and nothing else."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras

from mentornet_tf.errors import UserError
from mentornet_tf.internal.keras_internals import mark_built
from mentornet_tf.internal.typing import Tensor


class StudentModel(keras.Model):
  """Predicts as its student, whose weights alone are trained.

  Subclasses may hold further parts, such as a mentor, that `fit` leaves alone.

  Args:
    student: the model that is trained.
    **kwargs: further arguments of `keras.Model`.

  Raises:
    UserError: the student is no Keras model.
  """

  def __init__(self, student: keras.Model, **kwargs: Any):
    super().__init__(**kwargs)
    if not isinstance(student, keras.Model):
      raise UserError(
        f"student: expected a Keras model, got {student!r}; build one, for "
        'instance with build_student("resnet32")'
      )
    self.student = student
    self._optimizer_state: list[Tensor] | None = None
    if student.built:
      mark_built(self, student)

  def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
    return self.student(inputs, training=training)

  @property
  def losses(self) -> list[Tensor]:
    """The student's penalties; those of a mentor are not part of its task."""
    # Under JAX Keras hands over those of the step's forward pass.
    return super().losses if self._losses_override else self.student.losses

  @property
  def trainable_variables(self) -> list[keras.Variable]:
    """The student's alone: the step does not train the mentor."""
    return self.student.trainable_variables

  @property
  def trainable_weights(self) -> list[keras.Variable]:
    return self.student.trainable_weights

  @property
  def non_trainable_variables(self) -> list[keras.Variable]:
    return _without(self.variables, self.trainable_variables)

  @property
  def non_trainable_weights(self) -> list[keras.Variable]:
    return _without(self.weights, self.trainable_weights)

  def compute_loss_and_updates(
    self, *args: Any, optimizer_variables: Any = None, **kwargs: Any
  ) -> Any:
    """JAX only: keeps the optimizer's state, which the loss may read."""
    self._optimizer_state = optimizer_variables
    try:
      return super().compute_loss_and_updates(
        *args, optimizer_variables=optimizer_variables, **kwargs
      )
    finally:
      self._optimizer_state = None

  def optimizer_scope(self) -> AbstractContextManager[Any]:
    """Where the optimizer's variables have their values within a step."""
    if self._optimizer_state is None:
      return nullcontext()
    state = zip(self.optimizer.variables, self._optimizer_state, strict=True)
    return keras.StatelessScope(state_mapping=state)


def _without(
  variables: list[keras.Variable], others: list[keras.Variable]
) -> list[keras.Variable]:
  known = {id(variable) for variable in others}
  return [variable for variable in variables if id(variable) not in known]
