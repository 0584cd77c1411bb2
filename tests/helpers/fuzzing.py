"""Damaged copies of files, and what readers may do with them.

For any bytes a reader gives a value that is right, or one line of advice.
"""

import faulthandler
import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mentornet_tf.errors import UserError

_SECONDS = 60


@dataclass(frozen=True)
class Reader:
  """A reader of files from outside.

  Attributes:
    file_name: where the damaged file lies below its folder.
    write: writes what is read, the sound file included, into a folder.
    read: takes the path of the file.
    check: asserts that the value, which it takes with the path, is right.
    wrap: what becomes of damaged bytes before they are written.
    caches: names of files that the reader may leave, which are removed.
  """

  file_name: str
  write: Callable[[Path], Any]
  read: Callable[[Path], Any]
  check: Callable[[Path, Any], None]
  wrap: Callable[[bytes], bytes] = bytes
  caches: tuple[str, ...] = ()


@dataclass
class Outcomes:
  """How often a reader gave a right value, and how often a line of advice."""

  values: int = 0
  lines: int = 0


def fuzz(folder: Path, reader: Reader, seeds: Iterable[int]) -> Outcomes:
  """Reads damaged copies of a file; fails with every seed that goes wrong."""
  reader.write(folder)
  path = folder / reader.file_name
  sound = path.read_bytes()
  there = sorted(folder.rglob("*"))
  outcomes, failures = Outcomes(), []
  for seed in seeds:
    path.write_bytes(reader.wrap(damaged(sound, seed)))
    faulthandler.dump_traceback_later(_SECONDS, exit=True)
    try:
      if _is_refused(reader, path):
        outcomes.lines += 1
      else:
        outcomes.values += 1
    except Exception as error:  # every seed is told, not the first alone
      failures.append(
        f"seed {seed}: {type(error).__name__}: {str(error)[:400]}"
      )
    finally:
      faulthandler.cancel_dump_traceback_later()
    for name in reader.caches:
      (folder / name).unlink(missing_ok=True)
  assert not failures, "\n".join(failures)
  assert sorted(folder.rglob("*")) == there
  return outcomes


def _is_refused(reader: Reader, path: Path) -> bool:
  try:
    with warnings.catch_warnings():
      warnings.simplefilter("error")  # they would be lines without advice
      value = reader.read(path)
  except UserError as error:
    message = str(error)
    assert "\n" not in message, message
    assert ";" in message, message  # what was wrong; what to do
    assert len(message) < 1000, message
    return True
  reader.check(path, value)
  return False


def _numbers_enlarged(data: bytes, rng: np.random.Generator) -> bytes:
  found = list(re.finditer(rb"\d+", data))
  if not found:
    return data
  chosen = found[rng.integers(len(found))]
  large = rng.choice([b"-1", b"1e400", b"NaN", b"9" * 30, b"9" * 5000])
  return data[: chosen.start()] + bytes(large) + data[chosen.end() :]


def damaged(data: bytes, seed: int) -> bytes:
  """A copy of `data` (not empty) with one to three kinds of damage."""
  rng = np.random.default_rng(seed)
  for _ in range(rng.integers(1, 4)):
    size = max(len(data), 1)
    begin, end = sorted(rng.integers(0, size + 1, 2).tolist())
    part = data[begin:end]
    kind = rng.integers(8)
    if kind == 0:  # bits flipped
      flipped = bytearray(data or b"\0")
      for place in rng.integers(0, len(flipped), 1 + rng.integers(4)):
        flipped[place] ^= 1 << rng.integers(8)
      data = bytes(flipped)
    elif kind == 1:  # cut off
      data = data[:begin]
    elif kind == 2:  # cut out
      data = data[:begin] + data[end:]
    elif kind == 3:  # swapped
      data = data[end:] + part + data[:begin]
    elif kind == 4:  # spliced in elsewhere
      place = rng.integers(0, size)
      data = data[:place] + part[:1000] + data[place:]
    elif kind == 5:  # zeros, as after a crash
      data = data[:begin] + bytes(len(part)) + data[end:]
    elif kind == 6:  # a byte of the largest value, as in sizes
      data = data[:begin] + b"\xff" * min(4, len(part)) + data[begin + 4 :]
    else:
      data = _numbers_enlarged(data, rng)
  return data
