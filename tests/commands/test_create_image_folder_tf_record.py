"""The program as users start it: from another folder, in its own process."""

import numpy as np
import pytest
from image_files import picture, write_birds
from program_runs import (
  assert_fails_in_one_line,
  assert_wrong_flags_fail_fast,
  start,
)

from mentornet_tf.datasets.records.schema import load_in_memory
from mentornet_tf.datasets.trees import splits

PROGRAM = "data/create_image_folder_tf_record.py"


@pytest.fixture
def folder(tmp_path):
  write_birds(tmp_path / "birds")
  return tmp_path


def test_small_squares_with_noise_load_in_memory(folder):
  result = start(
    PROGRAM,
    folder,
    "--source_dir=birds",
    "--dataset_name=tiny_birds",
    "--output_dir=out",
    "--image_size=32",
    "--test_fraction=0.2",
    "--noise=pairflip",
    "--noise_rate=1",
    "--seed=5",
    "--num_workers=1",
  )
  assert result.returncode == 0, result.stderr
  assert result.stderr == ""
  assert result.stdout.splitlines()[0] == (
    "tiny_birds train: 16 of 18 listed images, 2 classes (emu, owl), 1 "
    "repaired (1 CMYK JPEG), 2 skipped (1 not an image, 1 truncated JPEG)"
  )
  train = load_in_memory(folder / "out", "tiny_birds", "train")
  test = load_in_memory(folder / "out", "tiny_birds", "test")
  assert train.images.shape[1:] == test.images.shape[1:] == (32, 32, 3)
  assert len(train) + len(test) == 20
  assert train.class_names == ("emu", "owl")
  np.testing.assert_array_equal(train.labels, 1 - train.clean_labels)
  np.testing.assert_array_equal(test.labels, test.clean_labels)
  assert train.summary["noise"] == {
    "kind": "pairflip",
    "rate": 1.0,
    "seed": 5,
    "measured_rate": 1.0,
    "unknown_true_labels": 0,
  }
  assert result.stdout.splitlines()[-1] == (
    "noise pairflip (rate 1.0, seed 5), measured noise rate 1.0000"
  )
  # The middle of a picture, reduced.
  expected = np.asarray(picture(32, 43))[:, 5:37].astype(int)
  assert np.abs(train.images - expected).max() <= 12


def test_three_splits_in_the_given_order_of_classes(tmp_path):
  for split in ("Train", "valid", "test"):
    write_birds(tmp_path / "birds" / split)
  (tmp_path / "birds" / "info").mkdir()
  (tmp_path / "names.txt").write_text("owl\nkiwi\nemu\n")
  place = ("--output_dir=out", "--dataset_name=birds", "--num_workers=1")
  flags = ("--source_dir=birds", "--class_names=names.txt")
  result = start(PROGRAM, tmp_path, *place, *flags)
  assert result.returncode == 0, result.stderr
  lines = result.stdout.splitlines()
  assert lines[:2] == [
    "note: no folder of images for 1 class (kiwi)",
    "note: skipped the folder info, which is neither a split nor a class",
  ]
  results = [line for line in lines if line.startswith("birds ")]
  assert [line.split(":")[0] for line in results] == [
    "birds train",
    "birds val",
    "birds test",
  ]
  assert all("3 classes (owl, kiwi, emu)" in line for line in results)
  again = start(PROGRAM, tmp_path, "--verify", *place)
  for split in ("train", "val", "test"):
    assert f"birds {split}: 1 shards, " in again.stdout


def test_mistakes_are_reported_in_one_line(folder):
  (folder / "list.csv").write_text("path,label\nemu/1.jpg,owl\nemu/2.jpg\n")
  for arguments, words in (
    (["--source_dir=fish"], ["--source_dir: ", "fish", "no such folder"]),
    (["--source_dir=birds/emu"], ["two or more classes"]),
    (["--csv=list.csv"], ["list.csv: line 3: expected 2 fields, got 1"]),
    (
      ["--source_dir=birds", "--test_fraction=0.01"],
      ["--test_fraction: ", "of 22, got none with 0.01"],
    ),
  ):
    result = start(PROGRAM, folder, "--output_dir=out", *arguments)
    assert_fails_in_one_line(result, *words)
    assert not (folder / "out").exists()


def test_wrong_flags_fail_fast_in_one_line(tmp_path):
  assert_wrong_flags_fail_fast(
    PROGRAM,
    tmp_path,
    (
      (["--output_dir=x"], ["--source_dir or --csv"]),
      (["--source_dir=birds"], ["--output_dir"]),
      (["--noise=instance"], ["--noise=instance", "symmetric"]),
      (["--test_fraction=1.5"], ["--test_fraction=1.5", "[0, 1]"]),
      (["--image_size=0"], ["--image_size=0"]),
    ),
  )


def test_choices_are_those_of_the_library(tmp_path):
  result = start(PROGRAM, tmp_path, "--noise=else")
  assert f"<{'|'.join(splits.OWN_NOISE_KINDS)}>" in result.stderr


def test_help_names_every_flag(tmp_path):
  result = start(PROGRAM, tmp_path, "--help")
  assert result.stdout.strip().startswith("Writes your own images")
  for flag in ("--source_dir", "--csv", "--image_size", "--noise_rate"):
    assert flag in result.stdout
