#!/usr/bin/env python3
"""One run of benchmarks/paper_grid.py, in a process of its own.

Reads run.json in its folder and leaves there, after every --interval steps, its
whole state and its accuracy on the test images. A run that was interrupted, at
whatever moment, continues from its latest state to the numbers of an
uninterrupted one. It ends when its standard input does, with its parent.
"""

import hashlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags
from cifar_file import SPLITS

from mentornet_tf.commands import command_line
from mentornet_tf.datasets.labels.noise import corrupt_labels
from mentornet_tf.errors import UserError
from mentornet_tf.internal.atomic_files import replacing
from mentornet_tf.internal.json_files import read_json, write_json
from mentornet_tf.settings import TrainingSettings

_NUM_CLASSES = 10
_IMAGES_FOLDER = "images"
SETTINGS_FILE, PROGRESS_FILE, STATE_FILE = (
  "run.json",
  "progress.json",
  "state.npz",
)

Arrays = dict[str, tuple[np.ndarray, np.ndarray]]


def digest_of(splits: Arrays) -> str:
  """Hexadecimal digits that tell these images and labels from others."""
  digest = hashlib.sha256()
  for arrays in splits.values():
    for array in arrays:
      digest.update(np.ascontiguousarray(array))
  return digest.hexdigest()[:16]


def keep_images(folder: Path, splits: Arrays) -> None:
  """Writes images where runs read them without decoding."""
  folder = folder / _IMAGES_FOLDER
  folder.mkdir(parents=True, exist_ok=True)
  for split, (images, labels) in splits.items():
    for name, array in (("images", images), ("labels", labels)):
      with replacing(folder / f"{split}_{name}.npy") as partial:
        np.save(partial, array)


def read_images(folder: Path) -> Arrays:
  """What `keep_images` wrote."""
  folder = folder / _IMAGES_FOLDER

  def read(split: str, name: str) -> np.ndarray:
    path = folder / f"{split}_{name}.npy"
    return np.load(path, mmap_mode="r", allow_pickle=False)

  return {s: (read(s, "images"), read(s, "labels")) for s in SPLITS}


class Run:
  """A run: its model, its batches, its test images, and its state on disk.

  Args:
    folder: of the run, with its run.json.
    splits: images and clean labels.
    steps_per_call: steps in one call to the device.
  """

  def __init__(self, folder: Path, splits: Arrays, steps_per_call: int):
    import jax

    from mentornet_tf.datasets.reading.plans import BatchPlans
    from mentornet_tf.training.builders import build_model
    from mentornet_tf.training.device_images import standardize

    self.folder = folder
    content = read_json(
      folder / SETTINGS_FILE,
      written_by="benchmarks/paper_grid.py",
      advice="remove the folder",
      parts=("settings",),
    )
    self.settings = TrainingSettings.of(**content["settings"])
    images, clean_labels = splits["train"]
    seed = self.settings.run.seed
    self._labels = corrupt_labels(
      clean_labels,
      _NUM_CLASSES,
      "symmetric",
      content["noise_percent"] / 100,
      seed,
    ).astype(np.int32)
    self.model = build_model(self.settings, _Size(len(images)))
    self._plans = BatchPlans(
      len(images),
      self.settings.data.batch_size,
      self.settings.augmentation,
      seed,
    )
    self._steps_per_call = steps_per_call
    self._history: list[dict[str, float]] = []
    self._accuracy = _accuracy_on(
      self.model,
      jax.device_put(standardize(splits["test"][0])),
      splits["test"][1],
    )
    self._scan(jax.device_put(np.asarray(images)))

  def _scan(self, pixels: Any) -> None:
    from scanned_steps import scan_steps

    from mentornet_tf.training.device_images import prepared_images

    augmentation = self.settings.augmentation

    def batch_of(pixels: Any, of_step: tuple[Any, Any]) -> tuple[Any, Any]:
      plan, labels = of_step
      return prepared_images(pixels, plan, augmentation), labels

    scan_steps(self.model, batch_of, pixels)

  def train(
    self, interval: int, on_saved: Callable[[int], None] = lambda step: None
  ) -> None:
    """Trains to the end, from the state in the folder where there is one.

    Args:
      interval: steps between states and evaluations.
      on_saved: called with the step after each of them.
    """
    import keras

    self._restore()
    step, total = int(self.model.step.value), self.model.total_steps
    if step == total:
      self._report(total)  # interrupted after its last state
      return
    started = time.monotonic()

    def on_epoch_end(epoch: int, logs: dict[str, Any]) -> None:
      nonlocal started
      entry = {
        "step": (epoch + 1) * interval,
        "accuracy": self._accuracy(),
        "loss": float(logs["loss"]),
      }
      now = time.monotonic()
      entry["seconds"], started = now - started, now
      self._history.append(entry)
      self._save()
      self._report(total)
      on_saved(entry["step"])

    self.model.fit(
      self._calls(step),
      initial_epoch=step // interval,
      epochs=total // interval,
      steps_per_epoch=interval // self._steps_per_call,
      callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=on_epoch_end)],
      shuffle=False,
      verbose=0,
    )

  def _calls(self, first: int) -> Iterator[Any]:
    """What a call to the device is given: the plans and labels of its steps."""
    from mentornet_tf.training.device_images import plan_inputs

    while True:
      steps = range(first, first + self._steps_per_call)
      plans = [plan_inputs(self._plans[step]) for step in steps]
      stacked = {n: np.stack([plan[n] for plan in plans]) for n in plans[0]}
      yield stacked, self._labels[stacked["index"]]
      first += self._steps_per_call

  def _variables(self) -> list[Any]:
    return [*self.model.variables, *self.model.optimizer.variables]

  def _save(self) -> None:
    state = {
      f"v{i}": np.asarray(v.value) for i, v in enumerate(self._variables())
    }
    with replacing(self.folder / STATE_FILE) as partial:
      np.savez(partial, history=np.array(json.dumps(self._history)), **state)

  def _restore(self) -> None:
    path = self.folder / STATE_FILE
    if not path.exists():
      return
    with np.load(path, allow_pickle=False) as file:
      self._history = json.loads(str(file["history"]))
      for i, variable in enumerate(self._variables()):
        variable.assign(file[f"v{i}"])

  def _report(self, total: int) -> None:
    write_json(
      self.folder / PROGRESS_FILE,
      {"total_steps": total, "history": self._history},
    )


class _Size:
  """What `build_model` wants to know of the training images."""

  num_classes = _NUM_CLASSES

  def __init__(self, count: int):
    self._count = count

  def __len__(self) -> int:
    return self._count


def _accuracy_on(
  model: Any, images: Any, labels: np.ndarray
) -> Callable[[], float]:
  """Share of test images that the student, or its average, gets right."""
  from student_predictions import predictor

  predict = predictor(model)
  return lambda: float(np.mean(predict(images).argmax(-1) == labels))


def _end_with_parent() -> None:
  # Ctrl-C reaches every process of a terminal; the parent decides.
  signal.signal(signal.SIGINT, signal.SIG_IGN)

  def wait() -> None:
    sys.stdin.read()
    os._exit(1)

  threading.Thread(target=wait, daemon=True).start()


def main() -> None:
  """Trains the run to its end."""
  import keras

  if keras.backend.backend() != "jax":
    raise UserError(
      f"KERAS_BACKEND: expected jax, got {keras.backend.backend()}; start "
      "benchmarks/paper_grid.py"
    )
  _end_with_parent()
  folder = Path(flags.FLAGS.folder)
  run = Run(folder, read_images(folder.parent), flags.FLAGS.steps_per_call)
  run.train(flags.FLAGS.interval)


if __name__ == "__main__":
  flags.DEFINE_string("folder", None, "The run's folder.", required=True)
  flags.DEFINE_integer("interval", 1000, "Steps between states.")
  flags.DEFINE_integer("steps_per_call", 100, "Steps in a call to the device.")
  command_line.run(main)
