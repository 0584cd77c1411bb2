"""Evaluating the checkpoints of a training folder, once or as they appear."""

import csv
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from mentornet_tf.atomic_files import replacing
from mentornet_tf.datasets.pipelines import evaluation_batches
from mentornet_tf.datasets.records import InMemoryDataset
from mentornet_tf.training.checkpointing import (
  DamagedCheckpointError,
  checkpoint_step,
  kept_checkpoints,
  latest_checkpoint,
)
from mentornet_tf.training.evaluation import Evaluation, Evaluator
from mentornet_tf.training.loss_records import write_losses
from mentornet_tf.training.trained_run import TrainedRun

_COLUMNS = ("data", "step", "accuracy", "loss", "num_examples")


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

  A checkpoint whose step stands in `<eval_dir>/eval.csv` for the same data is
  not evaluated again. One that training deletes or still writes is passed over.

  Args:
    run: the training folder.
    data: what to evaluate on.
    batch_size: images in a batch.
    eval_dir: receives eval.csv and TensorBoard events.
    once: evaluate the newest checkpoint and end.
    interval_seconds: wait between looks for a new checkpoint.
    print_line: takes one line for each evaluation.
    sleep: waits so many seconds.

  Raises:
    UserError: with `once`, if there is no checkpoint that can be read.
  """
  results = EvaluationLog(Path(eval_dir), data.name)
  evaluator = Evaluator(run.student, evaluation_batches(data, batch_size))
  printed, waiting = None, False
  while True:
    candidates = [run.newest()] if once else kept_checkpoints(run.folder)
    for checkpoint in candidates:
      step = checkpoint_step(checkpoint)
      if step in results.evaluations:
        continue
      try:
        run.load(checkpoint)
      except DamagedCheckpointError:
        if once:
          raise
        continue
      results.add(step, evaluator())
      print_line(results.readable(step))
      printed = step
    if not candidates and not waiting:
      waiting = True
      print_line(f"{run.folder}: waiting for a checkpoint")
    if once or run.total_steps in results.evaluations:
      if printed is None:
        print_line(results.readable(max(results.evaluations)))
      return
    sleep(interval_seconds)


def wait_for_run(
  folder: str | os.PathLike,
  interval_seconds: float,
  *,
  print_line: Callable[[str], Any] = print,
  sleep: Callable[[float], None] = time.sleep,
) -> None:
  """Waits until a training has begun in `folder`."""
  waiting = False
  while (
    Path(folder).is_dir()
    and not (Path(folder) / "run.json").exists()
    and latest_checkpoint(folder) is None
  ):
    if not waiting:
      print_line(f"{folder}: waiting for a training to begin")
    waiting = True
    sleep(interval_seconds)


class EvaluationLog:
  """The evaluations of one run: `eval.csv` and TensorBoard events.

  Args:
    folder: made when it does not exist.
    data_name: of what is evaluated. Rows of other data stay as they are.
  """

  def __init__(self, folder: Path, data_name: str):
    self._data_name = data_name
    self._others: list[dict[str, str]] = []
    folder.mkdir(parents=True, exist_ok=True)
    self._path = folder / "eval.csv"
    self._events = tf.summary.create_file_writer(str(folder))
    self.evaluations: dict[int, Evaluation] = {}
    if self._path.exists():
      with self._path.open(newline="") as file:
        for row in csv.DictReader(file):
          if row["data"] != data_name:
            self._others.append(row)
            continue
          self.evaluations[int(row["step"])] = Evaluation(
            float(row["accuracy"]), float(row["loss"]), int(row["num_examples"])
          )

  def add(self, step: int, evaluation: Evaluation) -> None:
    """Adds one evaluation to the file and to the events."""
    self.evaluations[step] = evaluation
    with replacing(self._path) as partial, partial.open("w") as file:
      writer = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
      writer.writeheader()
      writer.writerows(self._others)
      for known, each in sorted(self.evaluations.items()):
        writer.writerow(
          {
            "data": self._data_name,
            "step": known,
            "accuracy": f"{each.accuracy:.6f}",
            "loss": f"{each.loss:.6f}",
            "num_examples": each.num_examples,
          }
        )
    with self._events.as_default(step):
      tf.summary.scalar("accuracy", evaluation.accuracy)
      tf.summary.scalar("total_loss", evaluation.loss)
    self._events.flush()

  def readable(self, step: int) -> str:
    """One line: accuracy at `step`, the best and the last so far."""
    accuracies = {at: each.accuracy for at, each in self.evaluations.items()}
    best, last = max(accuracies, key=accuracies.get), max(accuracies)
    return (
      f"step {step}  accuracy {accuracies[step]:.4f}  "
      f"best {accuracies[best]:.4f} (step {best})  "
      f"last {accuracies[last]:.4f} (step {last})"
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
  step = run.load_newest()
  if epoch is None:
    epoch = min(100 * step // (run.total_steps or step), 99)
  evaluator = Evaluator(run.student, evaluation_batches(data, batch_size))
  examples = evaluator.per_example()
  write_losses(path, epoch, examples)
  print(f"{path}: {len(examples['id'])} losses at step {step} (epoch {epoch})")
