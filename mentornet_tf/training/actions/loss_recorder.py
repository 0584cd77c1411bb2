"""Recording the loss of every training example at every step."""

from pathlib import Path

from mentornet_tf.curricula.training_percent import training_percent
from mentornet_tf.errors import UserError
from mentornet_tf.mentor_training.loss_dump import (
  append_losses,
  truncate_losses,
)
from mentornet_tf.mentor_training.loss_rows import COLUMNS, EXAMPLE_COLUMNS
from mentornet_tf.training.actions.memory_keeper import MemoryKeeper
from mentornet_tf.training.loop import Action, Reports


class LossRecorder(Action):
  """Action that appends the losses of every training step to a loss dump.

  Args:
    path: the file; rows after `start_step`, left by a run that was interrupted
      later than its last checkpoint, are removed.
    batch_size: rows per step.
    total_steps: length of training.
    start_step: where the run continues.
    memory: of the run, and before this one among its actions; what it remembers
      is recorded, too, unless the file was begun without. None records losses
      only.

  Raises:
    UserError: the file holds fewer rows than the run has made steps, or rows of
      a run with a memory where there is none, or none to continue from.
  """

  def __init__(
    self,
    path: Path,
    *,
    batch_size: int,
    total_steps: int,
    start_step: int,
    memory: MemoryKeeper | None = None,
  ):
    self._path = path
    self._total_steps = total_steps
    columns = truncate_losses(path, start_step * batch_size)
    if memory is None and columns not in (None, COLUMNS):
      raise UserError(
        f"{path}: expected a run with `memory`, as it was begun, whose rows "
        "hold what is remembered, got one without; continue it with `memory`"
      )
    self._memory = None if columns == COLUMNS else memory
    if columns and self._memory and self._memory.lacks:
      raise UserError(
        f"{path}: expected the memory from which its averages continue, got no "
        f"{self._memory.lacks}; restore that file, or continue without "
        "`record_losses`"
      )

  def observe(self, step: int, reports: Reports) -> None:
    """Appends the rows of the steps that lead up to `step`."""
    columns = {name: reports[f"example/{name}"] for name in EXAMPLE_COLUMNS}
    num_steps = len(columns["loss"])
    remembered = self._memory.latest() if self._memory else None
    if remembered is not None:
      columns |= {
        name: values.reshape(num_steps, -1)
        for name, values in remembered._asdict().items()
      }
    append_losses(
      self._path,
      (
        (
          training_percent(step - num_steps + i, self._total_steps),
          {name: values[i] for name, values in columns.items()},
        )
        for i in range(num_steps)
      ),
    )
