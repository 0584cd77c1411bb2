"""The training and evaluation programs on images of any size."""

import csv

import pytest
from command_modules import imported_command, run_without_data
from large_images import STUDENT, write_records
from program_runs import run_program

from mentornet_tf.runs.run_folder import read_metrics, read_run


def test_training_and_evaluation_on_two_sets(tmp_path):
  records, other = tmp_path / "webvision", tmp_path / "imagenet"
  write_records(records, count=30)
  write_records(records, split="val", count=12, num_shards=1, seed=50)
  write_records(other, "imagenet_mini", "val", count=10, num_shards=1, seed=90)
  sets = f"--eval_sets=webvision_mini:val,{other}/imagenet_mini:val"
  trained = run_program(
    "train_student.py",
    f"--data_dir={records}",
    f"--train_log_dir={tmp_path / 'run'}",
    "--dataset_name=webvision_mini",
    f"--studentnet={STUDENT}",
    "--trained_mentornet_dir=mentornet_pd",
    "--image_size=48",
    "--resize_shorter_side=50",
    "--train_crop=resized",
    "--batch_size=10",
    "--max_number_of_steps=3",
    sets,
  )
  assert (trained.returncode, trained.stderr) == (0, ""), trained.stderr
  settings = read_run(tmp_path / "run")["settings"]
  assert settings["image_size"] == 48
  assert settings["resize_shorter_side"] == 50
  assert settings["train_crop"] == "resized"
  (row,) = read_metrics(tmp_path / "run")
  evaluated = run_program(
    "eval_student.py",
    f"--data_dir={records}",
    f"--checkpoint_dir={tmp_path / 'run'}",
    sets,
  )
  assert (evaluated.returncode, evaluated.stderr) == (0, ""), evaluated.stderr
  assert [line.split()[0] for line in evaluated.stdout.splitlines()] == [
    "webvision_mini_val",
    "imagenet_mini_val",
  ]
  with (tmp_path / "run" / "eval" / "eval.csv").open() as file:
    for result in csv.DictReader(file):
      for column in ("accuracy", "top5_accuracy", "loss"):
        expected = float(row[f"{result['data']}/{column}"])
        assert float(result[column]) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
  ("arguments", "words"),
  [
    (["--train_crop=resized"], "--train_crop: expected --image_size with it"),
    (["--resize_shorter_side=320"], "--resize_shorter_side: expected"),
    (["--image_size=0"], "--image_size=0"),
    (["--train_crop=middle"], "middle"),
    (["--eval_sets=val"], "eval_sets: expected names like"),
    (
      ["--student_weights=x.h5", "--studentnet=inception", "--image_size=32"],
      "no/such",
    ),
  ],
)
def test_mistakes_are_one_line(arguments, words):
  result = run_program(
    "train_student.py",
    "--data_dir=no/such",
    "--train_log_dir=no/run",
    *arguments,
  )
  assert result.returncode == 1
  assert result.stderr.startswith("error: ") and words in result.stderr
  assert len(result.stderr.splitlines()) == 1


def settings_of(line):
  """The settings of a command line whose data does not exist."""
  with imported_command("train_student") as command:
    run_without_data(command, line)
    return command.training_settings().values()


def test_the_large_student_has_defaults_of_its_own():
  large = "--studentnet=inception_resnet_v2"
  given = settings_of([large, "--learning_rate=0.01"])
  plain = settings_of([large])
  assert given["learning_rate"] == 0.01
  assert plain["learning_rate"] == 0.05
  for settings in (given, plain):
    assert settings["image_size"] == 299
    assert settings["batch_size"] == 64
    assert settings["max_number_of_steps"] == 93_000
