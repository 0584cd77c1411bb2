"""Trains what a protocol names, continues what was interrupted, and reports."""

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from mentornet_tf.datasets.labels.files import read_label_columns
from mentornet_tf.datasets.labels.label_noise import LabelNoise
from mentornet_tf.datasets.labels.matching import can_be_matched, label_column
from mentornet_tf.datasets.writing.in_memory import (
  NoisyRecords,
  write_noisy_records,
)
from mentornet_tf.errors import UserError
from mentornet_tf.experiments.kept_mentors import check_kept_mentors
from mentornet_tf.experiments.planned_runs import PlannedRun, train_runs
from mentornet_tf.experiments.protocol_tables import (
  Outcome,
  outcome,
  write_results,
)
from mentornet_tf.experiments.protocols import (
  PROTOCOLS,
  Protocol,
  method_and_seed,
  run_name,
)
from mentornet_tf.experiments.run_seconds import (
  SECONDS_FILE,
  read_seconds,
  seconds_of_all,
)
from mentornet_tf.internal import atomic_files
from mentornet_tf.internal.json_files import read_json, write_json
from mentornet_tf.runs.run_folder import require_run
from mentornet_tf.settings import TrainingSettings
from mentornet_tf.training.progress import readable_seconds

_PROTOCOL_FILE = "protocol.json"


def run_protocol(
  folder: str | os.PathLike,
  source_dir: str | os.PathLike | None = None,
  *,
  protocol: Protocol = PROTOCOLS["small"],
  methods: Sequence[str] | None = None,
  seeds: Iterable[int] = (0, 1, 2),
  max_number_of_steps: int | None = None,
  jobs: int = 1,
  console: Console | None = None,
) -> list[Outcome]:
  """Trains the runs that are not finished yet; writes tables and pictures.

  Args:
    folder: where the records, a training folder `<method>-<seed>` per run,
      `results.csv` (runs), `table.md` and `table.csv` (methods),
      `learning_curves.png` and `weights.png` are written. Finished runs are not
      repeated, interrupted ones are continued.
    source_dir: folder or archive with the official CIFAR-10; None uses
      TensorFlow Datasets.
    protocol: what to compare, as `chosen_protocol` gives it.
    methods: names of the protocol's methods; None for all of them.
    seeds: every method is trained with each of them, on the same noisy labels.
    max_number_of_steps: None for the protocol's length, or less for a trial.
    jobs: how many runs are trained at a time, each in a process of its own with
      its share of the cores. 1 trains in this process.
    console: where progress is printed.

  Returns:
    `finished_runs` of `folder`, including those of earlier calls.

  Raises:
    UserError: an unknown method, images that cannot be read, a folder of
      another protocol, noise rate or precision, or of runs under an earlier
      version's mentor; or a run failed, after the others have ended.
  """
  methods = list(protocol.methods) if methods is None else list(methods)
  _check(methods, protocol, jobs)
  steps = max_number_of_steps or protocol.max_number_of_steps
  folder = atomic_files.creatable_folder(folder)
  console = console or Console(highlight=False, markup=False, soft_wrap=True)
  data_dir = _write_records(folder, source_dir, protocol)

  check_kept_mentors(folder, protocol)
  finished = finished_runs(folder, protocol, steps)
  done = {(each.method, each.seed) for each in finished}
  planned = dict.fromkeys((m, seed) for seed in seeds for m in methods)
  runs = {
    run_name(method, seed): PlannedRun(
      method,
      protocol.settings(method, seed, steps),
      folder / run_name(method, seed),
      data_dir,
      protocol.options,
    )
    for method, seed in planned
    if (method, seed) not in done
  }
  console.print(
    f"{protocol.name}: {protocol.description}; {steps} steps per run"
  )
  console.print(
    f"{len(planned) - len(runs)} of {len(planned)} runs finished"
    + _left(runs, _paces(folder, done | planned.keys()), jobs)
  )
  if finished:
    write_results(folder, protocol, finished)
  failures: dict[str, str] = {}
  trained = set()
  for ended in train_runs(dict(runs), jobs, console):
    name, run = ended.name, runs[ended.name]
    if ended.failure:
      console.print(f"{name}: {ended.failure}")
      failures[name] = ended.failure
    if ended.failure or ended.result:
      del runs[name]
    if ended.result:
      finished = finished_runs(folder, protocol, steps)
      write_results(folder, protocol, finished)
      # Runs of earlier calls may have had more, or fewer, beside them.
      trained.add((run.method, run.settings.run.seed))
      left = _left(runs, _paces(folder, trained), jobs)
      console.print(f"{name} finished{left}")
  if runs:
    console.print(
      f"{len(runs)} of {len(planned)} runs left; the same command continues"
    )
  if failures:
    name, failure = next(iter(failures.items()))
    more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
    raise UserError(f"{name}{more}: {failure}")
  return finished


def _check(methods: Sequence[str], protocol: Protocol, jobs: int) -> None:
  unknown = [name for name in methods if name not in protocol.methods]
  if unknown or not methods:
    raise UserError(
      f"methods: expected names among {', '.join(protocol.methods)}, got "
      f"{repr(unknown[0]) if unknown else 'none'}; choose among them"
    )
  if jobs < 1:
    raise UserError(f"jobs: expected at least 1, got {jobs}; give 1 or more")


def finished_runs(
  folder: str | os.PathLike,
  protocol: Protocol = PROTOCOLS["small"],
  max_number_of_steps: int | None = None,
) -> list[Outcome]:
  """The outcomes of all finished runs in a folder.

  Args:
    folder: where `run_protocol` has trained, perhaps in several calls.
    protocol: with which.
    max_number_of_steps: their length; runs of another length are left out, as
      are runs whose settings are no longer those of the protocol.

  Returns:
    The outcomes by seed, then in the order of the protocol's methods.
  """
  steps = max_number_of_steps or protocol.max_number_of_steps
  defaults, outcomes = TrainingSettings().values(), []
  for path in Path(folder).glob(f"*-*/{SECONDS_FILE}"):
    parsed = method_and_seed(path.parent.name)
    if parsed is None or parsed[0] not in protocol.methods:
      continue
    method, seed = parsed
    taken = read_seconds(path.parent)
    # What an older version's run.json does not name was as the defaults are.
    settings = defaults | require_run(path.parent)["settings"]
    expected = protocol.settings(method, seed, steps).values()
    if taken.step == steps and settings == expected:
      outcomes.append(outcome(method, seed, path.parent, taken.total))
  order = {method: place for place, method in enumerate(protocol.methods)}
  return sorted(outcomes, key=lambda each: (each.seed, order[each.method]))


def _write_records(
  folder: Path, source_dir: str | os.PathLike | None, protocol: Protocol
) -> Path:
  """The folder of the noisy records, which are written unless they exist."""
  path = folder / _PROTOCOL_FILE
  identity = {
    "protocol": protocol.name,
    "noise_rate": protocol.noise.get("rate"),
    "mixed_precision": protocol.mixed_precision,
  }
  if path.exists():
    found = read_json(
      path, written_by="an earlier comparison", advice="choose another folder"
    )
    # Before there was a choice, none was named.
    found.setdefault("mixed_precision", "float32")
    if found != identity:
      raise UserError(
        f"folder: expected a new one or one of {_readable(identity)}, got "
        f"{folder} with {_readable(found)}; choose another folder"
      )
  data_dir = folder / "records"
  write_noisy_records(
    NoisyRecords(
      output_dir=data_dir,
      dataset_name="cifar10",
      source_dir=None if source_dir is None else Path(source_dir),
      noise=_label_noise(protocol),
      max_train_examples=protocol.num_images,
    )
  )
  write_json(path, identity)
  return data_dir


def _label_noise(protocol: Protocol) -> LabelNoise:
  """The noise; labels of a file are its only ones where the usual are missing.

  Raises:
    UserError: the file does not say which labels are meant, or which image each
      belongs to.
  """
  noise = protocol.label_noise()
  if noise.kind != "file" or noise.labels_from_tfds:
    return noise
  file = str(noise.label_file)
  columns = read_label_columns(file)
  if not can_be_matched(columns):
    raise UserError(
      f"human_labels: expected a column of ids or of clean labels beside the "
      f"labels of {file}, since CIFAR images come in two orders, got "
      f"{', '.join(columns) or 'no integers'}; add an id column"
    )
  if noise.label_key in columns:
    return noise
  try:
    return dataclasses.replace(noise, label_key=label_column(columns, file))
  except UserError as error:
    raise UserError(
      f"human_labels: expected a column {noise.label_key} or label, or a "
      f"single column of labels, in {file}, got {', '.join(columns)}; give "
      "CIFAR-10N's file, or one with a single column of labels"
    ) from error


def _readable(identity: dict) -> str:
  rate = identity.get("noise_rate")
  return (
    f"protocol {identity.get('protocol')}"
    + ("" if rate is None else f" at noise rate {rate:g}")
    + f" in {identity.get('mixed_precision')}"
  )


def _paces(
  folder: Path, runs: Iterable[tuple[str, int]]
) -> dict[str, list[float]]:
  """Method -> seconds per step of each of its runs that has been timed."""
  paces: dict[str, list[float]] = {}
  for method, seed in runs:
    pace = read_seconds(folder / run_name(method, seed)).per_step
    if pace is not None:
      paces.setdefault(method, []).append(pace)
  return paces


def _left(
  runs: Mapping[str, PlannedRun], paces: Mapping[str, list[float]], jobs: int
) -> str:
  """How many runs are left, and how long they take at the pace of others."""
  if not runs:
    return ""
  at_once = min(jobs, len(runs))
  text = f"; {len(runs)} left" + (
    f", {at_once} at a time" if at_once > 1 else ""
  )
  if not paces:
    return f"{text}; an estimate of the time follows the first run"
  of_all = [pace for of_method in paces.values() for pace in of_method]
  seconds = []
  for run in runs.values():
    measured = paces.get(run.method, of_all)
    seconds.append(run.steps_left * sum(measured) / len(measured))
  left = readable_seconds(seconds_of_all(seconds, at_once))
  return f"{text}, about {left} at the pace so far"
