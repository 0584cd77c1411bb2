"""The model of a run: how it is built, what a checkpoint holds of it."""

from pathlib import Path

import keras

from mentornet_tf.datasets.reading.dataset import TrainingData
from mentornet_tf.datasets.records.schema import InMemoryDataset
from mentornet_tf.errors import UserError
from mentornet_tf.runs.checkpointing import latest_checkpoint
from mentornet_tf.students.registry import build_student
from mentornet_tf.training import recipes
from mentornet_tf.training.ema import (
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
    weigh_by_average=settings.judge_by_average,
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
