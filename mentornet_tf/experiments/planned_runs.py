"""The runs of a protocol: one after the other, or several at a time."""

import dataclasses
import functools
import io
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from rich.console import Console

from mentornet_tf.datasets.records.schema import InMemoryDataset, load_in_memory
from mentornet_tf.errors import UserError
from mentornet_tf.experiments.run_seconds import add_seconds
from mentornet_tf.internal.job_processes import EndedJob, run_jobs
from mentornet_tf.internal.tensorflow_startup import start_tensorflow
from mentornet_tf.runs.checkpointing import checkpoint_step, latest_checkpoint
from mentornet_tf.settings import RunOptions, TrainingSettings
from mentornet_tf.training.train import train_and_evaluate


@dataclasses.dataclass(frozen=True)
class PlannedRun:
  """A run that is not finished.

  Attributes:
    method: its method.
    settings: all that shapes its numbers.
    folder: its training folder, `<method>-<seed>`.
    data_dir: where the records of CIFAR-10 are.
    options: how often it evaluates and saves.
  """

  method: str
  settings: TrainingSettings
  folder: Path
  data_dir: Path
  options: RunOptions

  @property
  def steps_done(self) -> int:
    """The steps from which it continues."""
    newest = latest_checkpoint(self.folder)
    return checkpoint_step(newest) if newest else 0

  @property
  def steps_left(self) -> int:
    """The steps to its end."""
    return self.settings.run.max_number_of_steps - self.steps_done


def train_runs(
  runs: Mapping[str, PlannedRun], jobs: int, console: Console
) -> Iterator[EndedJob]:
  """Trains runs in their order, and yields each as it ends.

  Args:
    runs: name -> run.
    jobs: how many at a time, each in a process of its own with its share of the
      cores; 1 trains in this process.
    console: where progress is printed; lines of several at a time begin with
      the run's name.

  Yields:
    An `EndedJob` per run; its result is True where the run has reached its last
    step. After a signal that asks to stop, no more start.
  """
  at_once = min(jobs, len(runs))
  if at_once <= 1:
    return _train_here(runs, console)
  return run_jobs(
    _train_in_process,
    runs,
    at_once,
    lambda name, line: console.print(f"{name}: {line}"),
    functools.partial(start_tensorflow, num_processes=at_once),
  )


def _train_here(
  runs: Mapping[str, PlannedRun], console: Console
) -> Iterator[EndedJob]:
  data = None
  for name, run in runs.items():
    console.print(f"\n{name}")
    try:
      data = data or _load(run.data_dir)
      finished = _train(run, *data, console)
    except (UserError, OSError) as error:
      yield EndedJob(name, failure=" ".join(str(error).split()))
      continue
    yield EndedJob(name, finished)
    if not finished:
      return


def _train_in_process(
  run: PlannedRun, print_line: Callable[[str], None]
) -> bool:
  console = Console(
    file=_Lines(print_line), highlight=False, markup=False, soft_wrap=True
  )
  return _train(run, *_load(run.data_dir), console)


def _load(data_dir: Path) -> tuple[InMemoryDataset, InMemoryDataset]:
  return (
    load_in_memory(data_dir, "cifar10", "train"),
    load_in_memory(data_dir, "cifar10", "test"),
  )


def _train(
  run: PlannedRun,
  train_data: InMemoryDataset,
  test_data: InMemoryDataset,
  console: Console,
) -> bool:
  """Whether the run has reached its end."""
  first_step, start = run.steps_done, time.perf_counter()
  result = train_and_evaluate(
    run.settings, run.folder, train_data, test_data, run.options, console
  )
  add_seconds(run.folder, start, first_step, result.step)
  return result.finished


class _Lines(io.StringIO):
  """A file that gives away each line that is written to it."""

  def __init__(self, take: Callable[[str], None]):
    super().__init__()
    self._take, self._rest = take, ""

  def write(self, text: str) -> int:
    *lines, self._rest = (self._rest + text).split("\n")
    for line in lines:
      self._take(line)
    return len(text)
