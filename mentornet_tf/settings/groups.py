"""The settings of a run, one class per subject.

Defaults are the original's where it has such a setting. A field's name is also
that of its flag and of its entry in run.json, so no two groups share a name.
"""

import dataclasses

from mentornet_tf.curricula.argument_checks import AUTO
from mentornet_tf.datasets.reading.preparation import Augmentation, Crop
from mentornet_tf.errors import UserError
from mentornet_tf.internal.setting_fields import (
  LARGEST_SEED,
  SettingsGroup,
  setting,
)
from mentornet_tf.settings import checks

# Doubtful labels do more harm than the clean ones among them do good.
DECISION_THRESHOLD = 0.7

# In place of a mentor's name: a fresh one, which the run itself trains.
FROM_SCRATCH = "scratch"

# Images are resized to this much more than is cut out of them: 320 for 299.
_SHORTER_SIDE, _SIZE = 320, 299


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataSettings(SettingsGroup):
  """Which images, and how many at a time."""

  title = "Data"

  dataset_name: str = setting(
    "cifar10", "Data set's name, as in its shards' file names."
  )
  batch_size: int = setting(128, "Images per batch.", lower=1)
  max_damaged: int = setting(
    0,
    "Pass over up to this many records per set that do not parse or decode; "
    "they are named. Unless it is 0, all images of a set are decoded once "
    "beforehand.",
    lower=0,
  )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageSettings(SettingsGroup):
  """How images are prepared."""

  title = "Images"

  augment: bool = setting(True, "Crop and flip training images.")
  crop_padding: int | None = setting(
    None,
    "Pixels of zeros around small training images before they are cut at "
    "random, by default 8 for inception and 2 for others, as published; 0 only "
    "flips them.",
    lower=0,
    upper=Augmentation.crop - 1,
  )
  image_size: int | None = setting(
    None,
    "Side of the squares that images of any size are cut to, such as 299; they "
    "are read from disk as they are needed. Without it images of one size are "
    "taken into memory.",
    lower=1,
  )
  resize_shorter_side: int | None = setting(
    None,
    "What the shorter side of an image is resized to before a square is cut; "
    "by default 320/299 of `image_size`.",
    lower=1,
  )
  train_crop: str | None = setting(
    None,
    "How training squares are cut from images of any size: random (the "
    "default), or resized: 8 to 100 % of the area, 3:4 to 4:3.",
    choices=("random", "resized"),
  )

  def __post_init__(self) -> None:
    super().__post_init__()
    _ = self.crop  # whose sizes have to go together
    if self.crop_padding is not None and (self.image_size or not self.augment):
      where = "with `image_size`" if self.image_size else "without `augment`"
      raise UserError(
        f"crop_padding: expected none {where}, which cuts no padded images, "
        f"got {self.crop_padding}; leave it out"
      )

  @property
  def crop(self) -> Crop | None:
    """How images are cut; None where they are small and in memory.

    Without augmentation training images are cut as in evaluation.

    Raises:
      UserError: the shorter side is shorter than the squares.
    """
    size = self.image_size
    if size is None:
      return None
    shorter_side = self.resize_shorter_side
    if shorter_side is None:
      shorter_side = round(size * _SHORTER_SIDE / _SIZE)
    if shorter_side < size:
      raise UserError(
        "image_size, resize_shorter_side: expected a shorter side of at least "
        f"the size of the squares, got {shorter_side} for {size}; choose others"
      )
    if not self.augment:
      return Crop(size, shorter_side, "center", flip=False)
    return Crop(size, shorter_side, self.train_crop or "random")


@dataclasses.dataclass(frozen=True, kw_only=True)
class StudentSettings(SettingsGroup):
  """The network that is trained."""

  title = "Student"

  studentnet: str = setting(
    "resnet101",
    "Student: resnet101, resnet32, inception (CifarNet), inception_resnet_v2 "
    "(for images of 299 pixels, with defaults of its own: see "
    "docs/recipes/webvision.md) or package.module:function of your own.",
    check=checks.check_student,
  )
  student_weights: str | None = setting(
    None,
    "File of weights that the student starts from, its last layer left out: "
    ".h5, .weights.h5 or .keras, for inception_resnet_v2.",
  )
  mixed_precision: str = setting(
    "float32",
    "Keras dtype policy of the student. Its weights, the losses and the "
    "curriculum stay in float32; mixed_float16 scales the loss, and skips "
    "steps that overflow.",
    choices=("float32", "mixed_bfloat16", "mixed_float16"),
  )
  jit_compile: bool = setting(
    False,
    "Compile the training step by XLA. Dropout and example dropout are other "
    "random numbers then, and all else differs by rounding. It starts later, "
    "and takes longer on CPUs (docs/speed.md).",
  )
  sync_batch_norm: bool = setting(
    False,
    "Let batch normalization compute its statistics over the batches of all "
    "replicas, under `distribution`. The usual training does not: statistics "
    "of each replica's part are less exact, and cost no exchange per layer.",
  )


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimizerSettings(SettingsGroup):
  """The optimizer's rates, and the average of the weights that it keeps."""

  title = "Optimization"

  learning_rate: float = setting(0.1, "Learning rate at step 0.", lower=0)
  learning_rate_decay_factor: float = setting(
    0.1, "Staircase: factor.", lower=0
  )
  num_epochs_per_decay: float = setting(
    50.0, "Staircase: passes over the data between decays.", lower=0
  )
  scale_boundaries: bool = setting(
    False,
    "Scale the published schedule of resnet101 under a curriculum (boundaries "
    "at 19531, 25000 and 30000 of 39000 steps) to `max_number_of_steps`.",
  )
  ema_decay: float = setting(
    0.0,
    "Evaluate a moving average of the student's weights with this decay; 0 "
    "keeps none. Choose it well below 1 - 1/steps: 0.9999 suits 100000 steps, "
    "0.99 suits 3000.",
    lower=0,
    upper=1,
  )


@dataclasses.dataclass(frozen=True, kw_only=True)
class CurriculumSettings(SettingsGroup):
  """What weighs the examples."""

  title = "Curriculum"

  curriculum: str = setting(
    checks.BASELINE,
    "none, mentornet, mentormix, threshold, oracle (weight 1 exactly for the "
    "clean labels, where they are known), or a formula applied directly: "
    "baseline, self_paced, spcl_linear, hard_example_mining, focal_loss, "
    "mentornet_pd. Default: mentornet with `trained_mentornet_dir`, else none. "
    "none is the baseline of the paper: every example weighs 1, and the "
    "settings of the curriculum change no weight. baseline is weight 1 as a "
    "formula, with the example dropout and the learning rates of a curriculum. "
    "mentormix mixes examples by their weights, and takes the defaults of the "
    "original's MentorMix program: cifar100, resnet32, 100000 steps, a rate "
    "that falls by 0.9 every 3 passes, no example dropout, an average of the "
    "weights.",
    check=checks.check_curriculum,
    derived=True,
  )
  trained_mentornet_dir: str | None = setting(
    None,
    "Trained mentor: a shipped name, the folder of a mentor's training, a "
    ".keras file, a TensorFlow 1 checkpoint (folder or prefix), or with "
    "`update_mentor_at` scratch, which weighs all alike until the first "
    "update.",
  )
  vstar_gamma: float | None = setting(
    None, "Parameter of a formula; empty takes its default."
  )
  loss_p_percentile: float | str = setting(
    0.7,
    "Percentile of the losses that the mentor follows, as a fraction; auto "
    "estimates it, as the share of clean labels, while training "
    "(docs/choosing.md).",
    word=AUTO,
    lower=0,
    upper=1,
    aliases=("loss_p_precentile",),
  )
  burn_in_epoch: int = setting(
    0,
    "Percentage of training that runs with weights of 1 at first.",
    lower=0,
    upper=100,
  )
  fixed_epoch_after_burn_in: bool = setting(
    False, "Keep the epoch at `burn_in_epoch` once it is reached."
  )
  loss_moving_average_decay: float = setting(
    0.5,
    "Decay of the loss percentile's moving average.",
    lower=0,
    upper=1,
  )
  example_dropout_rates: str = setting(
    "0.5, 17, 0.05, 78, 1.0, 5",
    "rate, epochs, rate, epochs, ... with epochs that sum to 100.",
    check=checks.check_dropout_rates,
  )


@dataclasses.dataclass(frozen=True, kw_only=True)
class MentorMixSettings(SettingsGroup):
  """How MentorMix mixes examples."""

  title = "MentorMix"

  mixup_alpha: float = setting(
    8.0,
    "mentormix: parameter of the Beta distribution that shares are drawn from.",
    above=0,
  )
  second_reweight: bool = setting(
    True,
    "mentormix: weigh the mixed examples, too; without weight decay then.",
  )
  mentormix_weights: str = setting(
    checks.MENTORNET,
    "mentormix: what weighs the examples before they are mixed: mentornet (by "
    "default the shipped mentornet_pd), threshold, or a formula.",
    check=checks.check_mentormix_weights,
  )


@dataclasses.dataclass(frozen=True, kw_only=True)
class RefinedLabelsSettings(SettingsGroup):
  """How labels that a mentor doubts are replaced."""

  title = "Refined labels"

  refine_labels: bool = setting(
    False,
    "Learn from v · label + (1 − v) · guess, where v is the weight of an "
    "example and the guess what the EMA student predicts, with or without "
    "mentormix. Takes `weigh_by_average`, and `ema_decay`=0.99 by default.",
  )
  refine_temperature: float = setting(
    0.5,
    "refine_labels: smaller ones sharpen the guesses, 1 leaves them.",
    above=0,
  )
  refine_balance: bool = setting(
    True,
    "refine_labels: guesses keep the classes' shares of the given labels.",
  )


@dataclasses.dataclass(frozen=True, kw_only=True)
class JointSettings(SettingsGroup):
  """How a mentor is updated while its student trains."""

  title = "Joint training"

  update_mentor_at: str = setting(
    "",
    "Fractions of training at which the mentor is trained on its student's "
    "losses on the clean-labeled subset, 0.21,0.75 for instance; empty for "
    "never.",
    check=checks.parse_update_times,
  )
  clean_fraction: float = setting(
    0.0,
    "Share of the training images with known clean labels that is the "
    "clean-labeled subset; 1 takes all of them.",
    lower=0,
    upper=1,
  )
  # 0 without updates, as runs from before there were decisions have it.
  update_decision_threshold: float = setting(
    0.0,
    "Labels that an updated mentor finds clean with a probability above this "
    "get weights near 1, others near 0; at 0 the probability is the weight. By "
    f"default {DECISION_THRESHOLD}.",
    lower=0,
    below=1,
    derived=True,
  )
  weigh_by_average: bool = setting(
    False,
    "Weigh by the losses of the student with averaged weights (`ema_decay`), "
    "computed without dropout, instead of the student's own: they tell noisy "
    "labels better and cost another forward pass per step.",
    aliases=("judge_by_average",),
  )


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunSettings(SettingsGroup):
  """Length of a run, its randomness, and the steps that it reports."""

  title = "Length and randomness"

  max_number_of_steps: int = setting(39_000, "Length of training.", lower=1)
  seed: int = setting(
    0,
    "Seed of weights, data order and dropout.",
    lower=0,
    upper=LARGEST_SEED,
  )
  log_interval_steps: int = setting(
    100, "Steps between rows of metrics.", lower=1
  )
