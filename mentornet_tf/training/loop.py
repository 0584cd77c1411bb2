"""The outer loop: many steps per host call, and actions between calls.

The loop knows neither mentors nor students. It runs a step function over a
stream of batches, shows the steps' reports to a list of actions, and runs each
action at the steps where it is due.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

Batch = dict[str, tf.Tensor]
# What a step reports: name -> scalar or per-example vector.
Report = dict[str, tf.Tensor]
# The reports of several steps, stacked along a first axis.
Reports = dict[str, np.ndarray]

# About how long a call takes where steps are slow, by the pace of the last one.
_CALL_SECONDS = 5.0


class Action:
  """Something done between host calls; a subclass overrides what it needs.

  By default an action only observes, and an action that acts is due exactly at
  the steps that `next_due` names.
  """

  def observe(self, step: int, reports: Reports) -> None:
    """Takes the reports of the steps since the last call, up to `step`."""

  def next_due(self, step: int) -> int | None:
    """The first step after `step` at which to act, None if there is none.

    Calls stop there, so that the action sees the state at exactly that step.
    """
    return None

  def due(self, step: int) -> bool:
    """Whether to act at `step`; the loop asks once after every call."""
    return self.next_due(step - 1) == step

  def run(self, step: int) -> None:
    """Acts at `step`."""


class PeriodicCall(Action):
  """Calls a function every so many steps.

  Args:
    interval_steps: steps between calls.
    function: called with the step.
  """

  def __init__(self, interval_steps: int, function: Callable[[int], Any]):
    self._interval_steps = interval_steps
    self._function = function

  def next_due(self, step: int) -> int:
    """The next multiple of the interval."""
    return next_multiple(step, self._interval_steps)

  def run(self, step: int) -> None:
    """Calls the function."""
    self._function(step)


def next_multiple(step: int, interval: int) -> int:
  """The first multiple of `interval` after `step`."""
  return (step // interval + 1) * interval


class StepRunner:
  """Runs a step function several times within one `tf.function` call.

  Args:
    step: one training step; all its variables exist already.
    batches: an infinite dataset of batches with static shapes.
    jit_compile: whether XLA compiles the step.
  """

  def __init__(
    self,
    step: Callable[[Batch], Report],
    batches: tf.data.Dataset,
    jit_compile: bool = False,
  ):
    self._iterator = iter(batches)
    # The step branches on no tensor, and conversion takes as long as tracing.
    step_function = tf.function(
      step, autograph=False, jit_compile=jit_compile or None
    )

    @tf.function
    def run(iterator, num_steps):
      concrete = step_function.get_concrete_function(iterator.element_spec)
      stacks = {
        name: tf.TensorArray(spec.dtype, num_steps, element_shape=spec.shape)
        for name, spec in concrete.structured_outputs.items()
      }
      for i in tf.range(num_steps):
        report = step_function(next(iterator))
        stacks = {
          name: stack.write(i, report[name]) for name, stack in stacks.items()
        }
      return {name: stack.stack() for name, stack in stacks.items()}

    self._run = run

  def __call__(self, num_steps: int) -> Reports:
    """Runs `num_steps` steps; returns their reports as [num_steps, …]."""
    reports = self._run(self._iterator, tf.constant(num_steps))
    return {name: value.numpy() for name, value in reports.items()}


def run_loop(
  runner: Callable[[int], Reports],
  actions: Sequence[Action],
  *,
  start_step: int,
  total_steps: int,
  steps_per_call: int,
  should_stop: Callable[[], bool] = lambda: False,
  agreed_steps: Callable[[int], int] = lambda num_steps: num_steps,
  clock: Callable[[], float] = time.monotonic,
) -> int:
  """Runs from `start_step` to `total_steps`; returns the step it reached.

  The first call makes one step. Where steps are slow, later ones make as few
  as take some seconds, so that a signal need not wait for long.

  Args:
    runner: runs a number of steps and returns their stacked reports.
    actions: observe every call, and then run in this order where they are due.
    start_step: steps done before.
    total_steps: length of training.
    steps_per_call: the most steps per call; calls are shorter where an action
      is due or steps are slow.
    should_stop: asked before every call.
    agreed_steps: from the steps that this worker would make in a call, 0 to
      stop, to those that all of them make.
    clock: in seconds.
  """
  step, most_steps = start_step, 1
  while step < total_steps:
    stops = [action.next_due(step) for action in actions]
    stop_at = min([total_steps, *(stop for stop in stops if stop is not None)])
    num_steps = 0 if should_stop() else min(most_steps, stop_at - step)
    num_steps = agreed_steps(num_steps)
    if not num_steps:
      break
    began = clock()
    reports = runner(num_steps)
    seconds_per_step = max(clock() - began, 1e-9) / num_steps
    most_steps = min(
      steps_per_call, max(1, int(_CALL_SECONDS / seconds_per_step))
    )
    step += num_steps
    for action in actions:
      action.observe(step, reports)
    for action in actions:
      if action.due(step):
        action.run(step)
  return step


class Pace:
  """Steps per second and the time left, from an injected clock."""

  def __init__(
    self,
    start_step: int,
    total_steps: int,
    clock: Callable[[], float] = time.monotonic,
  ):
    self._total_steps = total_steps
    self._clock = clock
    self._last = (clock(), start_step)

  def lap(self, step: int) -> tuple[float, float]:
    """(steps per second since the last lap, seconds left at that rate)."""
    now = self._clock()
    then, last_step = self._last
    self._last = (now, step)
    rate = (step - last_step) / max(now - then, 1e-9)
    return rate, (self._total_steps - step) / max(rate, 1e-9)
