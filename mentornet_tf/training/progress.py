"""Progress of training and evaluation, shown on a terminal."""

from collections.abc import Iterator

import tensorflow as tf
from rich.console import Console

from mentornet_tf.datasets.reading.dataset import EvaluationBatches
from mentornet_tf.internal import progress
from mentornet_tf.training.loop import Action, Reports


class ProgressBar(progress.ProgressBar, Action):
  """Action that moves a progress bar, shown on a terminal only.

  Args:
    console: where the bar is drawn; lines printed to it appear above the bar.
    start_step: where the run starts.
    total_steps: length of training.
  """

  def __init__(self, console: Console, start_step: int, total_steps: int):
    super().__init__(
      "training", console, total=total_steps, completed=start_step
    )

  def observe(self, step: int, reports: Reports) -> None:
    """Moves the bar to `step`."""
    self.update(step)


class ShownBatches:
  """Batches that show a progress bar while iterated, on a terminal only.

  Args:
    batches: the batches; every pass over them has its own bar.
    description: text before the bar.
    console: where the bar is drawn; it disappears after the last batch.
  """

  def __init__(
    self, batches: EvaluationBatches, description: str, console: Console
  ):
    self._batches = batches
    self._description = description
    self._console = console

  def __iter__(self) -> Iterator[dict[str, tf.Tensor]]:
    with progress.ProgressBar(
      self._description, self._console, total=len(self._batches)
    ) as bar:
      for batch in self._batches:
        yield batch
        bar.advance()


def readable_seconds(seconds: float) -> str:
  """Formats a duration: "45 s", "12 min", "3 h 20 min" or "2 d 5 h"."""
  if seconds < 90:
    return f"{seconds:.0f} s"
  minutes = round(seconds / 60)
  if minutes < 90:
    return f"{minutes} min"
  if minutes < 48 * 60:
    return f"{minutes // 60} h {minutes % 60} min"
  hours = round(minutes / 60)
  return f"{hours // 24} d {hours % 24} h"
