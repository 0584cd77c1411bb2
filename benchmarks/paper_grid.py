#!/usr/bin/env python3
"""Trains the paper's CIFAR-10 column for CifarNet, several runs at once.

Every method at every noise rate, by Keras' `fit` on the JAX back end; needs no
TensorFlow. Prints and writes the accuracies beside the published ones. Ctrl-C,
--time_limit or an accident stop it; the same command continues every run from
its latest evaluation, to the numbers that it would have reached.
docs/paper_grid.md says how to take it to a machine with a GPU.

  benchmarks/paper_grid.py --data=cifar10.npz --time_limit=570
"""

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from absl import flags
from cifar_file import read_cifar
from grid_run import (
  PROGRESS_FILE,
  SETTINGS_FILE,
  digest_of,
  keep_images,
)
from grid_table import Result, write_tables

from mentornet_tf.commands import command_line
from mentornet_tf.errors import UserError
from mentornet_tf.internal.folder_lock import locked
from mentornet_tf.internal.json_files import read_json, write_json
from mentornet_tf.settings import TrainingSettings, published_run

# The longest first, so that no run is left alone at the end.
_METHODS = (
  "mentormix", "mentornet_dd", "mentornet_pd", "self_paced", "baseline",
)  # fmt: skip
_STUDENT = "inception"

_DATA = flags.DEFINE_string(
  "data", None, "CIFAR-10: an official archive, or a file of cifar_file.py."
)
_OUTPUT_DIR = flags.DEFINE_string(
  "output_dir", "runs/paper_grid", "Folder for runs and tables."
)
_STEPS = flags.DEFINE_integer(
  "steps",
  39_000,
  "Length of a run. The published runs took 120000 (MentorMix 200000); the "
  "falls of the learning rate are moved in proportion.",
  lower_bound=1,
)
_SEEDS = flags.DEFINE_integer("seeds", 1, "Runs of each cell.", lower_bound=1)
_METHODS_WANTED = flags.DEFINE_list(
  "methods", list(_METHODS), f"Some of {', '.join(_METHODS)}."
)
_NOISE = flags.DEFINE_list(
  "noise", ["20", "40", "80"], "Symmetric label noise in percent."
)
_PERCENTILE = flags.DEFINE_float(
  "loss_p_percentile",
  None,
  "Loss percentile of all mentors; by default the published ones. With 0.7 "
  "the original's code probably ran (docs/original.md).",
  lower_bound=0,
  upper_bound=1,
)
_BATCH_SIZE = flags.DEFINE_integer(
  "batch_size", 128, "Images in a batch.", lower_bound=1
)
_PRECISION = flags.DEFINE_enum(
  "mixed_precision",
  "float32",
  ["float32", "mixed_bfloat16"],
  "Dtype policy of the student. float32 lets a GPU multiply in TF32.",
)
_JOBS = flags.DEFINE_integer(
  "jobs", 5, "Runs at once, each in a process of its own.", lower_bound=1
)
_INTERVAL = flags.DEFINE_integer(
  "eval_interval_steps",
  1000,
  "Steps between evaluations; the state is saved at each.",
  lower_bound=1,
)
_PER_CALL = flags.DEFINE_integer(
  "steps_per_call",
  100,
  "Steps in one call to the device; a few on a processor, where they are "
  "compiled one by one.",
  lower_bound=1,
)
_TIME_LIMIT = flags.DEFINE_float(
  "time_limit", 0, "Seconds after which to stop; 0 for none.", lower_bound=0
)
_REPORT_SECS = flags.DEFINE_float(
  "report_secs", 10, "Seconds between lines of progress.", lower_bound=0.1
)
# What a stop takes: ending the processes, writing the tables.
_STOP_SECS = 5


class _Job:
  """A run of the grid, and its process while it has one."""

  def __init__(self, folder: Path, method: str, noise_percent: int, seed: int):
    self.folder = folder / f"{method}_{noise_percent}_{seed}"
    self._cell = method, noise_percent, seed
    self.process: subprocess.Popen[bytes] | None = None

  def settings(self) -> TrainingSettings:
    """Those of the published run, at this length."""
    method, noise_percent, seed = self._cell
    values = published_run(method, noise_percent, _STUDENT)
    if _PERCENTILE.value is not None:
      values["loss_p_percentile"] = _PERCENTILE.value
    published = TrainingSettings.of(**values)
    share = _STEPS.value / published.run.max_number_of_steps
    return published.changed(
      max_number_of_steps=_STEPS.value,
      num_epochs_per_decay=published.optimizer.num_epochs_per_decay * share,
      batch_size=_BATCH_SIZE.value,
      mixed_precision=_PRECISION.value,
      seed=seed,
    )

  def prepare(self, digest: str) -> None:
    """Makes the folder, or checks that it belongs to the same run."""
    content: dict[str, Any] = {
      "settings": self.settings().values(),
      "noise_percent": self._cell[1],
      "eval_interval_steps": _INTERVAL.value,
      "images": digest,
    }
    path = self.folder / SETTINGS_FILE
    if not path.exists():
      self.folder.mkdir(exist_ok=True)
      write_json(path, content)
      return
    found = read_json(
      path,
      written_by="paper_grid.py",
      advice="remove the folder",
      parts=("settings",),
    )
    parts = ((found, content), (found["settings"], content["settings"]))
    differing = [
      name
      for old, new in parts
      for name in new
      if name != "settings" and old.get(name) != new[name]
    ]
    if differing:
      raise UserError(
        f"output_dir: expected the settings of {self.folder} again, got other "
        f"{', '.join(differing)}; give those, or choose another folder"
      )

  def result(self) -> Result:
    path = self.folder / PROGRESS_FILE
    history = []
    if path.exists():
      advice = "remove the folder of this run"
      history = read_json(path, written_by="grid_run.py", advice=advice)[
        "history"
      ]
    return Result.of(*self._cell, _STEPS.value, history)

  def start(self) -> None:
    environment = os.environ | {
      "KERAS_BACKEND": "jax",
      "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
      # One process would take the memory of all.
      "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
      # Runs compile the same programs.
      "JAX_COMPILATION_CACHE_DIR": str(self.folder.parent / "compiled"),
      "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    program = Path(__file__).with_name("grid_run.py")
    with (self.folder / "log.txt").open("ab") as log:
      self.process = subprocess.Popen(
        [
          sys.executable,
          program,
          f"--folder={self.folder}",
          f"--interval={_INTERVAL.value}",
          f"--steps_per_call={_PER_CALL.value}",
        ],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
      )

  def status(self) -> int | None:
    """The exit status of the process that was started, None as it runs."""
    assert self.process is not None
    return self.process.poll()

  def stop(self) -> None:
    if self.process is not None:
      self.process.kill()  # what it has saved is whole
      self.process.wait()


def _jobs(folder: Path) -> list[_Job]:
  methods = [name for name in _METHODS if name in _METHODS_WANTED.value]
  unknown = sorted({*_METHODS_WANTED.value} - {*methods})
  if unknown or not methods:
    raise UserError(
      f"methods: expected some of {', '.join(_METHODS)}, got "
      f"{', '.join(unknown) or 'none'}; choose among them"
    )
  for name, part, whole in (
    ("eval_interval_steps", _INTERVAL.value, _STEPS.value),
    ("steps_per_call", _PER_CALL.value, _INTERVAL.value),
  ):
    if whole % part:
      raise UserError(
        f"{name}: expected a divisor of {whole}, got {part}; choose one"
      )
  try:
    noise = [int(each) for each in _NOISE.value]
  except ValueError:
    raise UserError(
      f"noise: expected numbers, got {','.join(_NOISE.value)}; for instance "
      "20,40,80"
    ) from None
  cells = itertools.product(range(_SEEDS.value), methods, noise)
  return [_Job(folder, method, rate, seed) for seed, method, rate in cells]


class _Progress:
  """Prints how far the grid is, every few seconds."""

  def __init__(self, jobs: list[_Job]):
    self._jobs = jobs
    self._start = time.monotonic()
    self._first = self._done()
    self._due = 0.0

  def _done(self) -> int:
    return sum(job.result().step for job in self._jobs)

  def report(self, running: int) -> None:
    seconds = time.monotonic() - self._start
    if seconds < self._due:
      return
    self._due = seconds + _REPORT_SECS.value
    done, total = self._done(), len(self._jobs) * _STEPS.value
    rate = (done - self._first) / seconds if seconds else 0.0
    left = f"{(total - done) / rate:.0f} s left" if rate else "starting"
    print(
      f"{seconds:5.0f} s: step {done} of {total}, {rate:.0f} steps/s, {left}; "
      f"{running} running",
      flush=True,
    )


def _run_all(
  jobs: list[_Job], deadline: float
) -> tuple[str | None, dict[_Job, int]]:
  """Runs the jobs, each to its end even where others fail.

  Returns:
    What stopped it before the end, if anything, and the exit statuses of the
    jobs that failed.
  """
  waiting = [job for job in jobs if not job.result().finished]
  progress = _Progress(jobs)
  running: list[_Job] = []
  failed: dict[_Job, int] = {}
  try:
    while waiting or running:
      while waiting and len(running) < _JOBS.value:
        running.append(waiting.pop(0))
        running[-1].start()
      statuses = {job: job.status() for job in running}
      failed |= {job: status for job, status in statuses.items() if status}
      running = [job for job, status in statuses.items() if status is None]
      progress.report(len(running))
      if time.monotonic() > deadline:
        return "the time limit", failed
      time.sleep(0.2)
  except KeyboardInterrupt:
    return "a signal", failed
  finally:
    for job in running:
      job.stop()
  return None, failed


def main() -> None:
  """Runs what is missing of the grid and writes the tables."""
  start = time.monotonic()
  # As Ctrl-C: the tables are written first.
  signal.signal(signal.SIGTERM, signal.default_int_handler)
  if _DATA.value is None:
    raise UserError(
      "data: expected a file of images, got none; give "
      "--data=cifar10.npz (see benchmarks/cifar_file.py)"
    )
  folder = Path(_OUTPUT_DIR.value)
  jobs = _jobs(folder)
  for job in jobs:
    job.settings()  # refused before anything is written
  folder.mkdir(parents=True, exist_ok=True)
  with locked(folder, "train"):
    splits = read_cifar(_DATA.value)
    digest = digest_of(splits)
    for job in jobs:
      job.prepare(digest)
    keep_images(folder, splits)
    del splits
    limit = _TIME_LIMIT.value
    deadline = start + limit - _STOP_SECS if limit else float("inf")
    stopped_by, failed = _run_all(jobs, deadline)
    results = [job.result() for job in jobs]
    table = write_tables(
      folder,
      results,
      f"CifarNet, CIFAR-10, {_STEPS.value} steps of {_BATCH_SIZE.value} "
      f"images, {_PRECISION.value}; test accuracy.",
    )
  print(f"\n{table}\n{folder / 'results.md'}, .csv and .json written")
  done = sum(each.finished for each in results)
  if done < len(jobs):
    reason = f"stopped by {stopped_by} with " if stopped_by else ""
    print(
      f"{reason}{done} of {len(jobs)} runs finished; the same command continues"
    )
  if failed:
    job, status = next(iter(failed.items()))
    others = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    raise UserError(
      f"{job.folder}{others}: expected the run to finish, got status {status}; "
      f"see {job.folder / 'log.txt'}, and give fewer `jobs` if memory ran out; "
      "the same command continues"
    )


if __name__ == "__main__":
  command_line.run(main)
