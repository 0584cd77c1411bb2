"""Evaluating the checkpoints of a training folder, once or as they appear."""

import contextlib
import csv
import dataclasses
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from mentornet_tf.datasets.pipelines import evaluation_batches
from mentornet_tf.datasets.records import InMemoryDataset
from mentornet_tf.errors import UserError
from mentornet_tf.students.registry import build_student
from mentornet_tf.training.checkpointing import (
  checkpoint_step,
  latest_checkpoint,
  restore,
)
from mentornet_tf.training.evaluation import Evaluator
from mentornet_tf.training.run_folder import read_run

_COLUMNS = ("step", "accuracy", "loss", "num_examples")


@dataclasses.dataclass(frozen=True)
class TrainedRun:
  """A training folder opened for evaluation.

  Attributes:
    folder: the training folder.
    student: the bare student; `load` fills it.
    total_steps: length of the training; None where it is not known.
  """

  folder: Path
  student: keras.Model
  total_steps: int | None

  def load(self, checkpoint: str) -> int:
    """Loads the student of a checkpoint and returns the checkpoint's step."""
    restore(checkpoint, {"student": self.student.variables})
    return checkpoint_step(checkpoint)

  def newest(self) -> str:
    """Prefix of the newest checkpoint; UserError when there is none."""
    checkpoint = latest_checkpoint(self.folder)
    if checkpoint is None:
      raise UserError(
        f"{self.folder}: expected a training folder with a checkpoint, got "
        "none; train first, or give the folder passed as --train_log_dir"
      )
    return checkpoint


def open_run(
  folder: str | os.PathLike, studentnet: str, data: InMemoryDataset
) -> TrainedRun:
  """Builds the student of a training folder.

  Args:
    folder: the training folder.
    studentnet: the student's name where the folder holds no run.json.
    data: tells the number of classes.

  Raises:
    UserError: if there is no such folder.
  """
  folder = Path(folder)
  if not folder.is_dir():
    raise UserError(f"{folder}: expected a training folder, got no such folder")
  settings: dict[str, Any] = (read_run(folder) or {}).get("settings", {})
  student = build_student(
    settings.get("studentnet", studentnet), data.num_classes
  )
  return TrainedRun(folder, student, settings.get("max_number_of_steps"))


def evaluate_checkpoints(
  run: TrainedRun,
  data: InMemoryDataset,
  batch_size: int,
  eval_dir: str | os.PathLike,
  *,
  once: bool,
  interval_seconds: float,
  print_line: Callable[[str], Any] = print,
  sleep: Callable[[float], None] = time.sleep,
) -> None:
  """Evaluates new checkpoints until training has finished, or only the newest.

  A checkpoint whose step stands in `<eval_dir>/eval.csv` is not evaluated
  again.

  Args:
    run: the training folder.
    data: what to evaluate on.
    batch_size: images in a batch.
    eval_dir: receives eval.csv and TensorBoard events.
    once: evaluate the newest checkpoint and end.
    interval_seconds: wait between looks for a new checkpoint.
    print_line: takes one line for each evaluation.
    sleep: waits so many seconds.
  """
  results = EvaluationLog(Path(eval_dir))
  evaluator = Evaluator(run.student, evaluation_batches(data, batch_size))
  while True:
    checkpoint = run.newest() if once else latest_checkpoint(run.folder)
    step = checkpoint and checkpoint_step(checkpoint)
    if checkpoint and step not in results.accuracies:
      run.load(checkpoint)
      evaluation = evaluator()
      results.add(step, evaluation.accuracy, evaluation.loss, len(data))
    if checkpoint:
      print_line(results.readable(step))
    if once or (run.total_steps is not None and step == run.total_steps):
      return
    sleep(interval_seconds)


class EvaluationLog:
  """The evaluations of one run: `eval.csv` and TensorBoard events.

  Args:
    folder: made when it does not exist.
  """

  def __init__(self, folder: Path):
    folder.mkdir(parents=True, exist_ok=True)
    self._path = folder / "eval.csv"
    self._events = tf.summary.create_file_writer(str(folder))
    self.accuracies: dict[int, float] = {}
    if self._path.exists():
      with self._path.open(newline="") as file:
        for row in csv.DictReader(file):
          self.accuracies[int(row["step"])] = float(row["accuracy"])
    else:
      with self._path.open("w", newline="") as file:
        csv.writer(file).writerow(_COLUMNS)

  def add(
    self, step: int, accuracy: float, loss: float, num_examples: int
  ) -> None:
    """Adds one evaluation to the file and to the events."""
    self.accuracies[step] = accuracy
    with self._path.open("a", newline="") as file:
      csv.writer(file).writerow(
        [step, f"{accuracy:.6f}", f"{loss:.6f}", num_examples]
      )
    with self._events.as_default(step):
      tf.summary.scalar("accuracy", accuracy)
      tf.summary.scalar("total_loss", loss)
    self._events.flush()

  def readable(self, step: int) -> str:
    """One line: accuracy at `step`, the best and the last so far."""
    best = max(self.accuracies, key=self.accuracies.get)
    last = max(self.accuracies)
    return (
      f"step {step}  accuracy {self.accuracies[step]:.4f}  "
      f"best {self.accuracies[best]:.4f} (step {best})  "
      f"last {self.accuracies[last]:.4f} (step {last})"
    )


def dump_losses(
  run: TrainedRun,
  data: InMemoryDataset,
  batch_size: int,
  path: str | os.PathLike,
  epoch: int | None = None,
) -> None:
  """Writes `id epoch noisy_label clean_label loss` of every example.

  Args:
    run: the training folder; its newest checkpoint is used.
    data: what to compute the losses of.
    batch_size: images in a batch.
    path: the text file; written under a temporary name first.
    epoch: the training percentage to write; None takes the checkpoint's.
  """
  step = run.load(run.newest())
  if epoch is None:
    epoch = min(100 * step // (run.total_steps or step), 99)
  evaluator = Evaluator(run.student, evaluation_batches(data, batch_size))
  columns = evaluator.per_example()
  path = Path(path)
  temporary = path.with_name(path.name + ".partial")
  with contextlib.ExitStack() as undo:
    undo.callback(temporary.unlink, missing_ok=True)
    with temporary.open("w") as file:
      for i, label, clean, loss in zip(
        columns["id"],
        columns["label"],
        columns["clean_label"],
        columns["loss"],
        strict=True,
      ):
        file.write(f"{i} {epoch} {label} {clean} {loss:.6g}\n")
    os.replace(temporary, path)
  print(f"{path}: {len(columns['id'])} losses at step {step} (epoch {epoch})")
