"""The training and evaluation programs, run as a user runs them."""

import subprocess
import sys
from pathlib import Path

import pytest

from mentornet_tf.training.run_folder import read_metrics, read_run

_BIN = Path(__file__).resolve().parents[1] / "bin"
_DROPOUT = {
  "resnet101": "0.5,17,0.05,78,0.9,5",
  "inception": "0.5,17,0.05,83",
}


def run_program(name, *arguments) -> subprocess.CompletedProcess:
  return subprocess.run(
    [sys.executable, _BIN / name, *map(str, arguments)],
    capture_output=True,
    text=True,
    timeout=280,
  )


def test_an_original_command_line_trains_and_is_evaluated(
  digits_records, tmp_path, golden
):
  run_folder = tmp_path / "run"
  trained = run_program(
    "train_student.py",
    f"--data_dir={digits_records}",
    f"--train_log_dir={run_folder}",
    "--dataset_name=digits",
    "--studentnet=inception",
    "--device_id=0",
    "--num_epochs_per_decay=200",
    "--max_number_of_steps=3",
    f"--trained_mentornet_dir={golden.folder / 'mentor_mentornet_pd'}",
    "--loss_p_precentile=0.75",
    "--burn_in_epoch=0",
    "--nofixed_epoch_after_burn_in",
    "--loss_moving_average_decay=0.5",
    "--example_dropout_rates=0.5,17,0.05,83",
    "--batch_size=16",
    "--ps_tasks=0",
  )
  assert trained.returncode == 0, trained.stderr
  assert "step 3/3" in trained.stdout
  assert "--ps_tasks belongs to TensorFlow 1 clusters" in trained.stdout
  assert trained.stderr == ""
  settings = read_run(run_folder)["settings"]
  assert settings["curriculum"] == "mentornet"
  assert settings["loss_p_percentile"] == 0.75
  assert len(read_metrics(run_folder)) == 1

  evaluated = run_program(
    "eval_student.py",
    f"--data_dir={digits_records}",
    f"--checkpoint_dir={run_folder}",
    f"--eval_dir={tmp_path / 'eval'}",
    "--dataset_name=digits",
    "--split_name=test",
    "--eval_interval_secs=600",
    "--device_id=0",
  )
  assert evaluated.returncode == 0, evaluated.stderr
  assert evaluated.stdout.startswith("step 3  accuracy 0.")
  assert (tmp_path / "eval" / "eval.csv").exists()


def published_command_lines():
  for dataset in ("cifar10", "cifar100"):
    for student in ("resnet101", "inception"):
      common = [
        f"--dataset_name={dataset}",
        f"--studentnet={student}",
        "--device_id=0",
      ]
      if student == "inception":
        common += ["--max_number_of_steps=120000", "--num_epochs_per_decay=200"]
      yield common
      for mentor in ("self_paced", "focal_loss"):
        yield [
          *common,
          f"--trained_mentornet_dir=mentornet_models/models/{mentor}",
          "--loss_p_precentile=0.7",
          "--burn_in_epoch=0",
          "--example_dropout_rates=0.0,100",
        ]
      for percentile in (0.75, 0.5):
        yield [
          *common,
          "--trained_mentornet_dir=mentornet_models/models/mentornet_pd",
          f"--loss_p_precentile={percentile}",
          "--burn_in_epoch=0",
          "--example_dropout_rates=0.5,17,0.05,83",
        ]
      for percentile in (0.8, 0.6, 0.5):
        yield [
          *common,
          "--trained_mentornet_dir=mentornet_models/models/mentornet_dd",
          f"--loss_p_precentile={percentile}",
          "--burn_in_epoch=18",
          "--fixed_epoch_after_burn_in",
          f"--example_dropout_rates={_DROPOUT[student]}",
        ]


def test_every_published_command_line_is_understood():
  lines = [
    [*line, "--data_dir=no/such", "--train_log_dir=runs"]
    for line in published_command_lines()
  ]
  assert len(lines) == 32
  # One process for all: each must get as far as missing its data.
  script = f"""
import runpy, sys
from absl import flags
sys.path.insert(0, {str(_BIN)!r})
import train_student
for line in {lines!r}:
  flags.FLAGS.unparse_flags()
  for name in flags.FLAGS:
    flags.FLAGS[name].unparse()
  flags.FLAGS(["program", *line])
  try:
    train_student.main()
  except train_student.UserError as error:
    assert "no/such does not exist" in str(error), error
  else:
    raise AssertionError(line)
print("understood", len({lines!r}))
"""
  result = subprocess.run(
    [sys.executable, "-c", script], capture_output=True, text=True, timeout=280
  )
  assert result.returncode == 0, result.stderr
  assert "understood 32" in result.stdout


_PLACES = ("--data_dir=no/such", "--train_log_dir=no/run")


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    ([], "--data_dir"),
    ([*_PLACES, "--batch_size=0"], "--batch_size=0"),
    ([*_PLACES, "--loss_p_percentile=1.2"], "range [0, 1]"),
    ([*_PLACES, "--burn_in_epoch=101"], "range [0, 100]"),
    ([*_PLACES, "--bogus=1"], "'bogus'"),
    ([*_PLACES, "extra"], "expected only flags, got the argument 'extra'"),
    (
      [*_PLACES, "--example_dropout_rates=0.5,50"],
      "--example_dropout_rates: expected",
    ),
    ([*_PLACES, "--example_dropout_rates=0.5,50"], "got the sum 50"),
    (
      [*_PLACES, "--trained_mentornet_dir=x", "--curriculum=self_paced"],
      "expected --curriculum=mentornet",
    ),
    ([*_PLACES, "--curriculum=mentornet"], "expected --curriculum=mentornet"),
    ([*_PLACES, "--vstar_gamma=two"], "--vstar_gamma: expected a number"),
  ],
)
def test_mistakes_in_flags_are_one_line(arguments, message):
  result = run_program("train_student.py", *arguments)
  assert result.returncode != 0
  assert message in result.stderr
  assert result.stderr.startswith("error: ")
  assert len(result.stderr.splitlines()) == 1


def test_mistakes_in_data_are_one_line(tmp_path):
  for program, folder_flag in (
    ("train_student.py", "train_log_dir"),
    ("eval_student.py", "checkpoint_dir"),
  ):
    result = run_program(
      program, f"--data_dir={tmp_path}", f"--{folder_flag}={tmp_path}"
    )
    assert result.returncode != 0
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.splitlines()) == 1


def test_help_tells_the_job_and_the_flags():
  result = run_program("train_student.py", "--help")
  assert result.returncode == 0
  assert "Trains a student network" in result.stdout
  assert "--loss_p_percentile" in result.stdout
