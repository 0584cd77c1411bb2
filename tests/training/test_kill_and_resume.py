"""A training process is killed at random moments and started again."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from mentornet_tf.training.memory.memory_files import memory_path, read_memory

_BIN = Path(__file__).resolve().parents[2] / "bin"
_KILLS = 20


def command(data_dir, run_folder):
  return [
    sys.executable,
    _BIN / "train_student.py",
    f"--data_dir={data_dir}",
    f"--eval_data_dir={data_dir}",
    f"--train_log_dir={run_folder}",
    "--dataset_name=digits",
    "--studentnet=tiny:student",
    "--curriculum=self_paced",
    "--example_dropout_rates=0.2,100",
    "--max_number_of_steps=3000",
    "--save_interval_steps=7",
    "--log_interval_steps=50",
    "--eval_interval_steps=500",
    "--steps_per_call=3",
    "--batch_size=32",
    "--record_losses",
    "--deterministic",
  ]


def stored_values(folder: Path) -> dict[str, bytes]:
  """The bytes of every variable in the last checkpoint."""
  reader = tf.train.load_checkpoint(str(folder / "model.ckpt-3000"))
  return {
    name: reader.get_tensor(name).tobytes()
    for name in reader.get_variable_to_shape_map()
    # All but the book-keeping: how many checkpoints this very process wrote.
    if not name.startswith(("save_counter", "_CHECKPOINTABLE"))
  }


@pytest.mark.slow
def test_a_run_killed_twenty_times_equals_an_uninterrupted_one(
  digits_records, tmp_path, monkeypatch
):
  monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "helpers"))
  whole, parts = tmp_path / "whole", tmp_path / "parts"
  subprocess.run(command(digits_records, whole), check=True, timeout=600)

  draw = random.Random(0)
  kills = 0
  while kills < _KILLS:
    process = subprocess.Popen(command(digits_records, parts))
    # Wait until it trains, so that the kill falls into the loop, of which
    # writing checkpoints is a large part.
    before = {path.name for path in parts.glob("model.ckpt-*.index")}
    while process.poll() is None and before == {
      path.name for path in parts.glob("model.ckpt-*.index")
    }:
      time.sleep(0.01)
    time.sleep(draw.uniform(0, 0.3))
    assert process.poll() is None, "the run ended before it was killed enough"
    process.send_signal(signal.SIGKILL)
    process.wait()
    kills += 1
  subprocess.run(command(digits_records, parts), check=True, timeout=600)

  for name in ("metrics.csv", "losses.csv"):
    assert (whole / name).read_bytes() == (parts / name).read_bytes(), name
  for step in (2996, 3000):  # the last two checkpoints
    a, b = (read_memory(memory_path(f, step)) for f in (whole, parts))
    assert a.header == b.header
    for name, values in a.columns.items():
      np.testing.assert_array_equal(values, b.columns[name])
    np.testing.assert_array_equal(a.probabilities(), b.probabilities())
  expected, got = (stored_values(folder) for folder in (whole, parts))
  assert got == expected
