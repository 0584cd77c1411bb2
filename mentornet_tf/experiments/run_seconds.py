"""The wall time of runs: measured in training folders, and what is left."""

import heapq
import math
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mentornet_tf.errors import UserError
from mentornet_tf.internal.json_files import read_json, write_json
from mentornet_tf.internal.json_values import is_number
from mentornet_tf.internal.setting_fields import shown

SECONDS_FILE = "seconds.json"


@dataclass(frozen=True)
class RunSeconds:
  """The time that a run has taken so far.

  Attributes:
    step: the step that it has reached.
    seconds: wall time of the steps that were timed.
    timed_steps: how many; those of a part that was killed are not.
  """

  step: int = 0
  seconds: float = 0.0
  timed_steps: int = 0

  @property
  def per_step(self) -> float | None:
    """Seconds per step, None where none was timed."""
    return self.seconds / self.timed_steps if self.timed_steps else None

  @property
  def total(self) -> float:
    """Seconds for all steps; of those not timed by the pace of the others.

    NaN where no step was timed.
    """
    return math.nan if self.per_step is None else self.per_step * self.step


def add_seconds(
  run_folder: Path, start: float, first_step: int, step: int
) -> None:
  """Adds the wall time of a part of a run.

  Args:
    run_folder: the training folder.
    start: when the part began, by `time.perf_counter`.
    first_step: the step that it began after.
    step: the step that it reached.
  """
  now = read_seconds(run_folder)
  if step > first_step:
    seconds = now.seconds + time.perf_counter() - start
    now = RunSeconds(step, seconds, now.timed_steps + step - first_step)
  # Without a step since, it had been killed after its last one.
  write_json(run_folder / SECONDS_FILE, asdict(replace(now, step=step)))


def read_seconds(run_folder: Path) -> RunSeconds:
  """What `add_seconds` has written in a training folder.

  Raises:
    UserError: the file holds something else.
  """
  path = run_folder / SECONDS_FILE
  if not path.exists():
    return RunSeconds()
  record = read_json(path, written_by="an earlier run", advice="remove it")
  # Earlier versions took all steps to be timed.
  record.setdefault("timed_steps", record.get("step"))
  names = list(asdict(RunSeconds()))
  if not all(is_number(record.get(name)) for name in names):
    raise UserError(
      f"{path}: expected the numbers {', '.join(names)}, got {shown(record)}; "
      "remove it"
    )
  return RunSeconds(**{name: record[name] for name in names})


def seconds_of_all(seconds: Iterable[float], at_once: int) -> float:
  """The time of runs that are started in their order, `at_once` at a time."""
  ends = [0.0] * at_once
  for each in seconds:
    heapq.heapreplace(ends, ends[0] + each)
  return max(ends)
