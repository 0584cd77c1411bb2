"""A small-scale comparison: CIFAR-10 with noisy labels, minutes per run.

Ten thousand training images with 40 % symmetric noise, CifarNet without
augmentation, 3,000 steps of 128 images at a rate of 0.1, reduced to 0.01 at
80 % of training.
"""

import csv
import dataclasses
import io
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from mentornet_tf.analysis.comparison import summarize_run
from mentornet_tf.analysis.plots import plot_learning_curves
from mentornet_tf.datasets.labels.label_noise import LabelNoise
from mentornet_tf.datasets.records.schema import load_in_memory
from mentornet_tf.datasets.writing.in_memory import (
  NoisyRecords,
  write_noisy_records,
)
from mentornet_tf.errors import UserError
from mentornet_tf.experiments.run_seconds import (
  SECONDS_FILE,
  add_seconds,
  read_seconds,
)
from mentornet_tf.internal import atomic_files
from mentornet_tf.runs.run_folder import require_run
from mentornet_tf.settings import (
  DECISION_THRESHOLD,
  RunOptions,
  TrainingSettings,
)
from mentornet_tf.training.train import train_and_evaluate

_NUM_IMAGES = 10_000
_STEPS = 3000
_SETTINGS = TrainingSettings.of(
  studentnet="inception",
  augment=False,
  max_number_of_steps=_STEPS,
  # 2,400 steps, at 78 per pass.
  num_epochs_per_decay=30.77,
  loss_p_percentile=0.6,
)
# The progress of a run and the wall time it has taken.
_OPTIONS = RunOptions(eval_interval_steps=300, save_interval_steps=150)

_NO_DROPOUT = {"example_dropout_rates": "0.0,100"}
_MENTORMIX = {
  "curriculum": "mentormix",
  "trained_mentornet_dir": "mentornet_pd",
  "burn_in_epoch": 10,
  "second_reweight": False,
  "ema_decay": 0.99,
  **_NO_DROPOUT,
}
_PD_DROPOUT = {"example_dropout_rates": "0.5,17,0.05,83"}
# Name of a method -> the settings it changes.
METHODS: dict[str, dict[str, Any]] = {
  "baseline": {},
  "self_paced": {"curriculum": "self_paced", **_NO_DROPOUT},
  "mentornet_pd_formula": {"curriculum": "mentornet_pd", **_PD_DROPOUT},
  "mentornet_pd": {
    "curriculum": "mentornet",
    "trained_mentornet_dir": "mentornet_pd",
    **_PD_DROPOUT,
  },
  "mentornet_dd": {
    "curriculum": "mentornet",
    "trained_mentornet_dir": "mentornet_dd",
    "burn_in_epoch": 18,
    "fixed_epoch_after_burn_in": True,
    **_PD_DROPOUT,
  },
  "joint": {
    "curriculum": "mentornet",
    "trained_mentornet_dir": "mentornet_pd",
    "update_mentor_at": "0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9",
    "clean_fraction": 0.1,
    "update_decision_threshold": DECISION_THRESHOLD,
    "weigh_by_average": True,
    "ema_decay": 0.99,
    **_PD_DROPOUT,
  },
  "mentormix": _MENTORMIX,
  "joint_mentormix": {
    **_MENTORMIX,
    "update_mentor_at": "0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9",
    "clean_fraction": 0.1,
  },
  "oracle": {"curriculum": "oracle", **_NO_DROPOUT},
}


@dataclasses.dataclass(frozen=True)
class Outcome:
  """The outcome of one run.

  Attributes:
    method: a name of `METHODS`.
    seed: seed of weights, data order and example dropout.
    best: highest test accuracy of its ten evaluations.
    last: test accuracy at its end.
    weight_auc: label-noise detection AUROC of the last weights.
    seconds: wall time, including evaluations.
  """

  method: str
  seed: int
  best: float
  last: float
  weight_auc: float
  seconds: float


def run_small_protocol(
  folder: str | os.PathLike,
  source_dir: str | os.PathLike | None = None,
  *,
  methods: Sequence[str] = tuple(METHODS),
  seeds: Iterable[int] = (0, 1, 2),
  max_number_of_steps: int = _STEPS,
  console: Console | None = None,
) -> list[Outcome]:
  """Trains the runs that are not finished yet, and writes table and curves.

  Args:
    folder: where the records, a training folder `<method>-<seed>` per run,
      `results.csv`, `table.md` and `learning_curves.png` are written. Finished
      runs are not repeated, interrupted ones are continued.
    source_dir: folder or archive with the official CIFAR-10; None uses
      TensorFlow Datasets.
    methods: names of `METHODS`.
    seeds: every method is trained with each of them, on the same noisy labels.
    max_number_of_steps: 3,000, or fewer for a trial.
    console: where progress is printed.

  Returns:
    `finished_runs` of `folder`, including those of earlier calls.

  Raises:
    UserError: an unknown method, or images that cannot be read.
  """
  unknown = [name for name in methods if name not in METHODS]
  if unknown:
    raise UserError(
      f"methods: expected names among {', '.join(METHODS)}, got "
      f"{unknown[0]!r}; choose among them"
    )
  folder = atomic_files.creatable_folder(folder)
  console = console or Console(highlight=False, markup=False, soft_wrap=True)
  data_dir = folder / "records"
  write_noisy_records(
    NoisyRecords(
      output_dir=data_dir,
      dataset_name="cifar10",
      source_dir=None if source_dir is None else Path(source_dir),
      noise=LabelNoise(kind="symmetric", rate=0.4, seed=0),
      max_train_examples=_NUM_IMAGES,
    )
  )
  train_data = load_in_memory(data_dir, "cifar10", "train")
  test_data = load_in_memory(data_dir, "cifar10", "test")
  for seed in seeds:
    for method in methods:
      settings = _settings(method, seed, max_number_of_steps)
      run_folder = folder / f"{method}-{seed}"
      console.print(f"\n{run_folder.name}")
      start = time.perf_counter()
      result = train_and_evaluate(
        settings, run_folder, train_data, test_data, _OPTIONS, console
      )
      add_seconds(run_folder, start, result.step)
      if not result.finished:
        return finished_runs(folder, max_number_of_steps)
      _write(folder, finished_runs(folder, max_number_of_steps))
  return finished_runs(folder, max_number_of_steps)


def finished_runs(
  folder: str | os.PathLike, max_number_of_steps: int = _STEPS
) -> list[Outcome]:
  """The outcomes of all finished runs in a folder.

  Args:
    folder: where `run_small_protocol` has trained, perhaps in several calls.
    max_number_of_steps: their length; runs of another length are left out, as
      are runs whose settings are no longer those of `METHODS`.

  Returns:
    The outcomes by seed, then in the order of `METHODS`.
  """
  outcomes = []
  for path in Path(folder).glob(f"*-*/{SECONDS_FILE}"):
    method, _, seed = path.parent.name.rpartition("-")
    if method not in METHODS or not seed.isdecimal():
      continue
    record = read_seconds(path.parent)
    expected = _settings(method, int(seed), max_number_of_steps).values()
    if (
      record["step"] == max_number_of_steps
      and require_run(path.parent)["settings"] == expected
    ):
      outcomes.append(
        _outcome(method, int(seed), path.parent, record["seconds"])
      )
  order = {method: place for place, method in enumerate(METHODS)}
  return sorted(outcomes, key=lambda each: (each.seed, order[each.method]))


def _settings(
  method: str, seed: int, max_number_of_steps: int
) -> TrainingSettings:
  return _SETTINGS.changed(
    max_number_of_steps=max_number_of_steps,
    seed=seed,
    **METHODS[method],
  )


def _outcome(
  method: str, seed: int, run_folder: Path, seconds: float
) -> Outcome:
  run = summarize_run(run_folder.name, run_folder)
  return Outcome(
    method,
    seed,
    best=_number(run.best("test_accuracy")),
    last=_number(run.last("test_accuracy")),
    weight_auc=_number(run.last("weight_auc")),
    seconds=seconds,
  )


def _number(value: float | None) -> float:
  """Columns are empty where a value is unknown."""
  return float("nan") if value is None else value


def _write(folder: Path, outcomes: Sequence[Outcome]) -> None:
  atomic_files.write_bytes(
    folder / "results.csv", results_csv(outcomes).encode()
  )
  atomic_files.write_bytes(
    folder / "table.md", (results_table(outcomes) + "\n").encode()
  )
  first = outcomes[0].seed
  plot_learning_curves(
    [
      summarize_run(each.method, folder / f"{each.method}-{each.seed}")
      for each in outcomes
      if each.seed == first
    ],
    folder / "learning_curves.png",
  )


def results_csv(outcomes: Sequence[Outcome]) -> str:
  """A CSV file with a row per run."""
  text = io.StringIO()
  writer = csv.writer(text, lineterminator="\n")
  writer.writerow(field.name for field in dataclasses.fields(Outcome))
  for each in outcomes:
    writer.writerow(
      f"{value:.4f}" if isinstance(value, float) else value
      for value in dataclasses.astuple(each)
    )
  return text.getvalue()


def results_table(outcomes: Sequence[Outcome]) -> str:
  """A Markdown table with a row per method: mean ± deviation over its seeds.

  The share of the gap says how much of the difference between the last
  accuracies of baseline and oracle a method recovers, over the seeds that all
  three have.
  """
  lines = [
    "| run | seeds | test accuracy, best | last "
    "| label-noise detection AUROC | share of the gap | seconds |",
    "|---|---|---|---|---|---|---|",
  ]
  for method in dict.fromkeys(each.method for each in outcomes):
    of_method = [each for each in outcomes if each.method == method]
    share = _share_of_gap(of_method, outcomes)
    cells = (
      method,
      str(len(of_method)),
      *(
        _mean([getattr(each, column) for each in of_method])
        for column in ("best", "last", "weight_auc")
      ),
      "–" if share is None else f"{share:.2f}",
      f"{np.mean([each.seconds for each in of_method]):.0f}",
    )
    lines.append(f"| {' | '.join(cells)} |")
  return "\n".join(lines)


def _share_of_gap(
  of_method: Sequence[Outcome], outcomes: Sequence[Outcome]
) -> float | None:
  """Over the seeds of the method that baseline and oracle also have."""
  lasts = {
    name: {each.seed: each.last for each in outcomes if each.method == name}
    for name in ("baseline", "oracle")
  }
  seeds = lasts["baseline"].keys() & lasts["oracle"].keys()
  common = [each for each in of_method if each.seed in seeds]
  if not common:
    return None
  baseline, oracle = (
    np.mean([by_seed[each.seed] for each in common])
    for by_seed in lasts.values()
  )
  if oracle == baseline:
    return None
  last = np.mean([each.last for each in common])
  return (last - baseline) / (oracle - baseline)


def _mean(values: Sequence[float]) -> str:
  mean = f"{np.mean(values):.3f}"
  return mean if len(values) < 2 else f"{mean} ± {np.std(values, ddof=1):.3f}"
