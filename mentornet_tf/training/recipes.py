"""How each student is trained: settings, optimiser, schedule, augmentation."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras

from mentornet_tf.curricula.curriculum import Curriculum
from mentornet_tf.curricula.mentor_curriculum import MentorCurriculum
from mentornet_tf.curricula.mentors import load_mentor
from mentornet_tf.curricula.plain_curricula import UniformCurriculum
from mentornet_tf.curricula.registry import build_formula
from mentornet_tf.datasets.pipelines import (
  INCEPTION_AUGMENTATION,
  NO_AUGMENTATION,
  RESNET_AUGMENTATION,
  Augmentation,
)
from mentornet_tf.errors import UserError
from mentornet_tf.training import optimizers

# Where a run keeps the mentor that it started with.
MENTOR_FILE = "mentor.keras"


@dataclasses.dataclass(frozen=True)
class StudentRecipe:
  """What differs between students in training.

  Attributes:
    momentum: of the optimiser; 0 is plain gradient descent.
    augmentation: what is done to training images.
    piecewise_under_curriculum: whether a curriculum's run takes the published
      piecewise schedule; all others take the staircase.
    defaults: of its `TrainingSettings` where they are not the original's.
  """

  momentum: float
  augmentation: Augmentation
  piecewise_under_curriculum: bool = False
  defaults: Mapping[str, Any] = dataclasses.field(default_factory=dict)


RECIPES = {
  "inception": StudentRecipe(0.0, INCEPTION_AUGMENTATION),
  "resnet101": StudentRecipe(
    0.9, RESNET_AUGMENTATION, piecewise_under_curriculum=True
  ),
  # Our choice for 50 classes of WebVision; see docs/recipes/webvision.md.
  "inception_resnet_v2": StudentRecipe(
    0.9,
    NO_AUGMENTATION,  # its images are cut as image_settings says
    defaults={
      "image_size": 299,
      "batch_size": 64,
      "learning_rate": 0.05,
      "num_epochs_per_decay": 30.0,
      "max_number_of_steps": 93_000,
    },
  ),
}
# For resnet32 and for students of the user's own.
DEFAULT_RECIPE = StudentRecipe(0.9, RESNET_AUGMENTATION)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingSettings:
  """All that shapes the numbers of a training run; defaults as the original.

  Attributes:
    dataset_name: name in the shards' file names.
    studentnet: a name that `build_student` takes.
    curriculum: "none", "mentornet", "threshold", "oracle" or what
      `FormulaCurriculum` takes.
    trained_mentornet_dir: what `load_mentor` takes, with "mentornet" only.
    vstar_gamma: parameter of a formula; None takes its default.
    augment: whether training images are cropped and flipped.
    scale_boundaries: whether the piecewise schedule is scaled from the
      published 39,000 steps to `max_number_of_steps`.
    mixed_precision: a Keras dtype policy, "float32" or "mixed_bfloat16".
    image_size: side of the squares that images of any size are cut to, which
      are read as they are needed; None takes images of one size into memory.
    resize_shorter_side: what the shorter side is resized to before; None takes
      320/299 of `image_size`.
    train_crop: how training squares are cut, see `crops.Crop`; None is random.
    student_weights: a file whose weights the student starts from; None starts
      from random ones.
  """

  dataset_name: str = "cifar10"
  studentnet: str = "resnet101"
  curriculum: str = "none"
  trained_mentornet_dir: str | None = None
  vstar_gamma: float | None = None
  batch_size: int = 128
  max_number_of_steps: int = 39_000
  learning_rate: float = 0.1
  learning_rate_decay_factor: float = 0.1
  num_epochs_per_decay: float = 50.0
  loss_p_percentile: float = 0.7
  burn_in_epoch: int = 0
  fixed_epoch_after_burn_in: bool = False
  loss_moving_average_decay: float = 0.5
  example_dropout_rates: str = "0.5, 17, 0.05, 78, 1.0, 5"
  augment: bool = True
  scale_boundaries: bool = False
  mixed_precision: str = "float32"
  image_size: int | None = None
  resize_shorter_side: int | None = None
  train_crop: str | None = None
  student_weights: str | None = None
  log_interval_steps: int = 100
  seed: int = 0


def student_recipe(studentnet: str) -> StudentRecipe:
  """The recipe of a student, the default one where it has none."""
  return RECIPES.get(studentnet, DEFAULT_RECIPE)


def augmentation(settings: TrainingSettings) -> Augmentation:
  """What is done to training images: the recipe's, or only standardisation."""
  if settings.augment:
    return student_recipe(settings.studentnet).augmentation
  return NO_AUGMENTATION


def settings_of_run(folder: Path, run: Mapping[str, Any]) -> TrainingSettings:
  """The settings in the content of a folder's `run.json`.

  Raises:
    UserError: they are not the settings of a run of this version.
  """
  try:
    return TrainingSettings(**run["settings"])
  except TypeError as error:
    raise UserError(
      f"{folder / 'run.json'}: expected the settings of a training "
      f"run of this version, got something else ({error}); train again"
    ) from error


@contextlib.contextmanager
def dtype_policy(name: str) -> Iterator[None]:
  """Builds models under a Keras dtype policy, and puts the old one back."""
  before = keras.config.dtype_policy()
  keras.config.set_dtype_policy(name)
  try:
    yield
  finally:
    keras.config.set_dtype_policy(before)


def build_curriculum(
  settings: TrainingSettings, run_folder: Path | None = None
) -> Curriculum:
  """The curriculum that `settings` describe.

  Args:
    settings: of the run.
    run_folder: where the run keeps its mentor; one that is there is taken
      instead of the place it first came from.
  """
  if settings.curriculum == "none":
    return UniformCurriculum(
      loss_p_percentile=settings.loss_p_percentile, seed=settings.seed
    )
  options: dict[str, Any] = {
    name: getattr(settings, name)
    for name in (
      "loss_p_percentile",
      "burn_in_epoch",
      "fixed_epoch_after_burn_in",
      "loss_moving_average_decay",
      "example_dropout_rates",
      "seed",
    )
  }
  if settings.curriculum == "mentornet":
    kept = run_folder and run_folder / MENTOR_FILE
    source = kept if kept and kept.exists() else settings.trained_mentornet_dir
    return MentorCurriculum(load_mentor(source), **options)
  return build_formula(settings.curriculum, settings.vstar_gamma, **options)


def build_optimizer(
  settings: TrainingSettings, num_examples: int
) -> keras.optimizers.Optimizer:
  """The original's optimiser and schedule for student and curriculum."""
  recipe = student_recipe(settings.studentnet)
  if recipe.piecewise_under_curriculum and settings.curriculum != "none":
    schedule = optimizers.piecewise_schedule(
      settings.learning_rate,
      settings.max_number_of_steps if settings.scale_boundaries else None,
    )
  else:
    schedule = optimizers.staircase_schedule(
      settings.learning_rate,
      num_examples=num_examples,
      batch_size=settings.batch_size,
      num_epochs_per_decay=settings.num_epochs_per_decay,
      decay_factor=settings.learning_rate_decay_factor,
    )
  if recipe.momentum:
    return optimizers.Momentum(schedule, recipe.momentum)
  return keras.optimizers.SGD(schedule)
