"""What a run trains with, built as its settings say."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from mentornet_tf.curricula.curriculum import Curriculum
from mentornet_tf.curricula.dropout_rates import NUM_EPOCHS
from mentornet_tf.curricula.memory_curriculum import MemoryCurriculum
from mentornet_tf.curricula.memory_decay import DECAY
from mentornet_tf.curricula.mentormix import MentorMix
from mentornet_tf.curricula.mentors import MENTOR_FILE, load_mentor
from mentornet_tf.curricula.plain_curricula import UniformCurriculum
from mentornet_tf.curricula.refined_labels import RefinedLabels
from mentornet_tf.curricula.registry import (
  build_formula,
  build_mentor_curriculum,
)
from mentornet_tf.errors import UserError
from mentornet_tf.internal.dtype_policy import dtype_policy
from mentornet_tf.settings import (
  FROM_SCRATCH,
  TrainingSettings,
  parse_update_times,
)
from mentornet_tf.students.registry import build_student
from mentornet_tf.training import optimizers
from mentornet_tf.training.ema import (
  check_keeps_average,
)
from mentornet_tf.training.joint.schedule import UPDATE_RECIPE, UpdateSchedule
from mentornet_tf.training.memory.training_memory import (
  MOST_VALUES,
  TrainingMemory,
  num_values,
)
from mentornet_tf.training.mentored_model import MentoredModel

if TYPE_CHECKING:  # they need TensorFlow, which `fit` may run without
  from mentornet_tf.datasets.reading.dataset import TrainingData
  from mentornet_tf.datasets.records.schema import InMemoryDataset


def build_model(
  settings: TrainingSettings,
  train_data: "InMemoryDataset | TrainingData",
  run_folder: Path | None = None,
) -> MentoredModel:
  """The compiled model, all variables made, the same for the same settings.

  Args:
    settings: of the run.
    train_data: tells the number of classes, and of steps per pass.
    run_folder: of the run; see `build_curriculum`. The student starts from
      `student_weights` only where it holds no checkpoint.

  Raises:
    UserError: the settings do not go together, or not with the data.
  """
  batch_size = settings.data.batch_size
  if batch_size > len(train_data):
    raise UserError(
      f"batch_size: expected at most the {len(train_data)} training images, "
      f"got {batch_size}; choose a smaller one"
    )
  keras.utils.set_random_seed(settings.run.seed)
  options = settings.student_options
  weights_path = settings.student.student_weights
  if weights_path and not _has_checkpoint(run_folder):
    options["weights_path"] = weights_path
  with dtype_policy(settings.student.mixed_precision):
    student = build_student(
      settings.student.studentnet, train_data.num_classes, **options
    )
  weigh_by_average = settings.joint.weigh_by_average
  curriculum = build_curriculum(settings, run_folder)
  model = MentoredModel(
    student,
    curriculum,
    settings.run.max_number_of_steps,
    memory=build_memory(curriculum, train_data),
    mixing=build_mixing(settings),
    refining=build_refining(settings),
    weigh_by_average=weigh_by_average,
  )
  optimizer = build_optimizer(settings, len(train_data))
  if weigh_by_average:
    check_keeps_average(optimizer)
  model.compile(
    optimizer=optimizer,
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
  )
  # Which under mixed_float16 is one that scales the loss, around the first.
  model.optimizer.build(student.trainable_variables)
  return model


def _has_checkpoint(run_folder: Path | None) -> bool:
  if run_folder is None:  # as in `fit`, which may run without TensorFlow
    return False
  from mentornet_tf.runs.checkpointing import latest_checkpoint

  return latest_checkpoint(run_folder) is not None


def build_curriculum(
  settings: TrainingSettings, run_folder: Path | None = None
) -> Curriculum:
  """The curriculum that `settings` describe.

  Args:
    settings: of the run.
    run_folder: where the run keeps its mentor; one that is there is taken
      instead of the place it first came from.
  """
  curriculum, seed = settings.curriculum, settings.run.seed
  if curriculum.curriculum == "none":
    return UniformCurriculum(
      loss_p_percentile=curriculum.loss_p_percentile, seed=seed
    )
  options: dict[str, Any] = {
    "loss_p_percentile": curriculum.loss_p_percentile,
    "burn_in_epoch": curriculum.burn_in_epoch,
    "fixed_epoch_after_burn_in": curriculum.fixed_epoch_after_burn_in,
    "loss_moving_average_decay": curriculum.loss_moving_average_decay,
    "example_dropout_rates": curriculum.example_dropout_rates,
    "seed": seed,
  }
  if settings.weighing != "mentornet":
    return build_formula(settings.weighing, curriculum.vstar_gamma, **options)
  source = curriculum.trained_mentornet_dir
  if source == FROM_SCRATCH:
    options["burn_in_epoch"] = max(
      curriculum.burn_in_epoch, _first_update_percent(settings) + 1
    )
  kept = run_folder and run_folder / MENTOR_FILE
  if kept and kept.exists():
    mentor = load_mentor(kept)
  elif source == FROM_SCRATCH:
    # Training a mentor needs TensorFlow; the other curricula do not.
    from mentornet_tf.mentor_training.mentor_trainer import build_mentor

    mentor = build_mentor("mentornet", UPDATE_RECIPE, seed=seed)
  elif source is None:
    raise UserError(
      "trained_mentornet_dir: expected a mentor to weigh examples by, got "
      "none; give one, such as mentornet_pd"
    )
  else:
    mentor = load_mentor(source)
  return build_mentor_curriculum(mentor, **options)


def build_memory(
  curriculum: Curriculum, train_data: "InMemoryDataset | TrainingData"
) -> TrainingMemory | None:
  """The memory that the curriculum's mentor sees; None where it sees none."""
  if not isinstance(curriculum, MemoryCurriculum):
    return None
  num_examples, num_classes = len(train_data), train_data.num_classes
  if num_values(num_examples, num_classes) > MOST_VALUES:
    raise UserError(
      "trained_mentornet_dir: expected a mentor of losses alone, such as "
      f"mentornet_pd, for {num_examples} images of {num_classes} classes, got "
      "one that sees what training remembers, which is more than "
      f"{MOST_VALUES} numbers here; choose another mentor"
    )
  decay = curriculum.memory_decay
  return TrainingMemory(
    num_examples, num_classes, DECAY if decay is None else decay
  )


def _first_update_percent(settings: TrainingSettings) -> int:
  """The first percentage that begins when a fresh mentor has been trained."""
  schedule = build_updates(settings)
  assert schedule is not None  # as the settings of such a mentor demand
  total_steps = settings.run.max_number_of_steps
  # Rounded up.
  percent = -(-NUM_EPOCHS * schedule.steps(total_steps)[0] // total_steps)
  if percent >= NUM_EPOCHS:
    raise UserError(
      f"update_mentor_at: expected the first update of {FROM_SCRATCH!r} within "
      f"the first {NUM_EPOCHS - 1} % of training, got it at "
      f"{100 * schedule.at[0]:g} %; put it earlier"
    )
  return percent


def build_updates(settings: TrainingSettings) -> UpdateSchedule | None:
  """When the mentor is updated during training; None for never."""
  joint = settings.joint
  if not joint.update_mentor_at:
    return None
  return UpdateSchedule(
    parse_update_times(joint.update_mentor_at),
    decision_threshold=joint.update_decision_threshold,
    seed=settings.run.seed,
  )


def build_mixing(settings: TrainingSettings) -> MentorMix | None:
  """How examples are mixed; None where they are not."""
  if settings.curriculum.curriculum != "mentormix":
    return None
  mixing = settings.mentormix
  return MentorMix(
    mixing.mixup_alpha, mixing.second_reweight, settings.run.seed
  )


def build_refining(settings: TrainingSettings) -> RefinedLabels | None:
  """How labels are refined; None where they are not."""
  refining = settings.refining
  if not refining.refine_labels:
    return None
  return RefinedLabels(refining.refine_temperature, refining.refine_balance)


def build_optimizer(
  settings: TrainingSettings, num_examples: int
) -> keras.optimizers.Optimizer:
  """The original's optimizer and schedule for student and curriculum."""
  recipe, rates = settings.recipe, settings.optimizer
  staircase_only = settings.curriculum.curriculum in ("none", "mentormix")
  if recipe.piecewise_under_curriculum and not staircase_only:
    schedule = optimizers.piecewise_schedule(
      rates.learning_rate,
      settings.run.max_number_of_steps if rates.scale_boundaries else None,
    )
  else:
    schedule = optimizers.staircase_schedule(
      rates.learning_rate,
      num_examples=num_examples,
      batch_size=settings.data.batch_size,
      num_epochs_per_decay=rates.num_epochs_per_decay,
      decay_factor=rates.learning_rate_decay_factor,
    )
  average: dict[str, Any] = {}
  if rates.ema_decay:
    average = {"use_ema": True, "ema_momentum": rates.ema_decay}
  if recipe.momentum:
    return optimizers.Momentum(schedule, recipe.momentum, **average)
  return keras.optimizers.SGD(schedule, **average)
