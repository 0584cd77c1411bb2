"""Rows of class probabilities [N, C] on the host, in memory or on disk."""

import contextlib
import mmap
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from mentornet_tf.internal.atomic_files import naming

# Up to this many probabilities are held in memory, as 64 MiB of float32.
MOST_IN_MEMORY = 2**24

# Values that are worked on at a time.
_AT_ONCE = 2**20

# Of the square root of a probability. Averages change in small steps, which
# float16 would lose: near 1 it tells no values apart that are closer than
# 0.0005, while here the distance is 0.00003 there and less below.
_LEVELS = 65535


class ProbabilityRows(Protocol):
  """Probabilities [N, C], all 0 at first.

  Attributes:
    encoding: how they are stored, a key of `ENCODINGS`.
  """

  encoding: str

  def read(self, positions: np.ndarray) -> np.ndarray:
    """[M, C] float32, the rows at `positions`."""

  def write(self, positions: np.ndarray, rows: np.ndarray) -> None:
    """Replaces the rows at `positions`, all different, by [M, C] floats."""

  def stored(self, part: slice) -> np.ndarray:
    """The rows of a part as they are stored."""

  def store(self, part: slice, rows: np.ndarray) -> None:
    """Replaces the rows of a part by such rows."""


class FloatRows:
  """`ProbabilityRows` in memory, float32."""

  encoding = "float32"

  def __init__(self, num_examples: int, num_classes: int):
    self._rows = np.zeros((num_examples, num_classes), np.float32)

  def read(self, positions: np.ndarray) -> np.ndarray:
    return self._rows[positions]

  def write(self, positions: np.ndarray, rows: np.ndarray) -> None:
    self._rows[positions] = rows

  def stored(self, part: slice) -> np.ndarray:
    return self._rows[part]

  def store(self, part: slice, rows: np.ndarray) -> None:
    self._rows[part] = rows


class CompactRows:
  """`ProbabilityRows` of two bytes per value, in a file without a name.

  They take no memory but for the rows being worked on, beside what the
  operating system holds of the file while it has nothing better to hold.

  Args:
    num_examples: N.
    num_classes: C.
    folder: on the disk for the file, which goes with the process.
  """

  encoding = "sqrt_uint16"

  def __init__(self, num_examples: int, num_classes: int, folder: Path):
    shape = num_examples, num_classes
    with naming(folder), tempfile.TemporaryFile(dir=folder) as file:
      file.truncate(max(2 * num_examples * num_classes, 1))
      self._map = mmap.mmap(file.fileno(), 0)
    self._rows = np.ndarray(shape, np.uint16, buffer=self._map)

  def read(self, positions: np.ndarray) -> np.ndarray:
    return decoded(self._rows[positions])

  def write(self, positions: np.ndarray, rows: np.ndarray) -> None:
    self._rows[positions] = encoded(rows)
    self._release()

  def stored(self, part: slice) -> np.ndarray:
    rows = self._rows[part].copy()
    self._release()
    return rows

  def store(self, part: slice, rows: np.ndarray) -> None:
    self._rows[part] = rows
    self._release()

  def _release(self) -> None:
    """Takes the file's pages out of the process; none of them is lost."""
    with contextlib.suppress(AttributeError):  # not on every system
      self._map.madvise(mmap.MADV_DONTNEED)


# Name of an encoding -> its dtype.
ENCODINGS = {
  FloatRows.encoding: np.dtype(np.float32),
  CompactRows.encoding: np.dtype(np.uint16),
}


def make_rows(
  num_examples: int, num_classes: int, folder: Path
) -> ProbabilityRows:
  """Rows in memory if they are few, else in a file in `folder`."""
  if is_in_memory(num_examples, num_classes):
    return FloatRows(num_examples, num_classes)
  return CompactRows(num_examples, num_classes, folder)


def is_in_memory(num_examples: int, num_classes: int) -> bool:
  """Whether `make_rows` holds the rows in memory."""
  return num_examples * num_classes <= MOST_IN_MEMORY


def encoded(probabilities: np.ndarray) -> np.ndarray:
  """Probabilities in two bytes each, by their square roots."""
  return np.rint(np.sqrt(probabilities) * np.float32(_LEVELS)).astype(np.uint16)


def decoded(stored: np.ndarray) -> np.ndarray:
  """float32 probabilities, of the float32 or two bytes that are stored."""
  if stored.dtype == np.float32:
    return stored
  root = stored.astype(np.float32)
  root *= np.float32(1 / _LEVELS)
  return np.square(root, out=root)


def parts(num_rows: int, num_classes: int) -> Iterator[slice]:
  """Slices of rows that are worked on at a time."""
  at_once = max(_AT_ONCE // num_classes, 1)
  for start in range(0, num_rows, at_once):
    yield slice(start, min(start + at_once, num_rows))
