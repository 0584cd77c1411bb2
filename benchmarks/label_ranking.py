#!/usr/bin/env python3
"""Which training finds noisy labels best, on 10,000 images of CIFAR-10.

CifarNet by `fit` on the JAX back end, with symmetric noise and with human
labels: rankings by the last student and by the memory of a training under
mentornet_pd and under MentorMix, in --steps steps and in a quarter of them,
beside the out-of-fold probabilities of five trainings that share as many steps.
Needs no TensorFlow. Finished trainings are not repeated.

  benchmarks/label_ranking.py --data=cifar10.npz --human_labels=labels.npz
"""

import concurrent.futures
import dataclasses
import itertools
import json
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags
from cifar_file import read_cifar
from label_table import FIGURES, table
from label_training import METHODS, NUM_CLASSES, Images, Training

from mentornet_tf.commands import command_line
from mentornet_tf.datasets.labels.noise import corrupt_labels
from mentornet_tf.errors import UserError
from mentornet_tf.internal.atomic_files import write_bytes
from mentornet_tf.internal.damaged_archives import DAMAGED_ARCHIVE
from mentornet_tf.internal.json_files import write_json

_NUM_IMAGES, _FOLDS = 10_000, 5
_NOISE_RATE, _NOISE_SEED = 0.4, 0

_DATA = flags.DEFINE_string(
  "data", None, "CIFAR-10: an official archive, or a file of cifar_file.py."
)
_HUMAN = flags.DEFINE_string(
  "human_labels",
  None,
  'NumPy file with "worse_label", 50,000 classes of CIFAR-10N.',
)
_OUTPUT_DIR = flags.DEFINE_string(
  "output_dir", "runs/label_ranking", "Folder for figures and table."
)
_STEPS = flags.DEFINE_integer(
  "steps", 3000, "Steps of a training.", lower_bound=1
)
_SEEDS = flags.DEFINE_integer("seeds", 3, "Trainings of each.", lower_bound=1)
_METHODS_WANTED = flags.DEFINE_list(
  "methods", list(METHODS), f"Some of {', '.join(METHODS)}."
)
_PRECISION = flags.DEFINE_enum(
  "mixed_precision",
  "float32",
  ["float32", "mixed_bfloat16"],
  "Dtype policy of the student.",
)
_JOBS = flags.DEFINE_integer("jobs", 1, "Trainings at once.", lower_bound=1)
_PER_CALL = flags.DEFINE_integer(
  "steps_per_call",
  50,
  "Steps in one call to the device; a few on a processor, where they are "
  "compiled one by one.",
  lower_bound=1,
)
_IMAGES = flags.DEFINE_integer(
  "num_images", _NUM_IMAGES, "Train with the first ones.", lower_bound=1
)


@dataclasses.dataclass(frozen=True)
class _Cell:
  """A training of the table, or the folds that take its place."""

  noise: str
  method: str
  steps: int
  seed: int

  @property
  def num_trainings(self) -> int:
    """Which share its steps."""
    return _FOLDS if self.method == "folds" else 1

  @property
  def name(self) -> str:
    return f"{self.noise}-{self.method}-{self.steps}-{self.seed}"


def _measure(
  cell: _Cell,
  folder: Path,
  data: str,
  human_labels: str | None,
  num_images: int,
  **options: Any,
) -> None:
  """Trains a cell and writes its figures."""
  from mentornet_tf.analysis.out_of_fold import stratified_folds

  start = time.perf_counter()
  images = _read(data, human_labels, cell.noise, num_images)
  whole = np.arange(num_images)
  parts = [whole]
  if cell.num_trainings > 1:
    folds = stratified_folds(images.labels, _FOLDS, cell.seed)
    parts = [np.flatnonzero(folds != fold) for fold in range(_FOLDS)]
  ranked = np.empty((num_images, NUM_CLASSES), np.float32)
  seconds, accuracies = 0.0, []
  for part in parts:
    training = Training(
      cell.method,
      images,
      part,
      steps=cell.steps // cell.num_trainings,
      seed=cell.seed,
      **options,
    )
    seconds += training.run()
    accuracies.append(training.test_accuracy())
    held_out = np.setdiff1d(whole, part) if len(parts) > 1 else whole
    ranked[held_out] = training.probabilities(images.pixels[held_out])
  rankings = {"last student" if len(parts) == 1 else "out of fold": ranked}
  if len(parts) == 1:
    rankings["memory"] = training.remembered()
  rows = [
    dataclasses.asdict(cell)
    | {
      "ranking": ranking,
      "test_accuracy": float(np.mean(accuracies)),
      "seconds": seconds,
    }
    | _figures(images, pred_probs)
    for ranking, pred_probs in rankings.items()
  ]
  write_json(folder / f"{cell.name}.json", {"rows": rows})
  print(f"{cell.name}: {time.perf_counter() - start:.0f} s", flush=True)


def _figures(images: Images, pred_probs: np.ndarray) -> dict[str, float]:
  """How well a ranking by self-confidence finds the noisy labels."""
  from mentornet_tf.analysis.suspects import SuspectLabels

  quality = SuspectLabels.from_arrays(
    images.labels,
    pred_probs / pred_probs.sum(axis=1, keepdims=True),
    clean_labels=images.clean_labels,
  ).quality()
  assert quality is not None  # clean labels are known
  found = quality["by_self_confidence"]
  return {name: found[name] for name in FIGURES} | {
    "right_suggestions": quality["suggestion_accuracy"]
  }


def _read(
  data: str, human_labels: str | None, noise: str, num_images: int
) -> Images:
  splits = read_cifar(data)
  (pixels, clean), test = splits["train"], splits["test"]
  pixels, clean = pixels[:num_images], clean[:num_images].astype(np.int64)
  if noise == "human":
    labels = _human_labels(human_labels)[:num_images].astype(np.int64)
  else:
    labels = corrupt_labels(clean, NUM_CLASSES, noise, _NOISE_RATE, _NOISE_SEED)
  return Images(pixels, labels, clean, *test)


def _human_labels(path: str | None) -> np.ndarray:
  expected = 'a NumPy file with "worse_label" of the 50,000 images'
  try:
    with np.load(path or "", allow_pickle=False) as file:
      labels = file["worse_label"]
  except DAMAGED_ARCHIVE as error:
    raise UserError(
      f"human_labels: expected {expected}, got {path} ({error}); give another"
    ) from None
  if labels.shape != (50_000,) or labels.dtype.kind not in "iu":
    raise UserError(
      f"human_labels: expected {expected}, got {labels.dtype} of "
      f"{labels.shape}; give another file"
    )
  return labels


def _cells() -> list[_Cell]:
  if unknown := sorted({*_METHODS_WANTED.value} - {*METHODS}):
    raise UserError(
      f"methods: expected some of {', '.join(METHODS)}, got "
      f"{', '.join(unknown)}; choose among them"
    )
  kinds = ["symmetric"] + ["human"] * bool(_HUMAN.value)
  cells = [
    _Cell(noise, method, steps, seed)
    for seed, noise, method in itertools.product(
      range(_SEEDS.value), kinds, _METHODS_WANTED.value
    )
    for steps in (_STEPS.value, _STEPS.value // 4)
    if method != "folds" or steps == _STEPS.value
  ]
  for cell in cells:
    steps = cell.steps // cell.num_trainings
    if not steps or steps % _PER_CALL.value:
      raise UserError(
        f"steps_per_call: expected a divisor of {steps}, the steps of a "
        f"training, got {_PER_CALL.value}; choose one, or other `steps`"
      )
  return cells


def main() -> None:
  """Trains what is missing and prints the table."""
  os.environ.setdefault("KERAS_BACKEND", "jax")
  if _DATA.value is None:
    raise UserError(
      "data: expected a file of images, got none; give --data=cifar10.npz (see "
      "benchmarks/cifar_file.py)"
    )
  cells = _cells()
  if _HUMAN.value:
    _human_labels(_HUMAN.value)  # refused before anything is written
  folder = Path(_OUTPUT_DIR.value)
  folder.mkdir(parents=True, exist_ok=True)
  paths = {cell: folder / f"{cell.name}.json" for cell in cells}
  missing = [cell for cell, path in paths.items() if not path.exists()]
  with concurrent.futures.ProcessPoolExecutor(
    _JOBS.value, multiprocessing.get_context("spawn")
  ) as pool:
    futures = [
      pool.submit(
        _measure,
        cell,
        folder,
        _DATA.value,
        _HUMAN.value,
        _IMAGES.value,
        precision=_PRECISION.value,
        steps_per_call=_PER_CALL.value,
      )
      for cell in missing
    ]
    for future in concurrent.futures.as_completed(futures):
      future.result()
  rows = [
    row
    for path in paths.values()
    for row in json.loads(path.read_bytes())["rows"]
  ]
  text = table(rows)
  write_bytes(folder / "table.md", text.encode())
  print(f"\n{text}\n{folder / 'table.md'} written")


if __name__ == "__main__":
  command_line.run(main)
