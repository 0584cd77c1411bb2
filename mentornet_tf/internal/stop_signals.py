"""Signals that ask a process to stop where it can continue later."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def stop_on_signals(*signals: signal.Signals) -> Iterator[Callable[[], bool]]:
  """Yields a function that tells whether one of `signals` has arrived.

  The first signal only asks; a second one has its previous effect.
  """
  arrived: list[int] = []
  previous: dict[int, Any] = {}

  def note(number: int, _: object) -> None:
    arrived.append(number)
    signal.signal(number, previous[number])

  for each in signals:
    previous[each] = signal.signal(each, note)
  try:
    yield lambda: bool(arrived)
  finally:
    for number, handler in previous.items():
      signal.signal(number, handler)
