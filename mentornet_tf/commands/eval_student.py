r"""Evaluates the checkpoints of a training folder.

Watches the folder, evaluates each new checkpoint on a split and ends when the
training has finished; with --once it evaluates the newest checkpoint and ends:

  mentornet evaluate --data_dir=records/cifar10 --checkpoint_dir=runs/pd --once

The evaluation folder receives eval.csv and TensorBoard events. With
--output_csv_file the losses of every training image are written instead, rows
of "id epoch noisy_label clean_label loss" to train a mentor on.
"""

import os

from absl import flags

from mentornet_tf.commands import command_line, help_page
from mentornet_tf.datasets.records.set_names import SetName, parse_set_names
from mentornet_tf.internal.tensorflow_startup import start_tensorflow

flags.DEFINE_string("data_dir", None, "Folder that holds the TFRecord shards.")
flags.DEFINE_string(
  "checkpoint_dir",
  None,
  "Training folder to evaluate, of this package or of the original TensorFlow "
  "1 code, or the prefix of one checkpoint in it.",
)
flags.DEFINE_string(
  "checkpoint",
  None,
  "Evaluate this checkpoint of the training folder and end: best (of mentornet "
  "train --keep_best), last or a step.",
)
flags.DEFINE_string(
  "eval_dir", None, "Folder for the results; by default <checkpoint_dir>/eval."
)
flags.DEFINE_string(
  "dataset_name",
  "cifar10",
  "Data set's name, as in its shards' file names; where it is not given, that "
  "of the training folder's run.json takes precedence.",
)
flags.DEFINE_string(
  "studentnet",
  "resnet101",
  "Student, where the training folder holds no run.json.",
)
flags.DEFINE_string(
  "split_name", "test", "Split to evaluate: test, val or train."
)
flags.DEFINE_list(
  "eval_sets",
  None,
  "Evaluate on these sets, each [folder/]dataset:split, for instance "
  "webvision_mini:val,imagenet_mini:val, instead of --dataset_name and "
  "--split_name; those without a folder lie in --data_dir.",
)
flags.DEFINE_integer("batch_size", 25, "Images in a batch.", lower_bound=1)
flags.DEFINE_bool("once", False, "Evaluate the newest checkpoint and end.")
flags.DEFINE_float(
  "eval_interval_secs",
  600,
  "Longest wait between looks for a new checkpoint, in seconds.",
  lower_bound=0,
)
flags.DEFINE_string(
  "output_csv_file",
  None,
  "Write the losses of the newest checkpoint over the training split here.",
)
flags.DEFINE_integer(
  "epoch",
  None,
  "Training percentage to write into --output_csv_file; by default that of the "
  "checkpoint.",
  lower_bound=0,
  upper_bound=99,
)
flags.DEFINE_integer(
  "max_damaged",
  None,
  "Pass over up to this many damaged records per set; by default as many as "
  "the run does.",
  lower_bound=0,
)
flags.DEFINE_string("device_id", "0", "GPU to use, where there is one.")
with help_page.flag_group(help_page.IGNORED):
  flags.DEFINE_string("master", "", "TensorFlow 1 only; ignored.")

command_line.require_finite("eval_interval_secs")
flags.mark_flags_as_required(["data_dir", "checkpoint_dir"])

PARAMETER_FLAGS = {
  "interval_seconds": "eval_interval_secs",
  "split": "split_name",
  "student": "studentnet",
  "train_log_dir": "checkpoint_dir",
}


def main() -> None:
  """Reads the flags, loads the data and evaluates."""
  flag = flags.FLAGS
  start_tensorflow(flag.device_id)

  from mentornet_tf.datasets.records.shards import find_shards
  from mentornet_tf.evaluation import continuous
  from mentornet_tf.evaluation.evaluation_sets import (
    check_classes,
    open_evaluation_data,
  )
  from mentornet_tf.runs.best_checkpoint import checkpoint_prefix
  from mentornet_tf.runs.trained_run import open_run, settings_or_defaults

  # Missing folders and data are reported before any waiting.
  settings = settings_or_defaults(flag.checkpoint_dir)
  for name in _sets(settings.data.dataset_name):
    find_shards(name.data_dir, name.dataset_name, name.split)
  path = flag.checkpoint_dir
  if flag.checkpoint:
    path = checkpoint_prefix(path, flag.checkpoint)
  elif not (flag.once or flag.output_csv_file):
    continuous.wait_for_run(path, flag.eval_interval_secs)
  settings = settings_or_defaults(path)
  max_damaged = flag.max_damaged
  if max_damaged is None:
    max_damaged = settings.data.max_damaged
  sets = open_evaluation_data(
    _sets(settings.data.dataset_name), settings.images.crop, max_damaged
  )
  first, *_ = sets.values()
  run = open_run(path, flag.studentnet, first.num_classes)
  names = run.data.get("class_names") or first.class_names
  check_classes(sets, first.num_classes, names, run.dataset_name or first.name)
  if flag.output_csv_file:
    continuous.dump_losses(
      run, first, flag.batch_size, flag.output_csv_file, flag.epoch
    )
  else:
    continuous.evaluate_checkpoints(
      run,
      list(sets.values()),
      flag.batch_size,
      flag.eval_dir or os.path.join(run.folder, "eval"),
      once=flag.once or run.chosen is not None,
      interval_seconds=flag.eval_interval_secs,
    )


def _sets(trained_on: str) -> list[SetName]:
  """Names of the sets to evaluate on, by default of the one trained on."""
  flag = flags.FLAGS
  if flag.eval_sets and not flag.output_csv_file:
    return parse_set_names(flag.eval_sets, flag.data_dir)
  dataset_name = trained_on
  if flag["dataset_name"].present:
    dataset_name = flag.dataset_name
  split = "train" if flag.output_csv_file else flag.split_name
  return [SetName(flag.data_dir, dataset_name, split)]
