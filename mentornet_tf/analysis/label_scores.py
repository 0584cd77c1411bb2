"""How suspect every label is, by the last checkpoints of a training run."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops
from rich.console import Console

from mentornet_tf.analysis.suspects import RANKINGS, SuspectLabels
from mentornet_tf.curricula.training_percent import training_percent
from mentornet_tf.datasets.labels import clean_labels
from mentornet_tf.datasets.reading.dataset import (
  EvaluationBatches,
  TrainingData,
  as_training_data,
)
from mentornet_tf.datasets.records.schema import InMemoryDataset
from mentornet_tf.errors import UserError
from mentornet_tf.evaluation.evaluation_sets import check_cut_alike
from mentornet_tf.evaluation.evaluator import Evaluator
from mentornet_tf.internal.choices import check_choice
from mentornet_tf.runs import checkpointing
from mentornet_tf.runs.best_checkpoint import checkpoint_prefix
from mentornet_tf.runs.run_folder import require_run, settings_of_run
from mentornet_tf.runs.trained_run import open_run
from mentornet_tf.settings import TrainingSettings
from mentornet_tf.training.builders import build_curriculum
from mentornet_tf.training.memory.memory_files import memory_files
from mentornet_tf.training.progress import ShownBatches


def suspect_labels(
  train_log_dir: str | os.PathLike,
  data: InMemoryDataset | TrainingData,
  *,
  checkpoints: int | None = None,
  checkpoint: str | int | None = None,
  rank_by: str = "loss",
  batch_size: int | None = None,
  print_line: Callable[[str], Any] = print,
) -> SuspectLabels:
  """Scores the labels of a dataset by a training run.

  Every checkpoint gives every example a loss and a predicted class, and its
  curriculum gives the loss a weight: relative to the checkpoint's own moving
  average, at its own percentage of training and before example dropout.

  Args:
    train_log_dir: the training folder.
    data: the images and labels, those of the run or others of the same classes.
    checkpoints: how many of the last checkpoints to use; None uses all that the
      folder keeps.
    checkpoint: a single one instead: "best", "last" or a step.
    rank_by: "loss" ranks by mean loss; "weight" by 1 − mean weight and
      "self_confidence" by 1 − mean probability, with ties broken by mean loss.
    batch_size: images per batch; None takes the run's for streamed images and
      500 for those in memory.
    print_line: takes a line per checkpoint.

  Raises:
    UserError: the folder holds no run, no checkpoint, or one that does not fit;
      the data has other classes, is not prepared as the run's was or holds a
      damaged record; an argument is out of range.
  """
  check_choice("rank_by", rank_by, RANKINGS)
  for name, value in (("checkpoints", checkpoints), ("batch_size", batch_size)):
    if value is not None and value < 1:
      raise UserError(
        f"{name}: expected at least 1, got {value}; choose a larger number"
      )
  if checkpoint is not None and checkpoints is not None:
    raise UserError(
      f"checkpoint, checkpoints: expected one of them, got {checkpoint} and "
      f"{checkpoints}; leave one out"
    )
  settings = run_settings(train_log_dir)
  data = as_training_data(data)
  check_cut_alike(
    data.name, data.crop, settings.images.crop, str(train_log_dir)
  )
  if checkpoint is None:
    prefixes = _last_checkpoints(train_log_dir, checkpoints, print_line)
  else:
    prefixes = [checkpoint_prefix(train_log_dir, checkpoint, print_line)]
  run = open_run(
    train_log_dir,
    num_classes=data.num_classes,
    class_names=data.class_names,
  )
  curriculum = build_curriculum(settings, Path(train_log_dir))
  weighing = not curriculum.uses_memory
  if not weighing:
    _check_needs_no_weights(train_log_dir, rank_by)
    print_line(
      "note: the mentor of this run sees what training remembers, so "
      "checkpoints do not tell its weights; all of them are 1 here"
    )
  batches = EvaluationBatches(
    data, batch_size or settings.evaluation_batch_size
  )
  evaluator = Evaluator(
    run.student, ShownBatches(batches, f"ranking {data.name}", Console())
  )
  steps: list[int] = []
  losses, weights = np.zeros(len(data)), np.zeros(len(data))
  probabilities = np.zeros((len(data), data.num_classes))
  damage: checkpointing.DamagedCheckpointError | None = None
  for prefix in prefixes:
    try:
      step = run.load(prefix)
      checkpointing.restore(prefix, {"curriculum": curriculum.variables})
    except checkpointing.DamagedCheckpointError as error:
      damage = error
      print_line(f"warning: skipped: {error}")
      continue
    examples = evaluator.per_example(with_probabilities=True)
    weight = np.ones(len(data), np.float32)
    if weighing:
      percent = training_percent(step, settings.run.max_number_of_steps)
      weight = ops.convert_to_numpy(
        curriculum.weights_without_update(
          examples["loss"], percent, _is_clean(examples)
        )
      )
    losses += examples["loss"].astype(np.float64)
    weights += weight.astype(np.float64)
    probabilities += examples["probabilities"].astype(np.float64)
    steps.append(step)
    print_line(
      f"step {step}  loss {examples['loss'].mean(dtype=float):.4f}  "
      f"weight {weight.mean(dtype=float):.4f}  "
      f"predicted as labeled {examples['hit'].mean():.4f}"
    )
  if damage and not steps:
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
    paths=data.paths(),
    class_names=tuple(data.class_names),
    source="checkpoints",
  )


def _check_needs_no_weights(
  train_log_dir: str | os.PathLike, rank_by: str
) -> None:
  """Refuses a ranking by weights that checkpoints do not tell."""
  if rank_by != "weight":
    return
  others = " or ".join(name for name in RANKINGS if name != "weight")
  folder = Path(train_log_dir)
  by_memory = ", or with `source=memory`" if memory_files(folder) else ""
  raise UserError(
    f"rank_by: expected {others} for the checkpoints of {train_log_dir}, whose "
    "mentor sees what training remembers, got weight; rank by one of "
    f"them{by_memory}"
  )


def _is_clean(examples: dict[str, np.ndarray]) -> np.ndarray | None:
  """[N] bool, whether each label is clean; None unless that is known of all."""
  clean = examples["clean_label"]
  all_checked = clean_labels.is_checked(clean).all()
  return examples["label"] == clean if all_checked else None


def run_settings(train_log_dir: str | os.PathLike) -> TrainingSettings:
  """The settings that a training folder's `run.json` holds.

  Raises:
    UserError: there is no such file, or it holds something else.
  """
  return settings_of_run(Path(train_log_dir), require_run(train_log_dir))


def _last_checkpoints(
  train_log_dir: str | os.PathLike,
  count: int | None,
  print_line: Callable[[str], Any],
) -> list[str]:
  prefixes = checkpointing.kept_checkpoints(train_log_dir, print_line)
  if not prefixes:
    raise UserError(
      f"{train_log_dir}: expected a training folder with a checkpoint, got "
      "none; train first, or choose another folder"
    )
  if count is not None and count > len(prefixes):
    raise UserError(
      f"checkpoints: expected at most {len(prefixes)}, which {train_log_dir} "
      f"holds, got {count}; use fewer, or train with `save_interval_steps` to "
      "keep more"
    )
  return prefixes if count is None else prefixes[-count:]
