"""Programs as users start them: from another folder, in their own process."""

import os
import subprocess
import sys
import time
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def start(program: str, folder: Path, *arguments: str):
  """Runs such as "data/create_cifar_tf_record.py"; gives what it printed."""
  # As users have it: the tests' own environment quietens TensorFlow.
  environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
  environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
  return subprocess.run(
    [sys.executable, str(_ROOT / program), *map(str, arguments)],
    cwd=folder,
    capture_output=True,
    text=True,
    timeout=120,
    env=environment,
  )


def assert_fails_in_one_line(result, *words: str) -> None:
  assert result.returncode == 1, result.stdout
  (line,) = result.stderr.strip().splitlines()
  assert line.startswith("error: ")
  for word in words:
    assert word in line


def assert_wrong_flags_fail_fast(program, folder, cases) -> None:
  """Each case is the arguments and the words of its one line."""
  for arguments, words in cases:
    began = time.monotonic()
    result = start(program, folder, *arguments)
    assert time.monotonic() - began < 20
    assert_fails_in_one_line(result, *words)
  assert not list(folder.iterdir())
