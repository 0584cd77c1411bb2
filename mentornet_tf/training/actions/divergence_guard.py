"""Stopping a run that diverges, with a checkpoint from before."""

from typing import NoReturn

import numpy as np

from mentornet_tf.errors import UserError
from mentornet_tf.runs.checkpointing import (
  CheckpointStore,
  Groups,
  all_finite,
  checkpoint_step,
  variables_of,
)
from mentornet_tf.training.loop import (
  Action,
  PeriodicCall,
  Reports,
  next_multiple,
)


class DivergenceGuard(Action):
  """Action that stops a run whose loss or weights are no longer finite.

  Its `copier`, a second action, copies the state while it is good, so that a
  run that diverges still ends with a checkpoint of that state. It goes behind
  all actions that change the state.

  Args:
    groups: the variables of a checkpoint, by group.
    store: writes the checkpoint.
    start_step: where the run starts.
    interval_steps: steps between checks of the weights, and between copies.
    most_skipped: losses in a row that may overflow, because the optimizer skips
      their steps.
  """

  def __init__(
    self,
    groups: Groups,
    store: CheckpointStore,
    *,
    start_step: int,
    interval_steps: int,
    most_skipped: int = 0,
  ):
    self._variables = variables_of(groups)
    # A memory may be large, and takes no values but finite ones.
    self._checked = variables_of(
      {name: group for name, group in groups.items() if name != "memory"}
    )
    self._most_skipped = most_skipped
    self._skipped = 0
    self._store = store
    self._interval_steps = interval_steps
    self._copy(start_step)

  def observe(self, step: int, reports: Reports) -> None:
    """Raises UserError if losses of these steps are NaN or infinite."""
    losses = reports["total_loss"]
    for i, loss in enumerate(losses):
      self._skipped = 0 if np.isfinite(loss) else self._skipped + 1
      if self._skipped > self._most_skipped:
        self._stop(f"the loss is {loss}", step - len(losses) + i)

  def next_due(self, step: int) -> int:
    """The next step at which the weights are checked."""
    return next_multiple(step, self._interval_steps)

  def run(self, step: int) -> None:
    """Checks the weights."""
    self.check(step)

  def check(self, step: int) -> None:
    """Raises UserError if a variable outside the memory is not finite."""
    if not all_finite(self._checked):
      self._stop("a weight is not finite", step)

  @property
  def copier(self) -> PeriodicCall:
    """The action that copies the state."""
    return PeriodicCall(self._interval_steps, self._copy)

  def _copy(self, step: int) -> None:
    self._good_step = step
    self._good_values = [v.value.numpy().copy() for v in self._variables]

  def _stop(self, what: str, step: int) -> NoReturn:
    for variable, value in zip(self._variables, self._good_values, strict=True):
      variable.assign(value)
    latest = self._store.latest
    if latest is None or checkpoint_step(latest) < self._good_step:
      latest = self._store.save(self._good_step)
    raise UserError(
      f"training diverged: {what} at step {step}, expected finite numbers; "
      f"last good checkpoint: {latest}; start again in a new folder with a "
      "lower learning rate, or check the images and labels"
    )
