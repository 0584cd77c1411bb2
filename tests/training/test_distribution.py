"""Replicas on several devices or workers compute what one device does."""

import os
import random
import re
import signal
import time

import numpy as np
import pytest
import worker_runs

import mentornet_tf as mn
from mentornet_tf.runs.checkpointing import latest_checkpoint

SHORT = ["--max_number_of_steps=30", "--log_interval_steps=10"]


def assert_equal_runs(expected, got):
  np.testing.assert_allclose(
    worker_runs.metrics(got), worker_runs.metrics(expected), rtol=1e-6
  )
  ours, theirs = worker_runs.weights(got), worker_runs.weights(expected)
  assert ours.keys() == theirs.keys()
  for name, values in theirs.items():
    np.testing.assert_allclose(
      ours[name], values, rtol=1e-6, atol=1e-6, err_msg=name
    )
  ours, theirs = (
    np.loadtxt(folder / "losses.csv") for folder in (got, expected)
  )
  np.testing.assert_array_equal(ours[:, :4], theirs[:, :4])
  np.testing.assert_allclose(ours[:, 4:], theirs[:, 4:], rtol=1e-5, atol=1e-6)
  ours, theirs = (mn.TrainingMemory.load(folder) for folder in (got, expected))
  np.testing.assert_array_equal(ours.visits, theirs.visits)
  np.testing.assert_array_equal(ours.ids, theirs.ids)
  for name in ("probabilities", "mean_loss", "mean_weight"):
    np.testing.assert_allclose(
      getattr(ours, name), getattr(theirs, name), rtol=1e-5, atol=1e-6
    )


def test_two_devices_and_two_workers_equal_one(digits_records, tmp_path):
  one, mirrored, workers = (tmp_path / name for name in ("1", "m", "w"))

  def line(folder, *more):
    return worker_runs.flags(digits_records, folder, *SHORT, *more)

  plain = worker_runs.environment()
  results = worker_runs.run_all(
    [
      line(one),
      line(mirrored, "--distribution=mirrored", "--num_devices=2"),
      *[line(workers, "--distribution=multi_worker")] * 2,
    ],
    [plain, plain, *worker_runs.worker_environments(2)],
  )
  for result in results:
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
  *_, chief, other = results
  assert "on 2 replicas" in chief.stdout and "step 30/30" in chief.stdout
  assert "step" not in other.stdout
  assert_equal_runs(one, mirrored)
  assert_equal_runs(one, workers)


LONG = [
  "--max_number_of_steps=600",
  "--log_interval_steps=50",
  "--eval_interval_steps=300",
  "--save_interval_steps=40",
  "--distribution=multi_worker",
]


@pytest.mark.slow
def test_four_workers_equal_one(digits_records, tmp_path):
  one, workers = tmp_path / "1", tmp_path / "w"
  flags = worker_runs.flags
  results = worker_runs.run_all(
    [
      flags(digits_records, one, *SHORT),
      *[flags(digits_records, workers, *SHORT, "--distribution=multi_worker")]
      * 4,
    ],
    [worker_runs.environment(), *worker_runs.worker_environments(4)],
  )
  assert [each.returncode for each in results] == [0] * 5
  assert_equal_runs(one, workers)


@pytest.mark.slow
def test_a_worker_that_is_killed_ends_the_job_which_continues(
  digits_records, tmp_path
):
  whole, parts = tmp_path / "whole", tmp_path / "parts"
  line = worker_runs.flags(digits_records, whole, *LONG)
  outcome = [_ended(each) for each in worker_runs.start_workers(2, line)]
  assert [each[0] for each in outcome] == [0, 0]

  line = worker_runs.flags(digits_records, parts, *LONG)
  draw = random.Random(0)
  for victim in (1, 0, 1, 0, 1):
    workers = worker_runs.start_workers(2, line)
    _wait_for_a_checkpoint(parts, workers)
    time.sleep(draw.uniform(0, 2))
    workers[victim].send_signal(signal.SIGKILL)
    began = time.monotonic()
    code, text = _ended(workers[1 - victim])
    seconds = time.monotonic() - began
    print(f"worker {victim} killed: the other ended after {seconds:.1f} s")
    workers[victim].communicate()
    assert seconds < 60
    assert code == 1
    message = text.strip()
    assert "\n" not in message, message
    assert message.startswith(f"error: worker {victim} (localhost:")
    assert "continue from the last checkpoint" in message
    assert not list(parts.glob("*_temp*"))
  outcome = [_ended(each) for each in worker_runs.start_workers(2, line)]
  assert [each[0] for each in outcome] == [0, 0]
  for name in ("metrics.csv", "losses.csv"):
    assert (parts / name).read_bytes() == (whole / name).read_bytes(), name
  theirs, ours = worker_runs.weights(whole), worker_runs.weights(parts)
  assert ours.keys() == theirs.keys()
  for name, values in theirs.items():
    np.testing.assert_array_equal(ours[name], values, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize(
  ("other", "expected"),
  [
    (["--seed=1"], "expected the same on every worker, got others at worker 1"),
    (
      ["--train_log_dir={}/elsewhere"],
      "expected a folder that all workers share, got one that worker 1",
    ),
  ],
)
def test_workers_that_do_not_fit_together_are_refused(
  digits_records, tmp_path, other, expected
):
  line = worker_runs.flags(
    digits_records, tmp_path / "run", *SHORT, "--distribution=multi_worker"
  )
  results = worker_runs.run_all(
    [line, [*line, *(word.format(tmp_path) for word in other)]],
    worker_runs.worker_environments(2),
  )
  assert [each.returncode for each in results] == [1, 1]
  # Whoever ends first may leave the other without the reason.
  assert any(expected in each.stderr for each in results)
  assert all(each.stderr.startswith("error: ") for each in results)
  assert not list(tmp_path.glob("*/model.ckpt*"))


@pytest.mark.slow
def test_a_signal_at_one_worker_stops_all_at_the_same_step(
  digits_records, tmp_path
):
  line = worker_runs.flags(
    digits_records, tmp_path, *LONG[1:], "--max_number_of_steps=100000"
  )

  def stopped(index):
    """What the chief prints of a job that a signal at one worker stops."""
    workers = worker_runs.start_workers(2, line)
    _wait_for_a_checkpoint(tmp_path, workers)
    workers[index].send_signal(signal.SIGTERM)
    began = time.monotonic()
    texts = [each.communicate(timeout=300) for each in workers]
    print(f"all ended after {time.monotonic() - began:.1f} s")
    assert [each.returncode for each in workers] == [0, 0], texts
    (step,) = re.findall(r"^stopped at step (\d+);", texts[0][0], re.MULTILINE)
    # Which workers save together: it holds what both of them did.
    assert latest_checkpoint(tmp_path) == str(tmp_path / f"model.ckpt-{step}")
    return int(step), texts[0][0]

  step, _ = stopped(1)
  later, text = stopped(0)
  assert f"continuing from step {step}\n" in text
  assert later > step


def _ended(process):
  """Its exit status and standard error, at the end."""
  _, error = process.communicate(timeout=300)
  return process.returncode, error


def _wait_for_a_checkpoint(folder, workers):
  def names():
    return {path.name for path in folder.glob("model.ckpt-*.index")}

  before = names()
  while names() <= before:
    assert all(each.poll() is None for each in workers), os.listdir(folder)
    time.sleep(0.01)
