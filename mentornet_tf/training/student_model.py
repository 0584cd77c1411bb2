"""The Keras side of a model that trains a student, and counts its steps."""

import functools
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import keras
import numpy as np
from keras import ops

from mentornet_tf.errors import UserError
from mentornet_tf.internal.keras_internals import mark_built
from mentornet_tf.internal.typing import Tensor
from mentornet_tf.training import replicas
from mentornet_tf.training.device_images import (
  DeviceImages,
  EpochBatches,
  is_plan,
)
from mentornet_tf.training.memory.indexed_inputs import INPUTS, is_indexed

# Arguments of `fit` that `DeviceImages` stand in for.
_FROM_IMAGES = ("y", "batch_size", "sample_weight", "validation_split")


class StudentModel(keras.Model):
  """Predicts as its student, whose weights alone are trained.

  Subclasses may hold further parts, such as a mentor, that `fit` leaves alone.

  Args:
    student: the model that is trained.
    total_steps: number of batches of the whole training.
    **kwargs: further arguments of `keras.Model`.

  Raises:
    UserError: the student is no Keras model, or there are no steps.
  """

  def __init__(self, student: keras.Model, total_steps: int, **kwargs: Any):
    if not isinstance(student, keras.Model):
      raise UserError(
        f"student: expected a Keras model, got {student!r}; build one, for "
        'instance with build_student("resnet32")'
      )
    # The student casts its inputs itself; casting them twice loses precision.
    kwargs.setdefault("autocast", False)
    kwargs.setdefault("dtype", student.dtype_policy)
    super().__init__(**kwargs)
    replicas.check_strategy()
    _warn_of_own_training(student)
    self.student = student
    self._optimizer_state: list[Tensor] | None = None
    # Those that `fit` trains on, and those that its function was traced with.
    self._images: DeviceImages | None = None
    self._traced_images: Callable[[], DeviceImages | None] = lambda: None
    self._step = self.counter("step", "int32")
    self.total_steps = total_steps
    if student.built:
      mark_built(self, student)

  def counter(self, name: str, dtype: str) -> keras.Variable:
    """A variable that starts at 0 and is saved with the model."""
    return self.add_weight(
      name=name, shape=(), dtype=dtype, initializer="zeros", trainable=False
    )

  def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
    return self.student(self.prepared(inputs), training=training)

  def prepared(self, x: Tensor) -> Tensor:
    """What the student takes: without an index, or the images of a plan."""
    if is_indexed(x):
      return x[INPUTS]
    if self._images is None or not is_plan(x):
      return x
    return self._images.prepared(x)

  @contextmanager
  def reading(self, images: DeviceImages) -> Iterator[None]:
    """Within it the inputs of the model may be plans for `images`."""
    if self._traced_images() is not images:
      self.train_function = None
    self._images, self._traced_images = images, weakref.ref(images)
    try:
      yield
    finally:
      self._images = None

  def fit(self, x: Any = None, *args: Any, **kwargs: Any) -> Any:
    """As Keras' own; `x` may be `DeviceImages`, with arguments by name."""
    replicas.check_fit(self)
    if not isinstance(x, DeviceImages):
      return super().fit(x, *args, **kwargs)
    replicas.check_single(
      self, "DeviceImages", "give fit arrays or a tf.data data set"
    )
    given = [name for name in _FROM_IMAGES if kwargs.get(name) is not None]
    if args or given:
      raise UserError(
        f"{', '.join(given) or 'y'}: expected none beside DeviceImages, which "
        "hold labels, weights and the size of a batch; give these to "
        "DeviceImages, and other arguments of fit by name"
      )
    batches = EpochBatches(x, self, kwargs.pop("steps_per_epoch", None))
    with self.reading(x):
      return super().fit(batches, **{**kwargs, "shuffle": False})

  @property
  def step(self) -> keras.Variable:
    """The steps done, an int32 scalar; a number may be assigned to it."""
    return self._step

  @step.setter
  def step(self, value: int) -> None:
    self._step.assign(_count("step", value, least=0))

  @property
  def total_steps(self) -> int:
    """The steps of the whole training."""
    return self._total_steps

  @total_steps.setter
  def total_steps(self, value: int) -> None:
    self._total_steps = _count("total_steps", value, least=1)
    self.train_function = None  # which holds the number that it was traced with

  def make_train_function(self, force: bool = False) -> Any:
    """Called as `fit` begins."""
    if keras.ops.convert_to_numpy(self.step) >= self.total_steps:
      warnings.warn(
        f"total_steps: the training of {self.total_steps} steps is over, and "
        "its last percentage applies to all further ones; set total_steps to "
        "the number of batches of the whole training",
        stacklevel=3,
      )
    return super().make_train_function(force)

  @functools.wraps(keras.Model.train_on_batch)
  def train_on_batch(self, *args: Any, **kwargs: Any) -> Any:
    replicas.check_single(self, "train_on_batch", "use fit, which splits it")
    return super().train_on_batch(*args, **kwargs)

  @property
  def output_names(self) -> list[str]:
    """The student's, by which `compile` takes dicts of losses and metrics."""
    return self.student.output_names

  def penalty(self, losses: list[Tensor] | None = None) -> Tensor:
    """The sum of the student's penalties, a scalar, as Keras adds them up."""
    losses = self.losses if losses is None else losses
    return sum((ops.sum(ops.cast(x, "float32")) for x in losses), 0.0)

  def training_pass(self, x: Tensor) -> tuple[Tensor, Tensor]:
    """Another forward pass of the student in training mode.

    Updates its statistics and random states, as every pass does.

    Returns:
      Predictions [B, …] and the scalar penalty.
    """
    # Stateless, because JAX collects what layers add to the loss only so.
    variables = self.student.non_trainable_variables
    y_pred, values, losses = self.student.stateless_call(
      [v.value for v in self.student.trainable_variables],
      [v.value for v in variables],
      x,
      training=True,
      return_losses=True,
    )
    for variable, value in zip(variables, values, strict=True):
      variable.assign(value)
    return y_pred, self.penalty(losses)

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
    others = without(self.variables, self.trainable_variables)
    if self._images is not None:  # JAX passes them to the compiled step
      others.append(self._images.pixels)
    return others

  @property
  def non_trainable_weights(self) -> list[keras.Variable]:
    return without(self.weights, self.trainable_weights)

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


def _count(name: str, value: int, least: int) -> int:
  is_integer = isinstance(value, int | np.integer)
  if not is_integer or isinstance(value, bool) or value < least:
    raise UserError(
      f"{name}: expected an integer of at least {least}, got {value!r}; give a "
      "number of batches"
    )
  return int(value)


def _warn_of_own_training(student: keras.Model) -> None:
  for name in ("compute_loss", "train_step"):
    if getattr(type(student), name) is not getattr(_plain_class(student), name):
      warnings.warn(
        f"student: its own {name} is not used; it trains on the compiled loss",
        stacklevel=4,
      )


def _plain_class(student: keras.Model) -> type[keras.Model]:
  """The class of Keras' own that the student's class derives from."""
  return next(
    each
    for each in type(student).__mro__
    if each.__module__.partition(".")[0] == "keras"
  )


def without(
  variables: Iterable[keras.Variable], others: Iterable[keras.Variable]
) -> list[keras.Variable]:
  """`variables` without those that are also `others`."""
  known = {id(variable) for variable in others}
  return [variable for variable in variables if id(variable) not in known]
