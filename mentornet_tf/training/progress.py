"""Progress on a terminal: a bar with the rate and the time left."""

from rich.console import Console
from rich.progress import (
  BarColumn,
  MofNCompleteColumn,
  Progress,
  TextColumn,
  TimeRemainingColumn,
)

from mentornet_tf.training.loop import Reports


class ProgressBar:
  """An action that moves a bar; shows nothing where there is no terminal.

  Args:
    console: where the bar is drawn; lines printed to it appear above the bar.
    start_step: where the run starts.
    total_steps: where it ends.
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

  def next_due(self, step: int) -> None:
    """Asks for no stop of its own."""

  def __call__(self, step: int, reports: Reports) -> None:
    """Moves the bar to `step`."""
    self._progress.update(self._task, completed=step)


def readable_seconds(seconds: float) -> str:
  """Formats a duration: "45 s", "12 min" or "3 h 20 min"."""
  if seconds < 90:
    return f"{seconds:.0f} s"
  minutes = round(seconds / 60)
  if minutes < 90:
    return f"{minutes} min"
  return f"{minutes // 60} h {minutes % 60} min"
