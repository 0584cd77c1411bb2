"""The original's optimizers and learning-rate schedules.

Source: golden `learning_rates`, `train_trajectory_*`.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

# Steps of the published schedule for the residual student under a mentor, and
# the length of its run.
PUBLISHED_BOUNDARIES = (19531, 25000, 30000)
PUBLISHED_STEPS = 39_000


@keras.saving.register_keras_serializable(package="mentornet_tf")
class Momentum(keras.optimizers.Optimizer):
  """Gradient descent with momentum, the rate applied outside the accumulator.

  `accumulator ← momentum · accumulator + gradient`, then
  `weight ← weight − learning_rate · accumulator`. Keras' own `SGD` keeps the
  rate inside its velocity, which differs whenever the rate changes.

  Args:
    learning_rate: float or `keras.optimizers.schedules.LearningRateSchedule`.
    momentum: decay of the accumulator, in 0..1.
    name: name of the optimizer.
    **kwargs: further arguments of `keras.optimizers.Optimizer`.
  """

  def __init__(
    self,
    learning_rate: (
      float | keras.optimizers.schedules.LearningRateSchedule
    ) = 0.1,
    momentum: float = 0.9,
    name: str = "momentum",
    **kwargs: Any,
  ):
    super().__init__(learning_rate=learning_rate, name=name, **kwargs)
    self.momentum = momentum

  def build(self, variables: list[keras.Variable]) -> None:
    if self.built:
      return
    super().build(variables)
    self._accumulators = self.add_optimizer_variables(variables, "accumulator")

  def update_step(
    self, gradient: Any, variable: keras.Variable, learning_rate: Any
  ) -> None:
    accumulator = self._accumulators[self._get_variable_index(variable)]
    gradient = ops.cast(gradient, variable.dtype)
    momentum = ops.cast(self.momentum, variable.dtype)
    self.assign(accumulator, accumulator * momentum + gradient)
    self.assign_sub(
      variable, accumulator * ops.cast(learning_rate, variable.dtype)
    )

  def get_config(self) -> dict[str, Any]:
    return {**super().get_config(), "momentum": self.momentum}


def piecewise_schedule(
  learning_rate: float, max_number_of_steps: int | None = None
) -> keras.optimizers.schedules.LearningRateSchedule:
  """`learning_rate` × {1, .1, .01, .001}, changing after the published steps.

  Args:
    learning_rate: the rate at step 0.
    max_number_of_steps: number of steps to which the boundaries are scaled from
      the published 39,000; None keeps them, as in the original.
  """
  boundaries: Sequence[int] = PUBLISHED_BOUNDARIES
  if max_number_of_steps is not None:
    boundaries = [
      step * max_number_of_steps // PUBLISHED_STEPS for step in boundaries
    ]
  return keras.optimizers.schedules.PiecewiseConstantDecay(
    list(boundaries), [learning_rate * 0.1**k for k in range(4)]
  )


def staircase_schedule(
  learning_rate: float,
  *,
  num_examples: int,
  batch_size: int,
  num_epochs_per_decay: float,
  decay_factor: float,
) -> keras.optimizers.schedules.LearningRateSchedule:
  """Multiplies the rate by `decay_factor` every `num_epochs_per_decay` passes.

  A pass has `num_examples // batch_size` steps.
  """
  steps = int(num_examples // batch_size * num_epochs_per_decay)
  return keras.optimizers.schedules.ExponentialDecay(
    learning_rate,
    decay_steps=max(steps, 1),
    decay_rate=decay_factor,
    staircase=True,
  )
