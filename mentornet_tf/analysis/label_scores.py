"""How suspect each label is, by the last checkpoints of a training run."""

import dataclasses
import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops
from rich.console import Console
from sklearn.metrics import average_precision_score, roc_auc_score

from mentornet_tf.curricula.training_percent import training_percent
from mentornet_tf.datasets.reading.dataset import (
  EvaluationBatches,
  TrainingData,
  as_training_data,
)
from mentornet_tf.datasets.records.schema import InMemoryDataset
from mentornet_tf.errors import UserError
from mentornet_tf.evaluation.evaluation_sets import check_cut_alike
from mentornet_tf.evaluation.evaluator import Evaluator
from mentornet_tf.runs import checkpointing
from mentornet_tf.runs.run_folder import read_run, settings_of_run
from mentornet_tf.runs.trained_run import open_run
from mentornet_tf.settings import TrainingSettings
from mentornet_tf.training.builders import build_curriculum
from mentornet_tf.training.progress import ShownBatches

# By mean loss is the default: its ROC AUC was the higher one wherever both
# were measured (docs/suspect_labels.md).
RANKINGS = ("loss", "weight")


@dataclasses.dataclass(frozen=True)
class SuspectLabels:
  """What a run's last checkpoints say of N labels, in the data's order.

  All means are over the checkpoints.

  Attributes:
    ids: [N] int64, stable positions of the images in their source.
    labels: [N] int64, the given labels.
    clean_labels: [N] int64, -1 where unknown.
    pred_probs: [N, num_classes] float64, mean probabilities; rows sum to 1.
    mean_loss: [N] float64, mean losses of the given labels, in nats.
    mean_weight: [N] float64, mean weights of the run's curriculum in 0..1,
      before example dropout; 1 throughout for the baseline.
    steps: the checkpoints' steps, oldest first.
    rank_by: "loss" or "weight", what the score is.
  """

  ids: np.ndarray
  labels: np.ndarray
  clean_labels: np.ndarray
  pred_probs: np.ndarray
  mean_loss: np.ndarray
  mean_weight: np.ndarray
  steps: tuple[int, ...]
  rank_by: str = "loss"

  @property
  def score(self) -> np.ndarray:
    """[N] float64, higher is more suspect: mean loss, or 1 − mean weight.

    Weights count to two decimals: a mentor learns its curriculum no closer, and
    what follows would order the many weights near 0 and 1 by its errors.
    """
    if self.rank_by == "loss":
      return self.mean_loss
    return 1 - np.round(self.mean_weight, 2)

  @property
  def predicted_labels(self) -> np.ndarray:
    """[N] int64, the most probable classes."""
    return self.pred_probs.argmax(axis=1)

  @functools.cached_property
  def order(self) -> np.ndarray:
    """[N] positions, most suspect first: by score, then by mean loss.

    Most weights are 0 or 1, and all are 1 without a curriculum: there the mean
    loss decides.
    """
    return np.lexsort((self.ids, -self.mean_loss, -self.score))

  def quality(self) -> dict[str, Any] | None:
    """How well wrong labels are found, where true ones are known.

    Returns:
      None where no true label is known, else "num_known", "num_wrong",
      "suggestion_accuracy" (share of the wrong labels whose predicted class is
      the true one) and, under "by_weight" and "by_loss" for either ranking,
      "roc_auc", "average_precision" and "precision_at_num_wrong". Shares are
      None where labels of one kind are missing.
    """
    known = self.clean_labels >= 0
    if not known.any():
      return None
    wrong = (self.labels != self.clean_labels)[known]
    right_suggestion = (self.predicted_labels == self.clean_labels)[known]
    return {
      "num_known": int(known.sum()),
      "num_wrong": int(wrong.sum()),
      "suggestion_accuracy": (
        float(right_suggestion[wrong].mean()) if wrong.any() else None
      ),
      **{
        f"by_{rank_by}": detection_quality(
          dataclasses.replace(self, rank_by=rank_by)._suspicion()[known], wrong
        )
        for rank_by in RANKINGS
      },
    }

  def _suspicion(self) -> np.ndarray:
    """[N] float64 that falls from the first to the last of the ranking."""
    suspicion = np.empty(len(self.ids))
    suspicion[self.order] = np.arange(len(self.ids))[::-1]
    return suspicion


def detection_quality(
  suspicion: np.ndarray, wrong: np.ndarray
) -> dict[str, float | None]:
  """ROC AUC, average precision and precision at the number of wrong labels.

  Args:
    suspicion: [N], higher is more suspect.
    wrong: [N] bool, whether the label is wrong.

  Returns:
    Each in 0..1; None where all labels are right or all are wrong.
  """
  num_wrong = np.count_nonzero(wrong)
  if not 0 < num_wrong < len(wrong):
    return dict.fromkeys(
      ("roc_auc", "average_precision", "precision_at_num_wrong")
    )
  most_suspect = np.argsort(-suspicion, kind="stable")[:num_wrong]
  return {
    "roc_auc": float(roc_auc_score(wrong, suspicion)),
    "average_precision": float(average_precision_score(wrong, suspicion)),
    "precision_at_num_wrong": float(wrong[most_suspect].mean()),
  }


def suspect_labels(
  train_log_dir: str | os.PathLike,
  data: InMemoryDataset | TrainingData,
  *,
  checkpoints: int | None = None,
  rank_by: str = "loss",
  batch_size: int | None = None,
  print_line: Callable[[str], Any] = print,
) -> SuspectLabels:
  """Weighs the labels of a data set by a training run.

  Every checkpoint gives each example a loss and a class, and its curriculum a
  weight for that loss: against the checkpoint's own moving average, at its own
  percentage of training and before example dropout.

  Args:
    train_log_dir: the training folder.
    data: the images and labels; those the run trained on or others of the same
      classes.
    checkpoints: how many of the last checkpoints to use; None takes all that
      the folder keeps.
    rank_by: "loss" ranks by mean loss; "weight" by 1 − mean weight, ties by
      mean loss.
    batch_size: images in a batch; None takes the run's for streamed images and
      500 for those in memory.
    print_line: takes a line for each checkpoint.

  Raises:
    UserError: the folder holds no run or no checkpoint, or one that does not
      fit; the data have other classes, are not prepared as the run's were or
      hold a damaged record; an argument is out of range.
  """
  if rank_by not in RANKINGS:
    raise UserError(
      f"rank_by: expected {' or '.join(RANKINGS)}, got {rank_by!r}; choose one"
    )
  for name, value in (("checkpoints", checkpoints), ("batch_size", batch_size)):
    if value is not None and value < 1:
      raise UserError(
        f"{name}: expected at least 1, got {value}; choose a larger number"
      )
  settings = run_settings(train_log_dir)
  data = as_training_data(data)
  check_cut_alike(
    data.name, data.crop, settings.images.crop, str(train_log_dir)
  )
  prefixes = _last_checkpoints(train_log_dir, checkpoints)
  run = open_run(train_log_dir, num_classes=data.num_classes)
  curriculum = build_curriculum(settings, Path(train_log_dir))
  batches = EvaluationBatches(
    data, batch_size or settings.evaluation_batch_size
  )
  evaluator = Evaluator(
    run.student, ShownBatches(batches, f"ranking {data.name}", Console())
  )
  steps, losses, weights = [], 0.0, 0.0
  probabilities, damage = 0.0, None
  for prefix in prefixes:
    try:
      step = run.load(prefix)
      checkpointing.restore(prefix, {"curriculum": curriculum.variables})
    except checkpointing.DamagedCheckpointError as error:
      damage = error
      print_line(f"warning: left out {error}")
      continue
    examples = evaluator.per_example(with_probabilities=True)
    weight = ops.convert_to_numpy(
      curriculum.weights_without_update(
        examples["loss"],
        training_percent(step, settings.run.max_number_of_steps),
        _is_clean(examples),
      )
    )
    losses += examples["loss"].astype(np.float64)
    weights += weight.astype(np.float64)
    probabilities += examples["probabilities"].astype(np.float64)
    steps.append(step)
    print_line(
      f"step {step}  loss {examples['loss'].mean(dtype=float):.4f}  "
      f"weight {weight.mean(dtype=float):.4f}  "
      f"predicted as labelled {examples['hit'].mean():.4f}"
    )
  if not steps:
    raise damage
  return SuspectLabels(
    ids=examples["id"],
    labels=examples["label"],
    clean_labels=examples["clean_label"],
    pred_probs=probabilities / probabilities.sum(axis=1, keepdims=True),
    mean_loss=losses / len(steps),
    mean_weight=weights / len(steps),
    steps=tuple(steps),
    rank_by=rank_by,
  )


def _is_clean(examples: dict[str, np.ndarray]) -> np.ndarray | None:
  """[N] bool, whether each label is right; None unless all are known."""
  clean = examples["clean_label"]
  return examples["label"] == clean if (clean >= 0).all() else None


def run_settings(train_log_dir: str | os.PathLike) -> TrainingSettings:
  """The settings that a training folder's `run.json` holds.

  Raises:
    UserError: there is no such file, or it holds something else.
  """
  folder = Path(train_log_dir)
  if not folder.is_dir():
    raise UserError(
      f"{folder}: expected a training folder, got no such folder; give the "
      "folder passed as --train_log_dir"
    )
  run = read_run(folder)
  if run is None:
    raise UserError(
      f"{folder}: expected a training folder with run.json, got none; give the "
      "folder passed as --train_log_dir to bin/train_student.py"
    )
  return settings_of_run(folder, run)


def _last_checkpoints(
  train_log_dir: str | os.PathLike, count: int | None
) -> list[str]:
  prefixes = checkpointing.kept_checkpoints(train_log_dir)
  if not prefixes:
    raise UserError(
      f"{train_log_dir}: expected a training folder with a checkpoint, got "
      "none; train first, or give another folder"
    )
  if count is not None and count > len(prefixes):
    raise UserError(
      f"checkpoints: expected at most {len(prefixes)}, which {train_log_dir} "
      f"holds, got {count}; give fewer, or train with --save_interval_steps to "
      "keep more"
    )
  return prefixes if count is None else prefixes[-count:]
