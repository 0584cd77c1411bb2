"""Progress of a long task: a bar on a terminal, nothing elsewhere."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import (
  BarColumn,
  MofNCompleteColumn,
  Progress,
  TextColumn,
  TimeRemainingColumn,
)

_Bar = TypeVar("_Bar", bound="ProgressBar")


class ProgressBar:
  """Description, bar, count and time left; gone when its task has ended.

  A context manager: the bar is drawn within the `with` statement only.

  Args:
    description: what stands before the bar.
    console: where the bar is drawn; lines printed to it appear above the bar.
      None takes standard output.
    total: how many items there are; None while that is unknown.
    completed: how many of them are done.
  """

  def __init__(
    self,
    description: str,
    console: Console | None = None,
    *,
    total: int | None = None,
    completed: int = 0,
  ):
    console = console or Console()
    self._progress = Progress(
      TextColumn("{task.description}", markup=False),
      BarColumn(),
      MofNCompleteColumn(),
      TimeRemainingColumn(),
      console=console,
      disable=not console.is_terminal,
      transient=True,
    )
    self._task = self._progress.add_task(
      description, total=total, completed=completed
    )

  def __enter__(self: _Bar) -> _Bar:
    self._progress.start()
    return self

  def __exit__(self, *_: object) -> None:
    self._progress.stop()

  def restart(
    self, total: int, completed: int = 0, description: str | None = None
  ) -> None:
    """Begins with another count, and another description if one is given."""
    self._progress.reset(
      self._task, total=total, completed=completed, description=description
    )

  def update(self, completed: int, total: int | None = None) -> None:
    """Moves the bar to `completed` items, of `total` if that is known now."""
    self._progress.update(self._task, completed=completed, total=total)

  def advance(self, count: int = 1) -> None:
    """Moves the bar on by `count` items."""
    self._progress.advance(self._task, count)


@contextmanager
def standard_error_bar(description: str = "") -> Iterator[ProgressBar]:
  """A bar on standard error, even where that is redirected meanwhile."""
  with (
    os.fdopen(os.dup(2), "w") as terminal,
    ProgressBar(description, Console(file=terminal)) as bar,
  ):
    yield bar
