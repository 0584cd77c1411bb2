"""Examples run as users run them, and the numbers that they print."""

import os
import re
from pathlib import Path

from scripts import run_script

_ROOT = Path(__file__).resolve().parents[2]


def run_example(name: str, folder: Path, *arguments: object, **env: str) -> str:
  """What an example prints, run in `folder`."""
  done = run_script(
    _ROOT / "examples" / name,
    *arguments,
    cwd=folder,
    env=os.environ | {"PYTHONPATH": str(_ROOT)} | env,
    timeout=900,
  )
  assert done.returncode == 0, done.stderr
  return done.stdout


def number_after(text: str, words: str) -> float:
  """The first number that follows these words."""
  return float(re.search(rf"{re.escape(words)} ([\d.]+)", text)[1])
