"""Where each record of a set lies, so that any of them can be read directly.

The places are found once and then kept in a file beside the shards.
"""

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from mentornet_tf.datasets.records.framing import record_spans
from mentornet_tf.internal.atomic_files import replacing


@dataclass(frozen=True)
class RecordIndex:
  """The places of N records in their shards.

  Attributes:
    shards: the files, in order.
    counts: [number of shards] int64, records in each.
    offsets: [N] int64, where each record begins in its file, in bytes.
    positions: [N] int64, the record's number in its file; None where all
      records of the shards are here.
  """

  shards: tuple[Path, ...]
  counts: np.ndarray
  offsets: np.ndarray
  positions: np.ndarray | None = None

  def __len__(self) -> int:
    return len(self.offsets)

  @cached_property
  def ends(self) -> np.ndarray:
    """[number of shards] index of the first record after each."""
    return np.cumsum(self.counts)

  def take(self, indices: np.ndarray) -> "RecordIndex":
    """The records `indices` [M] int64, rising."""
    shard = np.searchsorted(self.ends, indices, side="right")
    positions = indices - (self.ends - self.counts)[shard]
    if self.positions is not None:
      positions = self.positions[indices]
    counts = np.bincount(shard, minlength=len(self.shards))
    return RecordIndex(self.shards, counts, self.offsets[indices], positions)

  def locate(self, index: int) -> tuple[Path, int]:
    """The shard of a record, and the record's position in it."""
    shard = int(np.searchsorted(self.ends, index, side="right"))
    if self.positions is not None:
      return self.shards[shard], int(self.positions[index])
    first = self.ends[shard] - self.counts[shard]
    return self.shards[shard], int(index - first)


def index_records(
  shards: Sequence[Path],
  cache: Path | None = None,
  on_shard: Callable[[], None] = lambda: None,
) -> RecordIndex:
  """Finds every record of `shards`.

  Args:
    shards: TFRecord files in reading order.
    cache: a file that keeps the result; one that was made from the same shards
      (names, sizes and modification times) is used. Where it cannot be written,
      the shards are read again next time. None keeps nothing.
    on_shard: called after each shard, for progress.

  Raises:
    UserError: a file is no chain of whole records.
  """
  shards = tuple(Path(shard) for shard in shards)
  stamp = shard_stamp(shards)
  if cache is not None and (kept := _read_cache(cache, shards, stamp)):
    return kept
  parts = []
  for shard in shards:
    parts.append(record_spans(shard).offsets)
    on_shard()
  index = RecordIndex(
    shards,
    np.array([len(offsets) for offsets in parts], np.int64),
    np.concatenate(parts),
  )
  if cache is not None:
    _write_cache(cache, index, stamp)
  return index


def shard_stamp(shards: Sequence[Path]) -> np.ndarray:
  """[shards, 2] int64: size and modification time of each file."""
  states = [shard.stat() for shard in shards]
  return np.array([(s.st_size, s.st_mtime_ns) for s in states], np.int64)


def _read_cache(
  cache: Path, shards: tuple[Path, ...], stamp: np.ndarray
) -> RecordIndex | None:
  """What the cache holds; None unless it is of these very shards."""
  names = [shard.name for shard in shards]
  try:
    with np.load(cache, allow_pickle=False) as kept:
      if kept["names"].tolist() == names and np.array_equal(
        kept["stamp"], stamp
      ):
        return RecordIndex(shards, kept["counts"], kept["offsets"])
  # Missing or damaged: the shards are searched again.
  except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
    pass
  return None


def _write_cache(cache: Path, index: RecordIndex, stamp: np.ndarray) -> None:
  try:
    with replacing(cache) as partial, partial.open("wb") as file:
      np.savez(
        file,
        names=np.array([shard.name for shard in index.shards]),
        stamp=stamp,
        counts=index.counts,
        offsets=index.offsets,
      )
  # Data sets often lie on read-only file systems.
  except OSError:
    pass
