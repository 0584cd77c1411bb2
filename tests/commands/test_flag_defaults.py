"""Flags of the programs: the original's, and the library's own defaults."""

import dataclasses
import json
import subprocess
import sys

import pytest
from command_modules import imported_command

from mentornet_tf.settings import RunOptions, TrainingSettings

_DEFAULTS = """
import importlib, json, sys
from absl import flags

importlib.import_module("mentornet_tf.commands." + sys.argv[1])
print(json.dumps({name: flags.FLAGS[name].default for name in flags.FLAGS}))
"""

# What the original TensorFlow 1 programs define, with their defaults; None is
# for folders and files, which have to be given here.
_TRAINING = {
  "batch_size": 128,
  "data_dir": None,
  "train_log_dir": None,
  "dataset_name": "cifar10",
  "studentnet": "resnet101",
  "learning_rate": 0.1,
  "learning_rate_decay_factor": 0.1,
  "num_epochs_per_decay": 50,
  "save_summaries_secs": 120,
  "save_interval_secs": 1200,
  "max_number_of_steps": 39000,
  "device_id": "0",
  "master": "",
  "ps_tasks": 0,
  "task": 0,
  "trained_mentornet_dir": None,
  "loss_p_percentile": 0.7,
  "loss_p_precentile": 0.7,
  "burn_in_epoch": 0,
  "fixed_epoch_after_burn_in": False,
  "loss_moving_average_decay": 0.5,
  "example_dropout_rates": "0.5, 17, 0.05, 78, 1.0, 5",
}
_EVALUATION = {
  "batch_size": 25,
  "data_dir": None,
  "dataset_name": "cifar10",
  "studentnet": "resnet101",
  "checkpoint_dir": None,
  "eval_dir": None,
  "eval_interval_secs": 600,
  "split_name": "test",
  "output_csv_file": None,
  "device_id": "0",
  "master": "",
}
_GENERATION = {
  "outdir": None,
  "vstar_fn": None,
  "vstar_gamma": "",
  "sample_size": 100000,
  "input_csv_filename": None,
}
_MENTOR_TRAINING = {
  "train_dir": None,
  "data_path": None,
  # The original's are those of --recipe=original, which is tested below.
  "mini_batch_size": None,
  "max_step_train": None,
  "learning_rate": None,
}
_DRAWING = {
  "model_dir": None,
  "loss_bound": 15,
  "epoch_ranges": [str(epoch) for epoch in (*range(0, 100, 10), 99)],
}


def flag_defaults(program):
  result = subprocess.run(
    [sys.executable, "-c", _DEFAULTS, program],
    capture_output=True,
    text=True,
    timeout=120,
  )
  assert result.returncode == 0, result.stderr
  return json.loads(result.stdout)


@pytest.mark.parametrize(
  ("program", "expected"),
  [
    ("train_student", _TRAINING),
    ("eval_student", _EVALUATION),
    ("generate_mentor_data", _GENERATION),
    ("train_mentor", _MENTOR_TRAINING),
    ("plot_mentor", _DRAWING),
  ],
)
def test_the_flags_of_the_original_keep_their_defaults(program, expected):
  found = flag_defaults(program)
  assert expected.keys() <= found.keys()
  assert {name: found[name] for name in expected} == expected


def test_flags_of_training_have_the_defaults_of_the_library():
  found = flag_defaults("train_student")
  # Told from other flags where they are not given; see main.
  derived = {"curriculum": None, "update_decision_threshold": None}
  expected = TrainingSettings().values() | dataclasses.asdict(RunOptions())
  assert {name: found[name] for name in expected} == expected | derived
  assert expected["curriculum"] == "none"


def test_the_original_recipe_is_what_the_help_of_train_mentor_says():
  from mentornet_tf.mentor_training.recipes import MentorRecipe, original_recipe

  assert dataclasses.asdict(original_recipe()) == {
    "steps": 30_000,
    "batch_size": 32,
    "learning_rate": 0.1,
    "schedule": "staircase",
    "warmup_steps": MentorRecipe().warmup_steps,  # of no use to a staircase
    "decay_steps": 1000,
    "clip_norm": 5.0,
    "loss": "auto",
    "train_epoch_embedding": False,
    "compile_steps": True,
  }
  with imported_command("train_mentor") as module:
    told = " ".join(module.__doc__.split())
  for part in (
    "--mini_batch_size=32 --max_step_train=30000 --learning_rate=0.1",
    "falls by 0.9 every 1000 steps without a rise",
    "global norm of 5",
    "squared error unless the targets are exactly 0 and 1",
    "the epoch table stays as initialized",
    "compiled by XLA",
  ):
    assert part in told
