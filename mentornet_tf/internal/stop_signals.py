"""Signals that ask a process to stop where it can continue later."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def stop_on_signals(*signals: signal.Signals) -> Iterator[Callable[[], bool]]:
  """Yields a function that tells whether one of `signals` has arrived.

  The first signal only asks. A second SIGINT has its previous effect; of other
  signals, which a scheduler sends to a process and its parent passes on, a
  second one only asks again.
  """
  arrived: list[int] = []
  previous: dict[int, Any] = {}

  def note(number: int, _: object) -> None:
    arrived.append(number)
    if number == signal.SIGINT:
      signal.signal(number, previous[number])

  for each in signals:
    previous[each] = signal.signal(each, note)
  try:
    yield lambda: bool(arrived)
  finally:
    for number, handler in previous.items():
      signal.signal(number, handler)
