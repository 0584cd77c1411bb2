"""Lines on the pace of a training while its rows of metrics are far apart."""

import math
import time
from collections.abc import Callable
from typing import Any

from mentornet_tf.training.loop import Action, Reports
from mentornet_tf.training.progress import readable_seconds

# After so many seconds without a line there is one; the first comes earlier,
# so many seconds after the first call.
_FIRST_SECONDS, _SECONDS = 10, 60
# A training that takes longer is worth a thought before it has begun.
_LONG_SECONDS = 24 * 3600


class PaceLines(Action):
  """Action that prints a line where nothing else has for a minute.

  It also prints one note on a training that would take days.

  Args:
    print_line: takes the lines.
    total_steps: length of training.
    only_note: whether something else shows the pace, as a progress bar does.
    clock: in seconds.
  """

  def __init__(
    self,
    print_line: Callable[[str], Any],
    total_steps: int,
    *,
    only_note: bool = False,
    clock: Callable[[], float] = time.monotonic,
  ):
    self._print_line = print_line
    self._total_steps = total_steps
    self._only_note = only_note
    self._clock = clock
    self._next_line = math.inf
    # Step and time after the first call, which compiles.
    self._first: tuple[int, float] | None = None
    self._rate = self._seconds = 0.0
    self._has_warned = False

  def print_line(self, line: str) -> None:
    """Prints a line of another action, after which none is due for a while."""
    self._next_line = self._clock() + _SECONDS
    self._print_line(line)

  def observe(self, step: int, reports: Reports) -> None:
    """Measures the pace."""
    now = self._clock()
    if self._first is None:
      self._first = step, now
      self._next_line = now + _FIRST_SECONDS
      return
    first_step, began = self._first
    self._seconds = now - began
    self._rate = (step - first_step) / max(self._seconds, 1e-9)

  def due(self, step: int) -> bool:
    """Whether there is something to print, once actions before have run."""
    if not self._rate or step == self._total_steps:
      return False
    return self._is_line_due() or self._is_note_due(step)

  def run(self, step: int) -> None:
    """Prints it."""
    steps_left = self._total_steps - step
    left = readable_seconds(steps_left / self._rate)
    rate = _readable_rate(self._rate)
    if self._is_note_due(step):
      self._has_warned = True
      self._print_line(
        f"note: at {rate} the {steps_left} steps left take {left}; a GPU, a "
        "smaller `studentnet`, or a lower `max_number_of_steps` takes less"
      )
    if self._is_line_due():
      self.print_line(f"step {step}/{self._total_steps}  {rate}  {left} left")

  def _is_line_due(self) -> bool:
    return not self._only_note and self._clock() >= self._next_line

  def _is_note_due(self, step: int) -> bool:
    # The first steps alone tell little.
    if self._has_warned or self._seconds < _FIRST_SECONDS:
      return False
    return (self._total_steps - step) / self._rate > _LONG_SECONDS


def _readable_rate(rate: float) -> str:
  return f"{rate:.1f} steps/s" if rate >= 0.1 else f"{1 / rate:.0f} s per step"
