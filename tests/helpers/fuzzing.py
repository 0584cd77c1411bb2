"""Damaged copies of files, the same for the same seed."""

import re

import numpy as np


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
