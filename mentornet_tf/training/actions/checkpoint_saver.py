"""Saving checkpoints during a run."""

import time
from collections.abc import Callable, Sequence

from mentornet_tf.runs.checkpointing import CheckpointStore
from mentornet_tf.training.loop import Action, next_multiple


class CheckpointSaver(Action):
  """Action that saves by steps, by time, and at the end.

  Args:
    store: writes the checkpoints.
    before_save: called with the step before a checkpoint is written; one that
      raises prevents it.
    total_steps: length of training.
    interval_steps: steps between checkpoints; None saves by time alone.
    interval_seconds: seconds between checkpoints.
    boundary_steps: saving by time waits for a multiple of these steps.
    clock: seconds that never run backwards.
  """

  def __init__(
    self,
    store: CheckpointStore,
    before_save: Sequence[Callable[[int], None]],
    *,
    total_steps: int,
    interval_steps: int | None,
    interval_seconds: float,
    boundary_steps: int,
    clock: Callable[[], float] = time.monotonic,
  ):
    self._store = store
    self._before_save = before_save
    self._total_steps = total_steps
    self._interval_steps = interval_steps
    self._interval_seconds = interval_seconds
    self._boundary_steps = boundary_steps
    self._clock = clock
    self._last_time = clock()
    self._last_step: int | None = None

  def next_due(self, step: int) -> int:
    """The next step at which saving by steps is due, or the last step."""
    if self._interval_steps is None:
      return self._total_steps
    return min(next_multiple(step, self._interval_steps), self._total_steps)

  def due(self, step: int) -> bool:
    """Whether to save at `step`, by steps or by time."""
    by_time = (
      step % self._boundary_steps == 0
      and self._clock() - self._last_time >= self._interval_seconds
    )
    return by_time or super().due(step)

  def run(self, step: int) -> None:
    """Saves."""
    self.save(step)

  def save(self, step: int) -> None:
    """Saves now, unless this very step has been saved."""
    if step == self._last_step:
      return
    for prepare in self._before_save:
      prepare(step)
    self._store.save(step)
    self._last_time, self._last_step = self._clock(), step
