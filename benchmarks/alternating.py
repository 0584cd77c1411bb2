"""Timing of cases that take turns, so that other work falls on all alike."""

import statistics
import time
from collections.abc import Callable

# Runs some steps and returns the seconds of one.
Case = Callable[[], float]


def clock(kind: str) -> Callable[[], float]:
  """The clock "wall", or "processor": seconds of all threads of this process.

  Other programs on the machine disturb the second less.
  """
  return time.process_time if kind == "processor" else time.perf_counter


def timed(call: Callable[[], object], steps: int, kind: str) -> Case:
  """A case of a call that runs `steps` steps."""
  now = clock(kind)

  def seconds() -> float:
    start = now()
    call()
    return (now() - start) / steps

  return seconds


def take_turns(cases: dict[str, Case], rounds: int) -> dict[str, list[float]]:
  """Seconds per step of every case in each round; a first one is not timed."""
  for case in cases.values():  # traces the graphs
    case()
  seconds: dict[str, list[float]] = {name: [] for name in cases}
  for number in range(rounds):
    order = list(cases) if number % 2 == 0 else list(cases)[::-1]
    for name in order:
      seconds[name].append(cases[name]())
  return seconds


def ratio(values: list[float], reference: list[float]) -> float:
  """The median over rounds of this case's time against the reference's."""
  return statistics.median(
    value / other for value, other in zip(values, reference, strict=True)
  )
