"""From image files to raw pixels to a trained student, as users do it."""

import re

import pytest
from large_images import STUDENT
from program_runs import assert_fails_in_one_line, run_program, start
from webvision_tree import write_webvision_tree

from mentornet_tf.runs.run_folder import read_metrics

CONVERT = "data/create_webvision_tf_record.py"


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
  folder = tmp_path_factory.mktemp("converted")
  write_webvision_tree(folder / "webvision", num_classes=6, defects=False)
  result = start(
    CONVERT,
    folder,
    "--source_dir=webvision",
    "--output_dir=raw",
    "--splits=train",
    "--store=raw",
    "--resize=40",
    "--num_workers=1",
  )
  assert (result.returncode, result.stderr) == (0, "")
  return folder / "raw", result.stdout.splitlines()


def train(data_dir, run, *arguments):
  return run_program(
    "train_student.py",
    f"--data_dir={data_dir}",
    f"--train_log_dir={run}",
    "--dataset_name=webvision_mini",
    f"--studentnet={STUDENT}",
    "--trained_mentornet_dir=mentornet_pd",
    "--image_size=32",
    "--batch_size=10",
    "--max_number_of_steps=3",
    "--log_interval_steps=1",
    *arguments,
  )


def test_the_size_is_told_first(converted):
  _, (size, free, done, *_) = converted
  assert re.fullmatch(
    r"webvision_mini train: 36 images to convert, about 0\.000 GB of raw "
    "pixels",
    size,
  )
  assert re.fullmatch(r"free in raw: [\d.]+ GB", free)
  assert done.startswith("webvision_mini train: 36 of 36 listed images, ")


def test_training_takes_raw_pixels(converted, tmp_path):
  run = tmp_path / "run"
  trained = train(converted[0], run, "--resize_shorter_side=40")
  assert (trained.returncode, trained.stderr) == (0, ""), trained.stderr
  rows = read_metrics(run)
  assert [int(row["step"]) for row in rows] == [1, 2, 3]
  assert all(0 < float(row["total_loss"]) < 100 for row in rows)


def test_larger_images_are_refused(converted, tmp_path):
  result = train(converted[0], tmp_path / "run", "--resize_shorter_side=50")
  assert_fails_in_one_line(
    result, "--resize_shorter_side: expected at most 40 pixels", "got 50"
  )


def test_a_size_is_needed(converted, tmp_path):
  result = start(
    CONVERT,
    tmp_path,
    f"--source_dir={converted[0].parent / 'webvision'}",
    "--output_dir=out",
    "--store=raw",
  )
  assert_fails_in_one_line(
    result, "--store: expected a size with raw pixels", "give a --resize, such"
  )
  assert not (tmp_path / "out").exists()
