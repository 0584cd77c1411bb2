"""Programs as users start them: from another folder, in their own process."""

import os
import subprocess
import sys
import time
from pathlib import Path

from scripts import run_script

_ROOT = Path(__file__).parents[2]


def command(program: str, *arguments: str) -> list[str]:
  """How to run a program such as "data/create_cifar_tf_record.py"."""
  return [sys.executable, str(_ROOT / program), *map(str, arguments)]


def environment() -> dict[str, str]:
  """As users have it: the tests' own environment quietens TensorFlow."""
  variables = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
  variables.pop("TF_CPP_MIN_LOG_LEVEL", None)
  return variables


def start(program: str, folder: Path, *arguments: str):
  """Runs a program to its end; gives what it printed."""
  return run_script(_ROOT / program, *arguments, cwd=folder, env=environment())


def run_program(name: str, *arguments) -> subprocess.CompletedProcess:
  """Runs bin/`name` to its end; user functions may lie beside this file."""
  paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
  return run_script(
    _ROOT / "bin" / name,
    *arguments,
    env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
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
