r"""Trains a student network on images with noisy labels.

Without --curriculum and --trained_mentornet_dir it trains the baseline. A
mentor, trained or given as a formula, weighs every example by its loss:

  mentornet train --data_dir=records/cifar10 --studentnet=inception \
      --train_log_dir=runs/pd --trained_mentornet_dir=mentornet_pd

The training folder receives checkpoints, run.json, metrics.csv and TensorBoard
events. The same command continues an interrupted run from its last checkpoint.
"""

import dataclasses
from typing import Any

from absl import flags

from mentornet_tf.commands import command_line
from mentornet_tf.curricula.dropout_rates import parse_example_dropout_rates
from mentornet_tf.errors import UserError
from mentornet_tf.internal.tensorflow_startup import start_tensorflow
from mentornet_tf.training.presets import MENTORMIX_DEFAULTS, preset

_PUBLISHED_DROPOUT = "0.5, 17, 0.05, 78, 1.0, 5"

# Data and folders.
flags.DEFINE_string("data_dir", None, "Folder that holds the TFRecord shards.")
flags.DEFINE_string("train_log_dir", None, "Training folder to write.")
flags.DEFINE_string(
  "dataset_name", "cifar10", "Data set's name, as in its shards' file names."
)
flags.DEFINE_string(
  "eval_data_dir",
  None,
  "Folder with the test shards, to evaluate during training; empty does not "
  "evaluate.",
)

flags.DEFINE_list(
  "eval_sets",
  None,
  "Evaluate on these sets, each [folder/]dataset:split, for instance "
  "webvision_mini:val,imagenet_mini:val; those without a folder lie in "
  "--eval_data_dir, or in --data_dir. By default <dataset_name>:test in "
  "--eval_data_dir.",
)

# Images of any size.
flags.DEFINE_integer(
  "image_size",
  None,
  "Side of the squares that images of any size are cut to, such as 299; they "
  "are read from disk as they are needed. Without it images of one size are "
  "taken into memory.",
  lower_bound=1,
)
flags.DEFINE_integer(
  "resize_shorter_side",
  None,
  "What the shorter side of an image is resized to before a square is cut; by "
  "default 320/299 of --image_size.",
  lower_bound=1,
)
flags.DEFINE_enum(
  "train_crop",
  None,
  ["random", "resized"],
  "How training squares are cut from images of any size: random (the default), "
  "or resized: 8 to 100 % of the area, 3:4 to 4:3.",
)

# Student and optimisation.
flags.DEFINE_string(
  "studentnet",
  "resnet101",
  "Student: resnet101, resnet32, inception (CifarNet), inception_resnet_v2 "
  "(for images of 299 pixels, with defaults of its own: see "
  "docs/recipes/webvision.md) or package.module:function of your own.",
)
flags.DEFINE_string(
  "student_weights",
  None,
  "File of weights that the student starts from, its last layer left out: "
  ".h5, .weights.h5 or .keras, for inception_resnet_v2.",
)
flags.DEFINE_integer("batch_size", 128, "Images in a batch.", lower_bound=1)
flags.DEFINE_integer(
  "max_number_of_steps", 39000, "Length of training.", lower_bound=1
)
flags.DEFINE_float(
  "learning_rate", 0.1, "Learning rate at step 0.", lower_bound=0
)
flags.DEFINE_float(
  "learning_rate_decay_factor", 0.1, "Staircase: factor.", lower_bound=0
)
flags.DEFINE_float(
  "num_epochs_per_decay",
  50,
  "Staircase: passes over the data between decays.",
  lower_bound=0,
)
flags.DEFINE_bool(
  "scale_boundaries",
  False,
  "Scale the published schedule of resnet101 under a curriculum (boundaries at "
  "19531, 25000 and 30000 of 39000 steps) to --max_number_of_steps.",
)
flags.DEFINE_bool("augment", True, "Crop and flip training images.")
flags.DEFINE_enum(
  "mixed_precision",
  "float32",
  ["float32", "mixed_bfloat16"],
  "Keras dtype policy of the student.",
)

# Curriculum.
flags.DEFINE_string(
  "curriculum",
  None,
  "none, mentornet, mentormix, threshold, oracle (weight 1 exactly for the "
  "right labels, where they are known), or a formula applied directly: "
  "baseline, self_paced, spcl_linear, hard_example_mining, focal_loss, "
  "mentornet_pd. "
  "Default: mentornet with --trained_mentornet_dir, else none. none is the "
  "baseline of the paper: every example weighs 1, and the flags of the "
  "curriculum change no weight. baseline is weight 1 as a formula, with the "
  "example dropout and the learning rates of a curriculum. mentormix mixes "
  "examples by their weights, and takes the defaults of the original's "
  "MentorMix program: cifar100, resnet32, 100000 steps, a rate that falls by "
  "0.9 every 3 passes, no example dropout, an average of the weights.",
)
flags.DEFINE_string(
  "trained_mentornet_dir",
  None,
  "Learned mentor: a shipped name, a folder of bin/train_mentor.py, a .keras "
  "file, a TensorFlow 1 checkpoint (folder or prefix), or with "
  "--update_mentor_at scratch, which weighs all alike until the first update.",
)
flags.DEFINE_string(
  "vstar_gamma", "", "Parameter of a formula; empty takes its default."
)
flags.DEFINE_float(
  "loss_p_percentile",
  0.7,
  "Percentile of the losses that the mentor follows, as a fraction.",
  lower_bound=0,
  upper_bound=1,
)
flags.DEFINE_alias("loss_p_precentile", "loss_p_percentile")
flags.DEFINE_integer(
  "burn_in_epoch",
  0,
  "Percentage of training that runs with weights of 1 at first.",
  lower_bound=0,
  upper_bound=100,
)
flags.DEFINE_bool(
  "fixed_epoch_after_burn_in",
  False,
  "Keep the epoch at --burn_in_epoch once it is reached.",
)
flags.DEFINE_float(
  "loss_moving_average_decay",
  0.5,
  "Decay of the loss percentile's moving average.",
  lower_bound=0,
  upper_bound=1,
)
flags.DEFINE_string(
  "example_dropout_rates",
  _PUBLISHED_DROPOUT,
  "rate, epochs, rate, epochs, ... with epochs that sum to 100.",
)

# MentorMix.
flags.DEFINE_float(
  "mixup_alpha",
  8,
  "mentormix: parameter of the Beta distribution that shares are drawn from.",
)
flags.DEFINE_bool(
  "second_reweight",
  True,
  "mentormix: weigh the mixed examples, too; without weight decay then.",
)
flags.DEFINE_string(
  "mentormix_weights",
  "mentornet",
  "mentormix: what weighs the examples before they are mixed: mentornet (by "
  "default the shipped mentornet_pd), threshold, or a formula.",
)
flags.DEFINE_float(
  "ema_decay",
  0,
  "Evaluate a moving average of the student's weights with this decay; 0 keeps "
  "none. Choose it well below 1 - 1/steps: 0.9999 suits 100000 steps, 0.99 "
  "suits 3000.",
  lower_bound=0,
  upper_bound=1,
)
flags.DEFINE_string(
  "preset",
  None,
  "Published settings in place of the defaults, mentormix_cifar10_40 for "
  "instance; flags that are given go first.",
)

# Joint training.
flags.DEFINE_string(
  "update_mentor_at",
  "",
  "Fractions of training at which the mentor learns from its student's losses "
  "on the clean-labelled subset, 0.21,0.75 for instance; empty for never.",
)
flags.DEFINE_float(
  "clean_fraction",
  0,
  "Share of the training images with known true labels that is the "
  "clean-labelled subset; 1 takes all of them.",
  lower_bound=0,
  upper_bound=1,
)
flags.DEFINE_string(
  "clean_data_dir",
  None,
  "Folder of TFRecords that are the clean-labelled subset, in place of "
  "--clean_fraction: images with labels as noisy as the training images' "
  "beside the true ones.",
)

flags.DEFINE_float(
  "update_decision_threshold",
  None,
  "Labels whose chance of being right an updated mentor puts above this get "
  "weights near 1, others near 0; at 0 the chance is the weight. By default "
  "0.7.",
)
flags.register_validator(
  "update_decision_threshold",
  lambda threshold: threshold is None or 0 <= threshold < 1,
  "expected a number from 0 to below 1; 0 makes no decisions",
)
flags.DEFINE_bool(
  "judge_by_average",
  False,
  "Weigh by the losses of the averaged student (--ema_decay), computed without "
  "dropout, instead of the student's own: they tell wrong labels better and "
  "cost another forward pass a step.",
)

# Running.
command_line.define_seed("Seed of weights, data order and dropout.")
flags.DEFINE_bool(
  "deterministic", False, "Only use operations with repeatable results."
)
flags.DEFINE_integer(
  "log_interval_steps", 100, "Steps between rows of metrics.", lower_bound=1
)
flags.DEFINE_integer(
  "eval_interval_steps",
  None,
  "Steps between evaluations; by default only at the end.",
  lower_bound=1,
)
flags.DEFINE_integer(
  "save_interval_steps", None, "Steps between checkpoints.", lower_bound=1
)
flags.DEFINE_float(
  "save_interval_secs", 1200, "Seconds between checkpoints.", lower_bound=0
)
flags.DEFINE_float(
  "save_summaries_secs",
  120,
  "Seconds between flushes of TensorBoard's events.",
  lower_bound=0,
)
flags.DEFINE_integer(
  "steps_per_call",
  20,
  "Training steps for each call from Python.",
  lower_bound=1,
)
flags.DEFINE_bool(
  "record_losses",
  False,
  "Write the loss of every training example at every step, as the curriculum "
  "is shown it, to losses.csv in the training folder, for "
  "bin/generate_mentor_data.py --vstar_fn=data_driven.",
)
flags.DEFINE_string("device_id", "0", "GPU to use, where there is one.")

# Flags of TensorFlow 1 clusters, accepted so that old command lines run.
flags.DEFINE_string("master", "", "TensorFlow 1 only; ignored.")
flags.DEFINE_integer("ps_tasks", 0, "TensorFlow 1 only; ignored.")
flags.DEFINE_integer("task", 0, "TensorFlow 1 only; ignored.")

command_line.require_finite(
  "learning_rate",
  "learning_rate_decay_factor",
  "num_epochs_per_decay",
  "loss_p_percentile",
  "loss_moving_average_decay",
  "save_interval_secs",
  "save_summaries_secs",
  "ema_decay",
  "clean_fraction",
)
command_line.require_finite("mixup_alpha", above_zero=True)
flags.mark_flags_as_required(["data_dir", "train_log_dir"])

# What only a curriculum makes use of.
_CURRICULUM_FLAGS = (
  "vstar_gamma",
  "loss_p_percentile",
  "burn_in_epoch",
  "fixed_epoch_after_burn_in",
  "loss_moving_average_decay",
  "example_dropout_rates",
)


def main() -> None:
  """Reads the flags, loads the data and trains."""
  flag = flags.FLAGS
  published = _take_published_defaults()
  _check_image_flags()
  _check_joint_flags()
  parse_example_dropout_rates(
    flag.example_dropout_rates, "--example_dropout_rates"
  )
  _gamma()  # refused before TensorFlow starts
  if _curriculum() == "none":
    _note_flags_without_effect()
  for name in ("master", "ps_tasks", "task"):
    if flag[name].present:
      print(
        f"note: --{name} belongs to TensorFlow 1 clusters and is ignored; this "
        "version trains on one machine (tf.distribute takes its place)"
      )

  start_tensorflow(flag.device_id)
  import tensorflow as tf

  from mentornet_tf.datasets.reading.open import open_data
  from mentornet_tf.evaluation.evaluation_sets import (
    open_evaluation_data,
    parse_set_names,
  )
  from mentornet_tf.training.recipes import student_recipe
  from mentornet_tf.training.train import RunOptions, train_and_evaluate

  for name, value in student_recipe(flag.studentnet).defaults.items():
    if name not in published:
      flag.set_default(name, value)
  _note_slow_average()
  if flag.deterministic:
    tf.config.experimental.enable_op_determinism()
  settings = training_settings()
  names = parse_set_names(
    flag.eval_sets or [], flag.eval_data_dir or flag.data_dir
  )
  train_data = open_data(flag.data_dir, flag.dataset_name, "train", settings)
  eval_data = None
  if names:
    eval_data = open_evaluation_data(names, settings)
  elif flag.eval_data_dir:
    eval_data = open_data(
      flag.eval_data_dir, flag.dataset_name, "test", settings
    )
  clean_data = None
  if flag.clean_data_dir:
    clean_data = open_data(
      flag.clean_data_dir, flag.dataset_name, "train", settings
    )
  train_and_evaluate(
    settings,
    flag.train_log_dir,
    train_data,
    eval_data,
    RunOptions(**_flags_of(RunOptions)),
    clean_data=clean_data,
  )


def _note_slow_average() -> None:
  """An average that is slower than its run still holds the first weights."""
  decay, steps = flags.FLAGS.ema_decay, flags.FLAGS.max_number_of_steps
  if decay == 1 or (decay > 0 and steps * (1 - decay) < 3):
    print(
      f"note: at the end of {steps} steps an average with --ema_decay="
      f"{decay:g} still holds {100 * decay**steps:.0f} % of the first weights, "
      "and that average is what is evaluated, and judges with "
      "--judge_by_average; a smaller decay forgets them"
    )


def _take_published_defaults() -> dict[str, Any]:
  """Sets the flags that were not given as the preset or MentorMix has them.

  Returns:
    What these have, by the flags' names.
  """
  flag = flags.FLAGS
  published = {}
  if flag.preset:
    published = preset(flag.preset)
  elif flag.curriculum == "mentormix":
    published = MENTORMIX_DEFAULTS
  for name, value in published.items():
    flag.set_default(name, value)
  if flag.curriculum == "mentormix" and flag.mentormix_weights == "mentornet":
    flag.set_default("trained_mentornet_dir", "mentornet_pd")
  return published


def training_settings():
  """The `TrainingSettings` that the flags describe."""
  from mentornet_tf.training.recipes import TrainingSettings

  return TrainingSettings(
    **_flags_of(TrainingSettings)
    | {
      "curriculum": _curriculum(),
      "vstar_gamma": _gamma(),
      "update_decision_threshold": _decision_threshold(),
    }
  )


def _check_image_flags() -> None:
  """Refuses flags of large images where images are not large."""
  flag = flags.FLAGS
  if flag.image_size or flag.studentnet == "inception_resnet_v2":
    return
  for name in ("resize_shorter_side", "train_crop"):
    if flag[name].present:
      raise UserError(
        f"--{name}: expected --image_size with it, got none; give the side of "
        f"the squares that images are cut to, or leave --{name} out"
      )


def _check_joint_flags() -> None:
  """Refuses a threshold for updates where there are none."""
  flag = flags.FLAGS
  if flag.update_decision_threshold is not None and not flag.update_mentor_at:
    raise UserError(
      "--update_decision_threshold: expected --update_mentor_at with it, got "
      "none; give the times at which the mentor learns, or leave it out"
    )


def _decision_threshold() -> float:
  """0 without updates, as runs from before there were decisions have it."""
  from mentornet_tf.training.joint.update import DECISION_THRESHOLD

  flag = flags.FLAGS
  if not flag.update_mentor_at:
    return 0.0
  if flag.update_decision_threshold is None:
    return DECISION_THRESHOLD
  return flag.update_decision_threshold


def _note_flags_without_effect() -> None:
  given = [
    f"--{name}" for name in _CURRICULUM_FLAGS if flags.FLAGS[name].present
  ]
  if given:
    print(
      "note: without a curriculum every example weighs 1, whatever the value "
      f"of {', '.join(given)}; give --trained_mentornet_dir or --curriculum"
    )


def _flags_of(settings: type) -> dict[str, Any]:
  """The values of the flags that are named like the fields of `settings`."""
  return {
    field.name: flags.FLAGS[field.name].value
    for field in dataclasses.fields(settings)
  }


def _curriculum() -> str:
  flag = flags.FLAGS
  has_mentor = bool(flag.trained_mentornet_dir)
  curriculum = flag.curriculum or ("mentornet" if has_mentor else "none")
  mixes = curriculum == "mentormix"
  weighing = flag.mentormix_weights if mixes else curriculum
  if has_mentor != (weighing == "mentornet"):
    raise UserError(
      f"--{'mentormix_weights' if mixes else 'curriculum'}, "
      "--trained_mentornet_dir: expected mentornet together with a mentor, or "
      f"neither, got {weighing} and --trained_mentornet_dir="
      f"{flag.trained_mentornet_dir}"
    )
  return curriculum


def _gamma() -> float | None:
  text = flags.FLAGS.vstar_gamma
  try:
    return float(text) if text else None
  except ValueError:
    raise UserError(
      f"--vstar_gamma: expected a number or nothing, got {text!r}"
    ) from None
