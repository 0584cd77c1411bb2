"""Recording the loss of every training example at every step."""

from pathlib import Path

from mentornet_tf.curricula.training_percent import training_percent
from mentornet_tf.mentor_training.loss_dump import (
  EXAMPLE_COLUMNS,
  append_losses,
  truncate_losses,
)
from mentornet_tf.training.loop import Action, Reports


class LossRecorder(Action):
  """Action that appends the losses of every training step to a loss dump.

  Args:
    path: the file; rows after `start_step`, left by a run that was interrupted
      later than its last checkpoint, are removed.
    batch_size: rows per step.
    total_steps: length of training.
    start_step: where the run continues.

  Raises:
    UserError: the file holds fewer rows than the run has made steps.
  """

  def __init__(
    self, path: Path, *, batch_size: int, total_steps: int, start_step: int
  ):
    self._path = path
    self._total_steps = total_steps
    truncate_losses(path, start_step * batch_size)

  def observe(self, step: int, reports: Reports) -> None:
    """Appends the rows of the steps that lead up to `step`."""
    columns = {name: reports[f"example/{name}"] for name in EXAMPLE_COLUMNS}
    num_steps = len(columns["loss"])
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
