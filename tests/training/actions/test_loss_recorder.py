"""What a run records of its losses, and of what it remembers."""

import dataclasses
import shutil

import numpy as np
import pytest
from memory_references import average
from quadrant_runs import OPTIONS, killed_at_the_next_checkpoint, run

import mentornet_tf as mn
from mentornet_tf.errors import UserError
from mentornet_tf.mentor_training.loss_dump import read_loss_dump

RECORDING = dataclasses.replace(OPTIONS, record_losses=True)
FORGETTING = dataclasses.replace(RECORDING, memory=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  path = tmp_path_factory.mktemp("runs") / "run"
  run(path, options=RECORDING)
  return path


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
  """The same run, killed at its first checkpoint; tests copy it."""
  path = tmp_path_factory.mktemp("runs") / "killed"
  with killed_at_the_next_checkpoint():
    run(path, options=RECORDING)
  return path


def test_rows_hold_what_is_remembered_with_this_visit(folder):
  dump = read_loss_dump(folder / "losses.csv")
  memory = mn.TrainingMemory.load(folder)
  assert len(dump.loss) == 240
  for example in map(str, memory.ids):
    rows = np.flatnonzero(dump.example_id == example)
    losses = dump.loss[rows]
    means = [average(list(losses[: n + 1]), 0.95) for n in range(len(rows))]
    np.testing.assert_allclose(dump.memory[rows, 0], means, rtol=1e-5)
    agreements = dump.memory[rows, 3] * np.arange(1, len(rows) + 1)
    np.testing.assert_allclose(agreements, np.round(agreements), atol=1e-4)
  # Of the last visits, it is what the run remembers at its end.
  last = [np.flatnonzero(dump.example_id == str(i))[-1] for i in memory.ids]
  others = memory.probabilities.copy()
  others[np.arange(len(others)), memory.labels] = 0
  expected = [
    memory.mean_loss,
    memory.given_probability,
    others.max(axis=1),
    memory.agreement,
  ]
  np.testing.assert_allclose(
    dump.memory[last], np.transpose(expected), rtol=2e-5, atol=1e-7
  )


def test_a_run_without_a_memory_records_losses_alone(folder, tmp_path):
  run(tmp_path, options=FORGETTING)
  lines, whole = (
    (path / "losses.csv").read_text().splitlines()
    for path in (tmp_path, folder)
  )
  assert lines == [" ".join(line.split()[:5]) for line in whole]
  assert read_loss_dump(tmp_path / "losses.csv").memory is None


def test_a_continued_run_records_the_same(folder, killed, tmp_path):
  shutil.copytree(killed, tmp_path, dirs_exist_ok=True)
  with pytest.raises(UserError) as caught:
    run(tmp_path, options=FORGETTING)
  message = str(caught.value)
  assert "losses.csv: expected a run with `memory`, as it was" in message
  assert "\n" not in message
  run(tmp_path, options=RECORDING)
  whole, parts = (
    (path / "losses.csv").read_text() for path in (folder, tmp_path)
  )
  assert parts == whole


def test_averages_do_not_restart_within_a_file(killed, tmp_path):
  shutil.copytree(killed, tmp_path, dirs_exist_ok=True)
  before = (tmp_path / "losses.csv").read_text()
  shutil.rmtree(tmp_path / "training_memory")
  with pytest.raises(UserError) as caught:
    run(tmp_path, options=RECORDING)
  message = str(caught.value)
  assert "losses.csv: expected the memory from which its aver" in message
  assert "training_memory/step-8.npz; restore that file, or" in message
  assert "\n" not in message
  assert (tmp_path / "losses.csv").read_text() == before


def test_a_continued_file_keeps_its_columns(folder, tmp_path):
  with killed_at_the_next_checkpoint():
    run(tmp_path, options=FORGETTING)
  run(tmp_path, options=RECORDING)
  lines = (tmp_path / "losses.csv").read_text().splitlines()
  assert {len(line.split()) for line in lines} == {5}
  assert len(lines) == 240
