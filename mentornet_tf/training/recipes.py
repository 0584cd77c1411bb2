"""How each student is trained: settings, optimiser, schedule, augmentation."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras

from mentornet_tf.curricula.curriculum import Curriculum
from mentornet_tf.curricula.dropout_rates import NUM_EPOCHS
from mentornet_tf.curricula.mentor_curriculum import MentorCurriculum
from mentornet_tf.curricula.mentormix import MentorMix
from mentornet_tf.curricula.mentors import MENTOR_FILE, load_mentor
from mentornet_tf.curricula.plain_curricula import UniformCurriculum
from mentornet_tf.curricula.registry import build_formula
from mentornet_tf.datasets.reading.preparation import (
  INCEPTION_AUGMENTATION,
  NO_AUGMENTATION,
  RESNET_AUGMENTATION,
  Augmentation,
)
from mentornet_tf.errors import UserError
from mentornet_tf.mentor_training.learner import build_mentor
from mentornet_tf.training import optimizers
from mentornet_tf.training.joint.update import (
  UPDATE_RECIPE,
  MentorUpdates,
  parse_update_times,
)

# In place of a mentor's name: a fresh one, which the run itself teaches.
FROM_SCRATCH = "scratch"


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
    curriculum: "none", "mentornet", "mentormix", "threshold", "oracle" or what
      `FormulaCurriculum` takes.
    trained_mentornet_dir: what `load_mentor` takes, where a mentor weighs.
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
    mentormix_weights: what weighs the examples that MentorMix mixes: a value of
      `curriculum` other than "none" and "mentormix".
    mixup_alpha: parameter of MentorMix' Beta distribution.
    second_reweight: whether MentorMix weighs the mixed examples, too.
    ema_decay: decay of the moving average of the student's weights with which
      it is evaluated; 0 keeps none.
    update_mentor_at: fractions of training at which the mentor learns from the
      student, as "0.21,0.75"; empty for never.
    clean_fraction: share of the training images whose true labels the mentor's
      updates may use, where no other images are given for that.
    update_decision_threshold: the `decision_threshold` of `MentorUpdates`; 0
      makes no decisions, which the programs' default, 0.7, does.
    judge_by_average: see `MentoredModel`.
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
  mentormix_weights: str = "mentornet"
  mixup_alpha: float = 8.0
  second_reweight: bool = True
  ema_decay: float = 0.0
  update_mentor_at: str = ""
  clean_fraction: float = 0.0
  update_decision_threshold: float = 0.0
  judge_by_average: bool = False

  @property
  def weighing(self) -> str:
    """What weighs the examples: `curriculum`, or that which MentorMix uses."""
    if self.curriculum == "mentormix":
      return self.mentormix_weights
    return self.curriculum


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
  if settings.weighing == "mentornet":
    if settings.trained_mentornet_dir == FROM_SCRATCH:
      options["burn_in_epoch"] = max(
        options["burn_in_epoch"], _first_update_epoch(settings) + 1
      )
    return MentorCurriculum(_load_mentor(settings, run_folder), **options)
  return build_formula(settings.weighing, settings.vstar_gamma, **options)


def _load_mentor(
  settings: TrainingSettings, run_folder: Path | None
) -> keras.Model:
  kept = run_folder and run_folder / MENTOR_FILE
  if kept and kept.exists():
    return load_mentor(kept)
  if settings.trained_mentornet_dir == FROM_SCRATCH:
    return build_mentor("mentornet", UPDATE_RECIPE, seed=settings.seed)
  return load_mentor(settings.trained_mentornet_dir)


def build_updates(settings: TrainingSettings) -> MentorUpdates | None:
  """When the mentor is updated during training; None for never.

  Raises:
    UserError: times that are no fractions of training.
  """
  if not settings.update_mentor_at:
    return None
  times = parse_update_times(settings.update_mentor_at)
  return MentorUpdates(
    times,
    decision_threshold=settings.update_decision_threshold,
    seed=settings.seed,
  )


def _first_update_epoch(settings: TrainingSettings) -> int:
  """The first percentage that begins when a fresh mentor has learned."""
  updates = build_updates(settings)
  if updates is None:
    raise UserError(
      f"trained_mentornet_dir: expected {FROM_SCRATCH!r}, a mentor that knows "
      "nothing yet, together with --update_mentor_at, got it alone; give both, "
      "or a mentor that has learned"
    )
  total_steps = settings.max_number_of_steps
  # Rounded up.
  epoch = -(-NUM_EPOCHS * updates.steps(total_steps)[0] // total_steps)
  if epoch >= NUM_EPOCHS:
    raise UserError(
      f"update_mentor_at: expected the first update of {FROM_SCRATCH!r} within "
      f"the first {NUM_EPOCHS - 1} % of training, got it at "
      f"{100 * updates.at[0]:g} %; put it earlier"
    )
  return epoch


def build_mixing(settings: TrainingSettings) -> MentorMix | None:
  """How examples are mixed; None where they are not.

  Raises:
    UserError: nothing weighs the examples, or alpha is out of range.
  """
  if settings.curriculum != "mentormix":
    return None
  if settings.mentormix_weights in ("none", "mentormix"):
    raise UserError(
      "mentormix_weights: expected what weighs the examples, mentornet, "
      f"threshold or a formula, got {settings.mentormix_weights!r}; choose one "
      "(baseline weighs all alike)"
    )
  return MentorMix(
    settings.mixup_alpha, settings.second_reweight, settings.seed
  )


def build_optimizer(
  settings: TrainingSettings, num_examples: int
) -> keras.optimizers.Optimizer:
  """The original's optimiser and schedule for student and curriculum."""
  recipe = student_recipe(settings.studentnet)
  staircase_only = settings.curriculum in ("none", "mentormix")
  if recipe.piecewise_under_curriculum and not staircase_only:
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
  average: dict[str, Any] = {}
  if settings.ema_decay:
    average = {"use_ema": True, "ema_momentum": settings.ema_decay}
  if recipe.momentum:
    return optimizers.Momentum(schedule, recipe.momentum, **average)
  return keras.optimizers.SGD(schedule, **average)
