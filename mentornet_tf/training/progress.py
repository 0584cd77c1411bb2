"""Progress on a terminal: a bar with the rate and the time left."""

from collections.abc import Iterator

import tensorflow as tf
from rich.console import Console
from rich.progress import (
  BarColumn,
  MofNCompleteColumn,
  Progress,
  TextColumn,
  TimeRemainingColumn,
  track,
)

from mentornet_tf.datasets.reading.dataset import EvaluationBatches
from mentornet_tf.training.loop import Action, Reports


class ProgressBar(Action):
  """Action that moves a progress bar, shown on a terminal only.

  Args:
    console: where the bar is drawn; lines printed to it appear above the bar.
    start_step: where the run starts.
    total_steps: length of training.
  """

  def __init__(self, console: Console, start_step: int, total_steps: int):
    self._progress = Progress(
      TextColumn("training"),
      BarColumn(),
      MofNCompleteColumn(),
      TimeRemainingColumn(),
      console=console,
      disable=not console.is_terminal,
      transient=True,
    )
    self._task = self._progress.add_task(
      "", completed=start_step, total=total_steps
    )

  def __enter__(self) -> "ProgressBar":
    self._progress.start()
    return self

  def __exit__(self, *_) -> None:
    self._progress.stop()

  def observe(self, step: int, reports: Reports) -> None:
    """Moves the bar to `step`."""
    self._progress.update(self._task, completed=step)


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
    return iter(
      track(
        self._batches,
        self._description,
        total=len(self._batches),
        console=self._console,
        disable=not self._console.is_terminal,
        transient=True,
      )
    )


def readable_seconds(seconds: float) -> str:
  """Formats a duration: "45 s", "12 min" or "3 h 20 min"."""
  if seconds < 90:
    return f"{seconds:.0f} s"
  minutes = round(seconds / 60)
  if minutes < 90:
    return f"{minutes} min"
  return f"{minutes // 60} h {minutes % 60} min"
