"""The program as users start it: from another folder, in its own process."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mentornet_tf.datasets.labels import label_noise
from mentornet_tf.datasets.sources import registry

PROGRAM = Path(__file__).parents[2] / "data" / "create_cifar_tf_record.py"


def start(folder, *arguments):
  # As users have it: the tests' own environment quietens TensorFlow.
  environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
  environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
  return subprocess.run(
    [sys.executable, str(PROGRAM), *arguments],
    cwd=folder,
    capture_output=True,
    text=True,
    timeout=120,
    env=environment,
  )


def test_writes_digits_and_reports(tmp_path):
  arguments = ("--output_dir=out", "--noise=symmetric", "--noise_rate=0.4")
  result = start(tmp_path, *arguments, "--max_train_examples=100")
  assert result.returncode == 0, result.stderr
  assert result.stderr == ""
  lines = result.stdout.splitlines()
  assert lines[0] == (
    "digits train: 100 images, 10 classes (0, 1, 2, …), noise symmetric (rate "
    "0.4, seed 0), measured noise rate 0.3200"
  )
  assert (
    "digits test: 355 images, 10 classes (0, 1, 2, …), noise none"
    in result.stdout
  )
  files = [line.strip() for line in lines if line.startswith("  ")]
  assert files == [
    *(f"out/digits_train-0000{shard}-of-00005" for shard in range(5)),
    "out/digits_train.json",
    "out/digits_test-00000-of-00001",
    "out/digits_test.json",
  ]
  assert all((tmp_path / file).is_file() for file in files)


@pytest.mark.parametrize(
  ("arguments", "words"),
  [
    (["--output_dir=x", "--noise=salt"], ["--noise=salt", "symmetric"]),
    (["--output_dir=x", "--noise_rate=1.5"], ["--noise_rate=1.5", "[0, 1]"]),
    (["--output_dir=x", "--seed=-1"], ["--seed=-1", "[0, 4294967295]"]),
    (["--output_dir=x", "--num_shards=0"], ["--num_shards=0", "positive"]),
    (["--output_dir=x", "--no_such_flag"], ["no_such_flag"]),
    (["--output_dir=x", "digits"], ["only flags", "'digits'"]),
    (["--noise=symmetric"], ["--output_dir"]),
  ],
)
def test_wrong_flags_fail_fast_in_one_line(tmp_path, arguments, words):
  began = time.monotonic()
  result = start(tmp_path, *arguments)
  assert time.monotonic() - began < 20
  assert result.returncode == 1
  (line,) = result.stderr.strip().splitlines()
  assert line.startswith("error: ")
  for word in words:
    assert word in line
  assert not list(tmp_path.iterdir())


def test_user_errors_are_one_line(tmp_path):
  result = start(
    tmp_path, "--output_dir=x", "--dataset_name=cifar10", "--source_dir=no"
  )
  assert result.returncode == 1
  assert "Traceback" not in result.stderr
  last = result.stderr.strip().splitlines()[-1]
  assert last.startswith("error: --source_dir: expected no to be or to hold")


def test_no_write_permission_is_one_line(tmp_path):
  (tmp_path / "file").write_text("")
  result = start(tmp_path, "--output_dir=file/below", "--max_train_examples=10")
  assert result.returncode == 1
  assert "Traceback" not in result.stderr
  assert "file/below" in result.stderr.strip().splitlines()[-1]


def test_help_names_every_flag(tmp_path):
  result = start(tmp_path, "--help")
  assert result.stdout.strip().startswith(
    "Writes digits, CIFAR-10 or CIFAR-100"
  )
  for flag in ("--dataset_name", "--source_dir", "--noise", "--label_file"):
    assert flag in result.stdout


@pytest.mark.parametrize(
  ("flag", "choices"),
  [
    ("dataset_name", registry.SOURCE_NAMES),
    ("noise", label_noise.LABEL_NOISE_KINDS),
  ],
)
def test_choices_are_those_of_the_library(tmp_path, flag, choices):
  result = start(tmp_path, f"--{flag}=else")
  assert f"<{'|'.join(choices)}>" in result.stderr
