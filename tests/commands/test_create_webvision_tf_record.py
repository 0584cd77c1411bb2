"""The program as users start it: in its own process, killed and resumed."""

import signal
import subprocess
import time
from pathlib import Path

import program_runs
import pytest
from webvision_tree import wordnet_id, write_webvision_tree

from mentornet_tf.datasets.trees import webvision
from mentornet_tf.datasets.trees.webvision import load_webvision
from mentornet_tf.datasets.writing import runners
from mentornet_tf.datasets.writing.conversion import (
  IMAGES_PER_SHARD,
  ConversionRequest,
  convert,
)

PROGRAM = "data/create_webvision_tf_record.py"


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
  return write_webvision_tree(
    tmp_path_factory.mktemp("trees") / "webvision", num_classes=4
  )


def start(folder, *arguments):
  return program_runs.start(PROGRAM, folder, *arguments)


def contents(folder):
  return {
    path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()
  }


TRAIN = (
  "webvision_mini train: 29 of 35 listed images, 4 classes (class 0, "
  "class 1, class 2, …), 4 repaired (1 CMYK JPEG, 1 GIF, 1 PNG, 1 grey JPEG), "
  "6 skipped (1 empty file, 1 listed twice, 1 missing file, 1 truncated JPEG, "
  "1 unreadable file, 1 web page (not read))"
)


def test_converts_and_verifies(tree, tmp_path):
  converted = start(
    tmp_path,
    f"--source_dir={tree.root}",
    "--output_dir=out",
    "--num_shards=3",
    "--num_workers=1",
    "--nodecode",
  )
  assert converted.returncode == 0, converted.stderr
  assert converted.stderr == ""
  assert converted.stdout.splitlines() == [
    TRAIN,
    "  out/webvision_mini_train-00000-of-00003",
    "  ... 1 more shards",
    "  out/webvision_mini_train-00002-of-00003",
    "  out/webvision_mini_train.json",
    "  out/webvision_mini_train.report.json",
    "webvision_mini val: 8 of 8 listed images, 4 classes (class 0, class 1, "
    "class 2, …), 0 repaired, 0 skipped",
    "  out/webvision_mini_val-00000-of-00003",
    "  ... 1 more shards",
    "  out/webvision_mini_val-00002-of-00003",
    "  out/webvision_mini_val.json",
    "  out/webvision_mini_val.report.json",
  ]
  assert len(contents(tmp_path / "out")) == 10

  shard = tmp_path / "out" / "webvision_mini_val-00001-of-00003"
  shard.write_bytes(shard.read_bytes()[:-1])
  verified = start(tmp_path, "--verify", "--output_dir=out", "--num_workers=1")
  assert verified.returncode == 1
  train, warning, val, problem = verified.stdout.splitlines()
  assert train == (
    "webvision_mini train: 3 shards, 29 records; every image decodes, 1 with "
    "damaged JPEG data"
  )
  (damaged,) = tree.damaged
  assert f"({damaged}): Corrupt JPEG data" in warning
  assert val == (
    "webvision_mini val: 3 shards, 7 records, 0 with damaged JPEG data"
  )
  (error,) = verified.stderr.splitlines()
  # On standard error, parameters stand as flags.
  assert error.replace("--overwrite", "`overwrite`") == (
    f"error: {problem.strip()}"
  )
  assert error.startswith(
    "error: out/webvision_mini_val-00001-of-00003: record 2: expected a whole "
    "TFRecord"
  )


def wait_for(condition, process):
  while not condition():
    assert process.poll() is None, "the conversion ended before it was killed"
    time.sleep(0.002)


def alive(process):
  """Whether a process runs; one that waits to be reaped does not."""
  try:
    state = Path(f"/proc/{process}/stat").read_text()
  except FileNotFoundError:
    return False
  return state.rpartition(")")[2].split()[0] != "Z"


def children(process):
  path = Path(f"/proc/{process}/task/{process}/children")
  return [int(each) for each in path.read_text().split()]


@pytest.mark.slow
def test_a_killed_conversion_goes_on_to_the_same_bytes(tmp_path):
  root = write_webvision_tree(
    tmp_path / "webvision", train_per_class=150, side=100, num_classes=4
  ).root
  whole = tmp_path / "whole"
  convert(
    ConversionRequest(
      output_dir=whole,
      dataset_name="webvision_mini",
      split="train",
      listed=load_webvision(root, "train", "mini"),
      shorter_side=60,
      num_shards=60,
    )
  )
  parts = tmp_path / "parts"
  work = parts / "webvision_mini_train.work"
  arguments = (
    "--source_dir=webvision",
    "--splits=train",
    "--resize=60",
    "--num_shards=60",
    "--output_dir=parts",
  )

  def num_finished():
    return len(list(work.glob("*-of-00060.json")))

  process = subprocess.Popen(
    program_runs.command(PROGRAM, *arguments, "--num_workers=2"),
    cwd=tmp_path,
    env=program_runs.environment(),
    stderr=subprocess.DEVNULL,
  )
  wait_for(lambda: num_finished() >= 5, process)
  workers = children(process.pid)
  process.send_signal(signal.SIGKILL)
  process.wait()
  deadline = time.monotonic() + 60
  while any(map(alive, workers)):
    assert time.monotonic() < deadline, "a worker outlived its parent"
    time.sleep(0.02)
  assert 5 <= num_finished() < 60
  assert not contents(parts)
  again = start(tmp_path, *arguments, "--num_workers=1")
  assert again.returncode == 0, again.stderr
  assert contents(parts) == contents(whole)
  assert not work.exists()


@pytest.mark.parametrize(
  ("arguments", "words"),
  [
    (["--output_dir=x"], "give --source_dir"),
    (["--source_dir=x"], "--output_dir: expected a value"),
    (["--source_dir=x", "--output_dir=x", "--subset=bing"], "--subset=bing"),
    (["--source_dir=x", "--output_dir=x", "--resize=0"], "--resize=0"),
    (["--source_dir=x", "--output_dir=x", "--splits="], "split in --splits"),
    (
      ["--source_dir=x", "--output_dir=x", "--beam_options=--a"],
      "a --runner of Apache Beam with --beam_options, got local",
    ),
    (["--source_dir=x", "--output_dir=x", "train"], "'train'"),
  ],
)
def test_wrong_flags_fail_fast_in_one_line(tmp_path, arguments, words):
  program_runs.assert_wrong_flags_fail_fast(
    PROGRAM, tmp_path, [(arguments, [words])]
  )


def test_a_wrong_list_of_one_split_stops_all(tree, tmp_path):
  root = write_webvision_tree(tmp_path / "webvision").root
  path = root / "info" / "val_filelist.txt"
  path.write_text("val000001.jpg 0\nval000002.jpg 3\n")
  result = start(tmp_path, "--source_dir=webvision", "--output_dir=out")
  assert result.returncode == 1
  (line,) = result.stderr.splitlines()
  assert "val_filelist.txt: line 2: expected a label between 0 and 2" in line
  assert not (tmp_path / "out").exists()


def test_a_file_of_classes(tree, tmp_path):
  (tmp_path / "classes.txt").write_text(f"3\n{wordnet_id(1)}\n")
  result = start(
    tmp_path,
    f"--source_dir={tree.root}",
    "--output_dir=out",
    "--subset=all",
    "--classes=classes.txt",
    "--splits=val",
    "--dataset_name=two",
  )
  assert result.returncode == 0, result.stderr
  assert result.stdout.startswith("two val: 4 of 4 listed images, 2 classes (")


def test_choices_are_those_of_the_library(tmp_path):
  result = start(tmp_path, "--help")
  assert result.returncode == 0
  assert f"<{'|'.join(webvision.SUBSETS)}>" in result.stdout
  known = "|".join(("local", *runners.BEAM_RUNNERS))
  assert f"<{known}>" in result.stdout
  per_shard = f"one for each {IMAGES_PER_SHARD} listed images"
  assert per_shard in result.stdout
