import dataclasses
import shutil

import numpy as np
import pytest
import tiny
from quadrant_runs import SETTINGS, run

from mentornet_tf.datasets.reading.in_memory import evaluation_batches
from mentornet_tf.errors import UserError
from mentornet_tf.evaluation import continuous
from mentornet_tf.evaluation.evaluator import Evaluator
from mentornet_tf.runs import checkpointing
from mentornet_tf.runs.run_folder import read_metrics
from mentornet_tf.runs.trained_run import open_run


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
  """The folder of a finished run, which no test changes, and its result."""
  folder = tmp_path_factory.mktemp("runs") / "run"
  result, _ = run(folder)
  return folder, result


@pytest.fixture
def folder(finished, tmp_path):
  """A copy of that folder."""
  return shutil.copytree(finished[0], tmp_path / "run")


def test_checkpoints_are_evaluated_once_each(finished, folder):
  data = tiny.dataset(40, noise=0, seed=1)
  lines = []
  for _ in range(2):
    opened = open_run(folder, "ignored", data.num_classes)
    continuous.evaluate_checkpoints(
      opened,
      data,
      7,
      folder / "eval",
      once=False,
      interval_seconds=0,
      print_line=lines.append,
      sleep=lambda _: pytest.fail("a finished run needs no waiting"),
    )
  rows = (folder / "eval" / "eval.csv").read_text().splitlines()
  assert [row.split(",")[1] for row in rows] == ["step", "8", "16", "24"]
  last = read_metrics(folder)[-1]
  accuracy = float(last["test_accuracy"])
  assert [line.split()[2] for line in lines] == ["8", "16", "24", "24"]
  assert lines[2] == lines[3]
  assert lines[2].startswith(
    f"quadrants_train  step 24  accuracy {accuracy:.4f}  best"
  )
  assert finished[1].finished


def test_the_same_step_on_other_data_is_evaluated(folder):
  lines = []
  for name, noise in (("test", 0), ("train", 0.5), ("test", 0)):
    data = dataclasses.replace(
      tiny.dataset(40, noise), name=f"quadrants_{name}"
    )
    continuous.evaluate_checkpoints(
      open_run(folder),
      data,
      7,
      folder / "eval",
      once=True,
      interval_seconds=0,
      print_line=lines.append,
    )
  assert lines[0] == lines[2] != lines[1]
  assert len((folder / "eval" / "eval.csv").read_text().splitlines()) == 3


def test_waits_for_training_to_start(tmp_path):
  waited, lines = [], []

  def begin(seconds):
    waited.append(seconds)
    if len(waited) == 2:
      (tmp_path / "run.json").write_text("{}")

  continuous.wait_for_run(tmp_path, 5, print_line=lines.append, sleep=begin)
  assert waited == [5, 5]
  assert lines == [f"{tmp_path}: waiting for training to start"]


def test_waits_for_new_checkpoints(tmp_path):
  short = SETTINGS.changed(max_number_of_steps=8)
  data = tiny.dataset(40, noise=0, seed=1)
  run(tmp_path, short)
  opened = dataclasses.replace(
    open_run(tmp_path, "ignored", data.num_classes), total_steps=16
  )
  waited, lines = [], []

  def train_on(seconds):
    waited.append(seconds)
    checkpointing.CheckpointStore(
      tmp_path, {"student": opened.student.variables}
    ).save(16)

  continuous.evaluate_checkpoints(
    opened,
    data,
    7,
    tmp_path / "eval",
    once=False,
    interval_seconds=5,
    print_line=lines.append,
    sleep=train_on,
  )
  assert waited == [5]
  assert [line.split()[2] for line in lines] == ["8", "16"]


def test_skips_checkpoints_that_cannot_be_read(folder):
  (folder / "model.ckpt-16.data-00000-of-00001").write_bytes(b"half")
  (folder / "model.ckpt-8.index").unlink()
  data = tiny.dataset(40, noise=0, seed=1)
  lines = []
  continuous.evaluate_checkpoints(
    open_run(folder),
    data,
    7,
    folder / "eval",
    once=False,
    interval_seconds=0,
    print_line=lines.append,
  )
  assert [line.split()[2] for line in lines] == ["24"]


def test_dumped_losses_are_those_of_the_student(finished, folder):
  data = tiny.dataset()
  opened = open_run(folder, "ignored", data.num_classes)
  continuous.dump_losses(opened, data, 7, folder / "losses.csv")
  rows = np.loadtxt(folder / "losses.csv")
  np.testing.assert_array_equal(rows[:, 0], data.ids)
  assert set(rows[:, 1]) == {99}
  np.testing.assert_array_equal(rows[:, 2], data.labels)
  np.testing.assert_array_equal(rows[:, 3], data.clean_labels)
  batches = evaluation_batches(data, 60)
  expected = Evaluator(finished[1].model.student, batches).per_example()["loss"]
  np.testing.assert_allclose(rows[:, 4], expected, rtol=1e-5)
  assert not list(folder.glob(".partial*"))


def test_folders_without_a_run_are_reported(tmp_path):
  data = tiny.dataset()
  with pytest.raises(UserError, match="no such folder"):
    open_run(tmp_path / "none", tiny.STUDENT, data.num_classes)
  opened = open_run(tmp_path, tiny.STUDENT, data.num_classes)
  with pytest.raises(UserError, match="with a checkpoint, got none"):
    opened.newest()
