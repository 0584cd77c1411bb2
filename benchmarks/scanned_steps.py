"""Many training steps of `fit` as one call to the device, on the JAX back end.

Keras' own `steps_per_execution` calls a compiled step many times from Python,
which takes longer than a step of a small student on a GPU.
"""

import operator
from collections.abc import Callable, Iterator
from typing import Any

import jax
import keras


def scan_steps(
  model: keras.Model, batch_of: Callable[[Any, Any], Any], constants: Any
) -> None:
  """Makes one batch of `fit` be several steps, along its first axis.

  `steps_per_epoch` then counts calls to the device, and the logs of a call are
  those of its last step.

  Args:
    model: built and compiled, not yet trained.
    batch_of: from `constants` and what `fit` is given for a step to the batch
      (x, y) of that step; compiled with the step.
    constants: arrays on the device, such as all images.
  """

  def steps(state: Any, constants: Any, data: Any) -> tuple[Any, Any]:
    def step(state: Any, of_step: Any) -> tuple[Any, Any]:
      logs, state = model.train_step(state, batch_of(constants, of_step))
      return state, logs

    if jax.default_backend() == "cpu":
      # Within loops XLA convolves a hundred times slower on processors.
      for i in range(len(jax.tree.leaves(data)[0])):
        state, logs = step(state, jax.tree.map(operator.itemgetter(i), data))
      return logs, state
    state, logs = jax.lax.scan(step, state, data)
    return jax.tree.map(operator.itemgetter(-1), logs), state

  compiled = jax.jit(steps, donate_argnums=0)

  def train_function(state: Any, iterator: Iterator[Any]) -> tuple[Any, Any]:
    return compiled(state, constants, next(iterator))

  def make_train_function(force: bool = False) -> None:
    del force
    model.train_function = train_function

  model.make_train_function = make_train_function
  if not model.optimizer.built:
    model.optimizer.build(model.trainable_variables)
  # Keras would look at the shapes of a batch, which is several here.
  model._symbolic_build = lambda *args, **kwargs: None
