"""Millions of short byte strings without an object for each."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mentornet_tf.internal.atomic_files import write_array

_PARTS = ("buffer", "starts", "rows")

# Rows copied per NumPy call when a column is packed; bounds the memory.
_ROWS_AT_ONCE = 65536


@dataclass(frozen=True)
class BytesColumn:
  """N byte strings in one buffer.

  Row i holds value `rows[i]` of the buffer, so that a selection, another order
  and a category of few values cost four bytes per row.

  Attributes:
    buffer: uint8, the M values one after the other.
    starts: [M + 1] int64, where each value begins; the last is the end.
    rows: [N] int32, which value each row holds.
  """

  buffer: np.ndarray
  starts: np.ndarray
  rows: np.ndarray

  @classmethod
  def of(cls, values: Iterable[bytes]) -> "BytesColumn":
    """A column of the given values, one row each."""
    buffer = bytearray()

    def lengths() -> Iterator[int]:
      for value in values:
        buffer.extend(value)
        yield len(value)

    sizes = np.fromiter(lengths(), np.int64)
    return cls(
      np.frombuffer(buffer, np.uint8),
      np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)]),
      np.arange(len(sizes), dtype=np.int32),
    )

  def take(self, rows: np.ndarray) -> "BytesColumn":
    """The column of the given rows, in that order; shares the values."""
    return BytesColumn(self.buffer, self.starts, self.rows[rows])

  def first_occurrences(self) -> np.ndarray:
    """[N] bool: which rows hold a value that no earlier row holds."""
    hashes = np.fromiter(map(hash, self), np.int64, len(self))
    _, group, size = np.unique(hashes, return_inverse=True, return_counts=True)
    is_first = np.ones(len(self), bool)
    # Different values may share a hash, so these few are compared.
    seen = set()
    for row in np.flatnonzero(size[group] > 1).tolist():
      value = self[row]
      is_first[row] = value not in seen
      seen.add(value)
    return is_first

  def packed(self) -> "BytesColumn":
    """The same rows, each with a value of its own, in their order."""
    starts = np.zeros(len(self) + 1, np.int64)
    np.cumsum(np.diff(self.starts)[self.rows], out=starts[1:])
    buffer = np.empty(starts[-1], np.uint8)
    for first in range(0, len(self), _ROWS_AT_ONCE):
      last = min(first + _ROWS_AT_ONCE, len(self))
      # Byte k of the result is byte k + shift of the buffer.
      shift = self.starts[self.rows[first:last]] - starts[first:last]
      lengths = np.diff(starts[first : last + 1])
      there = slice(starts[first], starts[last])
      source = np.arange(there.start, there.stop) + np.repeat(shift, lengths)
      buffer[there] = self.buffer[source]
    return BytesColumn(buffer, starts, np.arange(len(self), dtype=np.int32))

  def __len__(self) -> int:
    return len(self.rows)

  def __getitem__(self, index: int) -> bytes:
    value = self.rows[index]
    return self.buffer[self.starts[value] : self.starts[value + 1]].tobytes()

  def __iter__(self) -> Iterator[bytes]:
    return (self[index] for index in range(len(self)))

  def save(self, folder: Path, name: str) -> None:
    """Writes `<name>.buffer.npy`, `<name>.starts.npy`, `<name>.rows.npy`.

    Where every row has its own value these lie in the order of the rows, so
    that reading a part of the rows reads a part of the file.
    """
    of_categories = len(self.starts) - 1 < len(self)
    column = self if of_categories else self.packed()
    for part in _PARTS:
      write_array(folder / f"{name}.{part}.npy", getattr(column, part))

  @staticmethod
  def is_saved(folder: Path, name: str) -> bool:
    """Whether the folder holds a column of this name."""
    return (folder / f"{name}.rows.npy").exists()

  @classmethod
  def load(cls, folder: Path, name: str) -> "BytesColumn":
    """Opens what `save` wrote; only the parts that are used are read."""
    return cls(
      *(mapped_array(folder / f"{name}.{part}.npy") for part in _PARTS)
    )


def mapped_array(path: Path) -> np.ndarray:
  """An array in a `.npy` file, of which only the parts that are used are read.

  Elements of NumPy's own class for this take several times as long to read.
  """
  return np.load(path, mmap_mode="r").view(np.ndarray)
