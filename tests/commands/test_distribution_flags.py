"""Mistakes in how a run is distributed, before TensorFlow starts."""

import json

import pytest
from program_runs import assert_wrong_flags_fail_fast

PROGRAM = "bin/train_student.py"
NEEDED = ("--data_dir=records", "--train_log_dir=run")
CONFIG = {
  "cluster": {"worker": ["localhost:3001", "a:2", "a:3"]},
  "task": {"type": "worker", "index": 0},
}


def test_mirrored_devices(tmp_path):
  mirrored = (*NEEDED, "--distribution=mirrored")
  cases = [
    (
      (*mirrored, "--num_devices=3", "--batch_size=16"),
      ("--batch_size: expected a multiple of the 3 replicas", "15 or 18"),
    ),
    (
      (*NEEDED, "--num_devices=3"),
      ("--num_devices: expected --distribution=mirrored with it, got off",),
    ),
    (
      (*NEEDED, "--distribution=ps"),
      ("--distribution=ps: expected <off|mirrored|multi_worker>",),
    ),
    ((*mirrored,), ("--num_devices: expected a number of CPU devices",)),
  ]
  assert_wrong_flags_fail_fast(PROGRAM, tmp_path, cases)


@pytest.mark.parametrize(
  ("config", "words"),
  [
    (None, ("TF_CONFIG: expected the workers of the job", "got none")),
    (CONFIG, ("--batch_size: expected a multiple of the 3 replicas",)),
  ],
)
def test_workers(tmp_path, monkeypatch, config, words):
  monkeypatch.delenv("TF_CONFIG", raising=False)
  if config:
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
  line = (*NEEDED, "--distribution=multi_worker", "--batch_size=16")
  assert_wrong_flags_fail_fast(PROGRAM, tmp_path, [(line, words)])
