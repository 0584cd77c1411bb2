"""Flags that are made from settings: precedence, names, help, quick refusal."""

import json
import subprocess
import sys

import pytest

from mentornet_tf.settings import TrainingSettings, preset

# Parses each line as bin/train_student.py does, in one process.
_PARSE = """
import json, sys
from absl import flags

from mentornet_tf.commands import train_student

found = []
for line in json.loads(sys.stdin.read()):
  for name in flags.FLAGS:
    flags.FLAGS[name].unparse()
  flags.FLAGS(["train", "--data_dir=a", "--train_log_dir=b", *line])
  found.append(train_student.training_settings().values())
help_texts = {name: flags.FLAGS[name].help for name in flags.FLAGS}
assert not {"tensorflow", "keras"} & set(sys.modules)
print(json.dumps([found, help_texts]))
"""

_MISTAKE = """
import sys
from mentornet_tf.commands.main import main

sys.argv.insert(1, "train")
try:
  main()
except SystemExit as error:
  assert error.code == 1
  assert not {"tensorflow", "keras"} & set(sys.modules)
"""

_LINES = {
  "nothing": [],
  "mentor": ["--trained_mentornet_dir=mentornet_pd"],
  "large": ["--studentnet=inception_resnet_v2", "--learning_rate=0.01"],
  "mentormix": ["--curriculum=mentormix", "--studentnet=inception"],
  "preset": [
    "--preset=mentormix_cifar10_80",
    "--burn_in_epoch=0",
    "--nosecond_reweight",
    "--mentormix_weights=threshold",
  ],
  "large preset": [
    "--preset=mentormix_cifar10_20",
    "--studentnet=inception_resnet_v2",
  ],
  "updates": [
    "--trained_mentornet_dir=scratch",
    "--update_mentor_at=0.5",
    "--clean_fraction=1",
  ],
  "aliases": ["--loss_p_precentile=0.6", "--judge_by_average"],
  "gamma": ["--curriculum=focal_loss", "--vstar_gamma=3"],
  "no gamma": ["--curriculum=focal_loss", "--vstar_gamma="],
  "auto": ["--loss_p_percentile=auto"],
}


@pytest.fixture(scope="module")
def parsed():
  result = subprocess.run(
    [sys.executable, "-c", _PARSE],
    input=json.dumps(list(_LINES.values())),
    capture_output=True,
    text=True,
    timeout=60,
  )
  assert result.returncode == 0, result.stderr
  found, help_texts = json.loads(result.stdout)
  return dict(zip(_LINES, found, strict=True)), help_texts


@pytest.mark.parametrize(
  ("line", "changes"),
  [
    ("nothing", {}),
    ("auto", {"loss_p_percentile": "auto"}),
    (
      "mentor",
      {"curriculum": "mentornet", "trained_mentornet_dir": "mentornet_pd"},
    ),
    (
      "large",
      {
        "studentnet": "inception_resnet_v2",
        "image_size": 299,
        "batch_size": 64,
        "learning_rate": 0.01,
        "num_epochs_per_decay": 30.0,
        "max_number_of_steps": 93_000,
      },
    ),
    (
      "mentormix",
      {
        "curriculum": "mentormix",
        "trained_mentornet_dir": "mentornet_pd",
        "dataset_name": "cifar100",
        "studentnet": "inception",
        "learning_rate_decay_factor": 0.9,
        "num_epochs_per_decay": 3.0,
        "max_number_of_steps": 100_000,
        "example_dropout_rates": "0.0, 100",
        "ema_decay": 0.9999,
      },
    ),
    (
      "preset",
      preset("mentormix_cifar10_80")
      | {
        "burn_in_epoch": 0,
        "second_reweight": False,
        "mentormix_weights": "threshold",
      },
    ),
    (
      "large preset",
      {"image_size": 299, "batch_size": 64, "learning_rate": 0.05}
      | preset("mentormix_cifar10_20")
      | {
        "studentnet": "inception_resnet_v2",
        "trained_mentornet_dir": "mentornet_pd",
      },
    ),
    (
      "updates",
      {
        "curriculum": "mentornet",
        "trained_mentornet_dir": "scratch",
        "update_mentor_at": "0.5",
        "update_decision_threshold": 0.7,
        "clean_fraction": 1.0,
      },
    ),
    ("aliases", {"loss_p_percentile": 0.6, "weigh_by_average": True}),
    ("gamma", {"curriculum": "focal_loss", "vstar_gamma": 3.0}),
    ("no gamma", {"curriculum": "focal_loss"}),
  ],
)
def test_explicit_flags_then_presets_then_defaults_of_the_student(
  parsed, line, changes
):
  assert parsed[0][line] == TrainingSettings().values() | changes


def test_the_help_of_a_flag_speaks_of_flags(parsed):
  _, texts = parsed
  assert "default 320/299 of --image_size" in texts["resize_shorter_side"]
  assert not [
    name for name in TrainingSettings().values() if "`" in texts[name]
  ]


@pytest.mark.parametrize(
  ("flag", "message"),
  [
    ("--update_mentor_at=0.5,0.2", "expected increasing fractions"),
    ("--curriculum=self_pased", "expected one of none, mentornet"),
    ("--studentnet=resnet", "expected one of inception"),
    ("--image_size=0", "--image_size=0"),
    ("--resize_shorter_side=9", "expected --image_size with it"),
    ("--trained_mentornet_dir=scratch", "expected 'scratch'"),
    ("--preset=best", "expected one of mentormix_cifar10_20"),
    ("--eval_sets=val", "expected names like"),
    ("--steps_per_call=0", "--steps_per_call=0"),
  ],
)
def test_mistakes_are_reported_before_tensorflow_starts(flag, message):
  result = subprocess.run(
    [sys.executable, "-c", _MISTAKE, "--data_dir=a", "--train_log_dir=b", flag],
    capture_output=True,
    text=True,
    timeout=60,
  )
  (line,) = result.stderr.splitlines()
  assert line.startswith("error: ") and message in line
  assert result.returncode == 0
