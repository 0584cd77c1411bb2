"""The model of a run: how it is built, what a checkpoint holds of it."""

from collections.abc import Callable, Iterable
from pathlib import Path

import keras

from mentornet_tf.datasets.reading.dataset import TrainingData
from mentornet_tf.datasets.records.schema import InMemoryDataset
from mentornet_tf.errors import UserError
from mentornet_tf.runs.checkpointing import Groups, latest_checkpoint
from mentornet_tf.students.registry import build_student
from mentornet_tf.training import loop, recipes
from mentornet_tf.training.ema import (
  averages_by_weight,
  check_keeps_average,
)
from mentornet_tf.training.image_settings import student_options
from mentornet_tf.training.mentored_model import MentoredModel


def build_model(
  settings: recipes.TrainingSettings,
  train_data: InMemoryDataset | TrainingData,
  run_folder: Path | None = None,
) -> MentoredModel:
  """The compiled model, all variables made, the same for the same settings."""
  if settings.batch_size > len(train_data):
    raise UserError(
      f"batch_size: expected at most the {len(train_data)} training images, "
      f"got {settings.batch_size}"
    )
  keras.utils.set_random_seed(settings.seed)
  with recipes.dtype_policy(settings.mixed_precision):
    student = build_student(
      settings.studentnet,
      train_data.num_classes,
      **student_options(
        settings.image_size, _start_weights(settings, run_folder)
      ),
    )
  mixing = recipes.build_mixing(settings)
  curriculum = recipes.build_curriculum(settings, run_folder)
  model = MentoredModel(
    student,
    curriculum,
    settings.max_number_of_steps,
    mixing=mixing,
    judge_by_average=settings.judge_by_average,
  )
  optimizer = recipes.build_optimizer(settings, len(train_data))
  optimizer.build(student.trainable_variables)
  if settings.judge_by_average:
    check_keeps_average(optimizer)
  model.compile(
    optimizer=optimizer,
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
  )
  return model


def _start_weights(
  settings: recipes.TrainingSettings, run_folder: Path | None
) -> str | None:
  """The file that a run starts from; one that was begun needs it no more."""
  if run_folder is not None and latest_checkpoint(run_folder):
    return None
  return settings.student_weights


def variable_groups(model: MentoredModel) -> Groups:
  """All that shapes a run's future, by the groups of its checkpoints."""
  averages = averages_by_weight(model.student, model.optimizer)
  groups = {
    "student": model.student.variables,
    "curriculum": model.curriculum.variables,
    "optimizer": _without(model.optimizer.variables, averages.values()),
    "progress": [model.used_examples],
  }
  if averages:
    groups["average"] = averages
  if model.mixing is not None:
    groups["mixing"] = model.mixing.variables
  if model.second_curriculum is not None:
    # A mentor is the same one as the first curriculum's.
    groups["second_curriculum"] = _without(
      model.second_curriculum.variables, model.curriculum.variables
    )
  return groups


def _without(variables: Iterable, others: Iterable) -> list:
  known = {id(variable) for variable in others}
  return [variable for variable in variables if id(variable) not in known]


def observed_step(
  model: MentoredModel, has_clean_labels: bool, with_examples: bool = False
) -> Callable[[loop.Batch], loop.Report]:
  """The training step with what it knows of each example beside its scalars.

  Reports "example/weight" [B] before example dropout, "example/is_clean" [B]
  where that is known, and on request "example/id", "example/label",
  "example/clean_label" and "example/loss" [B].
  """

  def step(batch: loop.Batch) -> loop.Report:
    is_clean = None
    if has_clean_labels:
      is_clean = batch["label"] == batch["clean_label"]
    report = model.mentored_step(
      batch["image"], batch["label"], is_clean=is_clean
    )
    report["example/weight"] = model.curriculum.last.weight_before_dropout
    if has_clean_labels:
      report["example/is_clean"] = is_clean
    if with_examples:
      report["example/loss"] = model.curriculum.last.loss
      for name in ("id", "label", "clean_label"):
        report[f"example/{name}"] = batch[name]
    return report

  return step
