r"""Trains a student network on images with noisy labels.

Without --curriculum and --trained_mentornet_dir it trains the baseline. A
mentor, trained or given as a formula, weighs every example by its loss:

  mentornet train --data_dir=records/cifar10 --studentnet=inception \
      --train_log_dir=runs/pd --trained_mentornet_dir=mentornet_pd

The training folder receives checkpoints, run.json, metrics.csv and TensorBoard
events. The same command continues an interrupted run from its last checkpoint.
"""

import os
from collections.abc import Mapping
from typing import Any

from absl import flags

from mentornet_tf.commands import help_page
from mentornet_tf.commands.setting_flags import (
  define_setting_flags,
  given_settings,
)
from mentornet_tf.datasets.reading.preparation import BatchSlice
from mentornet_tf.datasets.records.set_names import parse_set_names
from mentornet_tf.errors import UserError
from mentornet_tf.internal.rendezvous import START_SECONDS
from mentornet_tf.internal.setting_fields import describe
from mentornet_tf.internal.tensorflow_startup import start_tensorflow
from mentornet_tf.internal.tf_config import cluster_of_environment
from mentornet_tf.settings import (
  DECISION_THRESHOLD,
  MENTORMIX_DEFAULTS,
  REFINING_DEFAULTS,
  CurriculumSettings,
  RefinedLabelsSettings,
  RunOptions,
  TrainingSettings,
  fitting_ema_decay,
  preset,
  student_recipe,
  training_groups,
)
from mentornet_tf.settings.metric_columns import check_metric, columns_of_sets

flags.DEFINE_string("data_dir", None, "Folder that holds the TFRecord shards.")
flags.DEFINE_string("train_log_dir", None, "Training folder to write.")
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
flags.DEFINE_string(
  "clean_data_dir",
  None,
  "Folder of TFRecords that are the clean-labeled subset, in place of "
  "--clean_fraction: images with labels as noisy as the training images' "
  "beside the clean ones.",
)
flags.DEFINE_string(
  "preset",
  None,
  "Published settings in place of the defaults, mentormix_cifar10_40 for "
  "instance; explicit flags take precedence.",
)
define_setting_flags(*training_groups().values(), RunOptions)
flags.DEFINE_bool(
  "deterministic", False, "Only use operations with repeatable results."
)
flags.DEFINE_string(
  "device_id",
  "0",
  "GPU to use, where there is one. Under --distribution all are used unless "
  "some are named, 0,1 for instance.",
)

# Flags of TensorFlow 1 clusters, accepted so that old command lines run.
_CLUSTER_FLAGS = ("master", "ps_tasks", "task")
_IGNORED = "TensorFlow 1 only; ignored. See --distribution."
with help_page.flag_group(help_page.IGNORED):
  flags.DEFINE_string("master", "", _IGNORED)
  flags.DEFINE_integer("ps_tasks", 0, _IGNORED)
  flags.DEFINE_integer("task", 0, _IGNORED)

flags.mark_flags_as_required(["data_dir", "train_log_dir"])

PARAMETER_FLAGS = {
  "alpha": "mixup_alpha",
  "at": "update_mentor_at",
  "decision_threshold": "update_decision_threshold",
  "gamma": "vstar_gamma",
  "mentor": "trained_mentornet_dir",
  "shorter_side": "resize_shorter_side",
  "size": "image_size",
  "student": "studentnet",
  "total_steps": "max_number_of_steps",
}


def main() -> None:
  """Reads the flags, loads the data and trains."""
  flag = flags.FLAGS
  settings = training_settings()
  options = RunOptions(**given_settings(RunOptions))
  names = parse_set_names(
    flag.eval_sets or [], flag.eval_data_dir or flag.data_dir
  )
  if options.keep_best:
    one = [None] if flag.eval_data_dir else []
    check_metric(
      options.keep_best, columns_of_sets(list(map(str, names)) or one)
    )
  _check_distribution(settings, options)
  _print_notes(settings, options)

  shares = options.distribution != "off"
  given = flag["device_id"].present
  start_tensorflow(
    flag.device_id if given or not shares else "",
    # Each worker would print pages about another that has ended.
    log_level=3 if options.distribution == "multi_worker" else 2,
  )
  import tensorflow as tf

  from mentornet_tf.commands.flag_console import FlagConsole
  from mentornet_tf.datasets.reading.open import open_data
  from mentornet_tf.evaluation.evaluation_sets import open_evaluation_data
  from mentornet_tf.training.devices import open_distribution
  from mentornet_tf.training.train import train_and_evaluate

  # Before TensorFlow does anything else.
  open_distribution(options)
  if flag.deterministic:
    tf.config.experimental.enable_op_determinism()
  crop, dataset_name = settings.images.crop, settings.data.dataset_name

  def opened(data_dir: str, split: str):
    return open_data(
      data_dir,
      dataset_name,
      split,
      crop,
      settings.augmentation,
      max_damaged=settings.data.max_damaged,
    )

  train_data = opened(flag.data_dir, "train")
  eval_data = None
  if names:
    eval_data = open_evaluation_data(names, crop, settings.data.max_damaged)
  elif flag.eval_data_dir:
    eval_data = opened(flag.eval_data_dir, "test")
  clean_data = None
  if flag.clean_data_dir:
    clean_data = opened(flag.clean_data_dir, "train")
  train_and_evaluate(
    settings,
    flag.train_log_dir,
    train_data,
    eval_data,
    options,
    console=FlagConsole(PARAMETER_FLAGS),
    clean_data=clean_data,
  )


def training_settings() -> TrainingSettings:
  """The settings that the flags describe.

  Explicit flags take precedence over a preset, or the defaults of the
  original's MentorMix program, and these over the defaults of the student.

  Raises:
    UserError: an unknown preset, or flags that do not go together.
  """
  given = given_settings(*training_groups().values())
  values = _with_published_defaults(given)
  if not values.get("curriculum"):
    has_mentor = values.get("trained_mentornet_dir")
    values["curriculum"] = "mentornet" if has_mentor else "none"
  if values.get("update_mentor_at"):
    values.setdefault("update_decision_threshold", DECISION_THRESHOLD)
  elif "update_decision_threshold" in values:
    raise UserError(
      "--update_decision_threshold: expected --update_mentor_at with it, got "
      "none; give the times at which the mentor is trained, or leave it out"
    )
  settings = TrainingSettings.of(**values)
  _check_mentor(settings)
  if settings.images.image_size is None:
    for name in ("resize_shorter_side", "train_crop"):
      if name in given:
        raise UserError(
          f"--{name}: expected --image_size with it, got none; give the side "
          f"of the squares that images are cut to, or leave --{name} out"
        )
  return settings


def _with_published_defaults(given: dict[str, Any]) -> dict[str, Any]:
  published: Mapping[str, Any] = {}
  if flags.FLAGS.preset:
    published = preset(flags.FLAGS.preset)
  elif given.get("curriculum") == "mentormix":
    published = MENTORMIX_DEFAULTS
  if given.get("refine_labels"):
    published = {**published, **REFINING_DEFAULTS}
  values = {**published, **given}
  default = TrainingSettings()
  if (
    values.get("curriculum") == "mentormix"
    and values.get("mentormix_weights", default.mentormix.mentormix_weights)
    == "mentornet"
  ):
    values.setdefault("trained_mentornet_dir", "mentornet_pd")
  studentnet = values.get("studentnet", default.student.studentnet)
  return {**student_recipe(studentnet).defaults, **values}


def _check_mentor(settings: TrainingSettings) -> None:
  """Raises UserError unless there is a mentor exactly where one weighs."""
  mentor = settings.curriculum.trained_mentornet_dir
  if bool(mentor) != (settings.weighing == "mentornet"):
    mixes = settings.curriculum.curriculum == "mentormix"
    raise UserError(
      f"--{'mentormix_weights' if mixes else 'curriculum'}, "
      "--trained_mentornet_dir: expected mentornet together with a mentor, or "
      f"neither, got {settings.weighing} and --trained_mentornet_dir={mentor}"
    )


def _check_distribution(
  settings: TrainingSettings, options: RunOptions
) -> None:
  """Refuses a job that cannot begin, before TensorFlow is imported."""
  count = options.num_devices
  cluster = None
  if options.distribution == "multi_worker":
    cluster = cluster_of_environment()
    count = len(cluster)
  BatchSlice(0, count or 1).positions(settings.data.batch_size)
  if cluster is not None and count > 1:
    print(
      f"{cluster.named(cluster.index)} of {count} waits for the others, at "
      f"most {START_SECONDS} s; {cluster.named(0)} prints the run's progress",
      flush=True,
    )


def _print_notes(settings: TrainingSettings, options: RunOptions) -> None:
  """Tells what of the flags has no effect, or one that is not expected."""
  given = given_settings(CurriculumSettings)
  without_effect = [
    f"--{each.name}"
    for each in describe(CurriculumSettings)
    if each.name in given
    and each.name not in ("curriculum", "trained_mentornet_dir")
  ]
  if settings.curriculum.curriculum == "none" and without_effect:
    print(
      "note: without a curriculum every example weighs 1, whatever the value "
      f"of {', '.join(without_effect)}; give --trained_mentornet_dir or "
      "--curriculum"
    )
  refining = [
    f"--{name}"
    for name in given_settings(RefinedLabelsSettings)
    if name != "refine_labels"
  ]
  if refining and not settings.refining.refine_labels:
    print(f"note: {', '.join(refining)} has no effect without --refine_labels")
  for name in _CLUSTER_FLAGS:
    if flags.FLAGS[name].present:
      print(
        f"note: --{name} belongs to TensorFlow 1 clusters and is ignored; "
        "--distribution=mirrored with --num_devices, or "
        "--distribution=multi_worker with TF_CONFIG, takes its place"
      )
  if os.environ.get("TF_CONFIG") and options.distribution == "off":
    print(
      "note: TF_CONFIG is set, and this run trains alone; give "
      "--distribution=multi_worker to train with the workers that it names"
    )
  if settings.student.sync_batch_norm and options.distribution == "off":
    print(
      "note: --sync_batch_norm has no effect on one device; give --distribution"
    )
  decay = settings.optimizer.ema_decay
  steps = settings.run.max_number_of_steps
  # An average that is slower than its run still holds the first weights.
  if decay == 1 or (decay > 0 and steps * (1 - decay) < 3):
    print(
      f"note: at the end of {steps} steps an average with --ema_decay="
      f"{decay:g} still holds {100 * decay**steps:.0f} % of the first weights, "
      "and that average is what is evaluated, and what weighs with "
      "--weigh_by_average; a smaller decay forgets them, such as "
      f"--ema_decay={fitting_ema_decay(steps):g}"
    )
