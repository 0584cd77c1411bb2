"""Evaluating the checkpoints of a training folder, once or as they appear."""

import csv
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from mentornet_tf.curricula.training_percent import training_percent
from mentornet_tf.datasets.reading.dataset import (
  EvaluationBatches,
  TrainingData,
  as_training_data,
)
from mentornet_tf.datasets.records.schema import InMemoryDataset
from mentornet_tf.evaluation.evaluator import Evaluation, Evaluator
from mentornet_tf.internal.atomic_files import (
  replacing,
  writable_file,
  writable_folder,
)
from mentornet_tf.internal.csv_files import read_rows
from mentornet_tf.mentor_training.loss_dump import write_losses
from mentornet_tf.runs.checkpointing import (
  DamagedCheckpointError,
  checkpoint_step,
  kept_checkpoints,
  latest_checkpoint,
)
from mentornet_tf.runs.trained_run import TrainedRun

_COLUMNS = (
  "data",
  "step",
  "accuracy",
  "loss",
  "num_examples",
  "top5_accuracy",
)

Data = InMemoryDataset | TrainingData


def evaluate_checkpoints(
  run: TrainedRun,
  data: Data | Sequence[Data],
  batch_size: int,
  eval_dir: str | os.PathLike,
  *,
  once: bool,
  interval_seconds: float,
  print_line: Callable[[str], Any] = print,
  sleep: Callable[[float], None] = time.sleep,
) -> None:
  """Evaluates new checkpoints until training has finished, or only the newest.

  A checkpoint whose step is in `<eval_dir>/eval.csv` for the same data is not
  evaluated again. One that training deletes or is still writing is skipped.

  Args:
    run: the training folder.
    data: what to evaluate on, one set or several with different names.
    batch_size: images per batch.
    eval_dir: where eval.csv and TensorBoard events are written.
    once: whether to evaluate the newest checkpoint only.
    interval_seconds: seconds between checks for a new checkpoint.
    print_line: takes a line per evaluation.
    sleep: waits for a number of seconds.

  Raises:
    UserError: with `once`, there is no checkpoint that can be read.
  """
  sets = list(data) if isinstance(data, Sequence) else [data]
  results = EvaluationLog(Path(eval_dir), [each.name for each in sets])
  evaluators = {each.name: _evaluator(run, each, batch_size) for each in sets}
  printed, waiting = None, False
  if run.chosen is None:
    kept_checkpoints(run.folder, print_line)  # tells of a damaged state file
  while True:
    candidates = [run.newest()] if once else kept_checkpoints(run.folder)
    for checkpoint in candidates:
      step = checkpoint_step(checkpoint)
      missing = results.missing(step)
      if not missing:
        continue
      try:
        run.load(checkpoint)
      except DamagedCheckpointError:
        if once:
          raise
        continue
      for name in missing:
        results.add(name, step, evaluators[name]())
        print_line(results.readable(name, step))
      printed = step
    if not candidates and not waiting:
      waiting = True
      print_line(f"{run.folder}: waiting for a checkpoint")
    finished = run.total_steps is not None and not results.missing(
      run.total_steps
    )
    if once or finished:
      if printed is None:
        for name in evaluators:
          print_line(results.readable(name))
      return
    sleep(interval_seconds)


def _evaluator(run: TrainedRun, data: Data, batch_size: int) -> Evaluator:
  batches = EvaluationBatches(as_training_data(data), batch_size)
  return Evaluator(run.student, batches)


def wait_for_run(
  folder: str | os.PathLike,
  interval_seconds: float,
  *,
  print_line: Callable[[str], Any] = print,
  sleep: Callable[[float], None] = time.sleep,
) -> None:
  """Waits until training has started in `folder`."""
  waiting = False
  while (
    Path(folder).is_dir()
    and not (Path(folder) / "run.json").exists()
    and latest_checkpoint(folder) is None
  ):
    if not waiting:
      print_line(f"{folder}: waiting for training to start")
    waiting = True
    sleep(interval_seconds)


class EvaluationLog:
  """The evaluations of one run: `eval.csv` and TensorBoard events.

  Args:
    folder: created if it does not exist.
    data_names: names of the evaluated data. Rows of other data stay as they
      are.
  """

  def __init__(self, folder: Path, data_names: Sequence[str]):
    self._others: list[dict[str, str]] = []
    folder = writable_folder(folder)
    self._path = folder / "eval.csv"
    # Name of the data -> step -> result.
    self.evaluations: dict[str, dict[int, Evaluation]] = {
      name: {} for name in data_names
    }
    if self._path.exists():
      for row in _read_evaluations(self._path):
        if row["data"] not in self.evaluations:
          self._others.append(row)
          continue
        # Older files have no such column.
        top5 = row.get("top5_accuracy")
        self.evaluations[row["data"]][int(row["step"])] = Evaluation(
          float(row["accuracy"]),
          float(row["loss"]),
          int(row["num_examples"]),
          float(top5) if top5 else None,
        )
    # Last, since it makes a file.
    self._events = tf.summary.create_file_writer(str(folder))

  def missing(self, step: int) -> list[str]:
    """Names of the data that was not evaluated at `step`."""
    return [name for name, each in self.evaluations.items() if step not in each]

  def add(self, name: str, step: int, evaluation: Evaluation) -> None:
    """Adds one evaluation to the file and to the events."""
    self.evaluations[name][step] = evaluation
    with replacing(self._path) as partial, partial.open("w") as file:
      writer = csv.DictWriter(
        file, _COLUMNS, lineterminator="\n", extrasaction="ignore"
      )
      writer.writeheader()
      writer.writerows(self._others)
      for data, evaluations in self.evaluations.items():
        writer.writerows(
          _row(data, known, each) for known, each in sorted(evaluations.items())
        )
    # A single set keeps the original's names.
    prefix = f"{name}/" if len(self.evaluations) > 1 else ""
    with self._events.as_default(step):
      tf.summary.scalar(f"{prefix}accuracy", evaluation.accuracy)
      tf.summary.scalar(f"{prefix}total_loss", evaluation.loss)
      if evaluation.top5_accuracy is not None:
        tf.summary.scalar(f"{prefix}top5_accuracy", evaluation.top5_accuracy)
    self._events.flush()

  def readable(self, name: str, step: int | None = None) -> str:
    """One line: the data, its accuracy at a step, the best and the last.

    Args:
      name: name of the data.
      step: None takes the last.
    """
    evaluations = self.evaluations[name]
    step = max(evaluations) if step is None else step
    parts = [*([name] if name else []), f"step {step}"]
    for title, attribute in (
      ("accuracy", "accuracy"),
      ("top-5", "top5_accuracy"),
    ):
      values = {
        at: getattr(each, attribute)
        for at, each in evaluations.items()
        if getattr(each, attribute) is not None
      }
      if step not in values:
        continue
      best, last = max(values, key=values.__getitem__), max(values)
      parts += [
        f"{title} {values[step]:.4f}",
        f"best {values[best]:.4f} (step {best})",
        f"last {values[last]:.4f} (step {last})",
      ]
    return "  ".join(parts)


def _read_evaluations(path: Path) -> Iterator[dict[str, str]]:
  return read_rows(
    path,
    _COLUMNS[:-1],
    integers=("step", "num_examples"),
    texts=("data",),
    advice="correct or remove the line, or remove the file to evaluate anew",
  )


def _row(data: str, step: int, evaluation: Evaluation) -> dict[str, Any]:
  top5 = evaluation.top5_accuracy
  return {
    "data": data,
    "step": step,
    "accuracy": f"{evaluation.accuracy:.6f}",
    "loss": f"{evaluation.loss:.6f}",
    "num_examples": evaluation.num_examples,
    "top5_accuracy": "" if top5 is None else f"{top5:.6f}",
  }


def dump_losses(
  run: TrainedRun,
  data: Data,
  batch_size: int,
  path: str | os.PathLike,
  epoch: int | None = None,
  print_line: Callable[[str], Any] = print,
) -> None:
  """Writes the losses of all examples as a loss dump.

  Args:
    run: the training folder; its newest checkpoint is used.
    data: the examples.
    batch_size: images per batch.
    path: the text file, as `mentor_training.loss_dump` reads it.
    epoch: the percentage of training to write; None takes the checkpoint's.
    print_line: takes one line when the dump is written.
  """
  path = writable_file(path)
  step = run.load_newest()
  if epoch is None:
    # The original's folders do not say how long the training was to be.
    epoch = training_percent(step, run.total_steps or max(step, 1))
  examples = _evaluator(run, data, batch_size).per_example()
  write_losses(path, epoch, examples)
  print_line(
    f"{path}: {len(examples['id'])} losses at step {step} ({epoch} % of "
    "training)"
  )
