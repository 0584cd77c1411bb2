"""Where each record of a set lies, for reading any of them at once.

A TFRecord file is a chain of records, each of 8 bytes of length, 4 of the
length's checksum, the data, and 4 of the data's checksum. Following the lengths
once gives every record's place; a set's places are kept in a file beside its
shards.
"""

import os
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from mentornet_tf.datasets.records.inspection import NO_WHOLE_RECORD
from mentornet_tf.errors import UserError
from mentornet_tf.internal.atomic_files import replacing

_HEADER_BYTES, _FOOTER_BYTES = 12, 4
_CRC32C_POLYNOMIAL = 0x82F63B78
# TFRecord stores checksums rotated and with this added.
_MASK_DELTA = 0xA282EAD8


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
      (names, sizes and times of change) is used. Where it cannot be written,
      the shards are read again next time. None keeps nothing.
    on_shard: called after each shard, for progress.

  Raises:
    UserError: a file is no chain of whole records.
  """
  shards = tuple(Path(shard) for shard in shards)
  stamp = _stamp(shards)
  if cache is not None and (kept := _read_cache(cache, shards, stamp)):
    return kept
  parts = []
  for shard in shards:
    parts.append(_scan(shard))
    on_shard()
  index = RecordIndex(
    shards,
    np.array([len(offsets) for offsets in parts], np.int64),
    np.concatenate(parts),
  )
  if cache is not None:
    _write_cache(cache, index, stamp)
  return index


def _scan(shard: Path) -> np.ndarray:
  """Offsets [records] int64 of one file."""
  headers, offsets = [], []
  offset = 0
  size = shard.stat().st_size
  file = os.open(shard, os.O_RDONLY)
  try:
    if hasattr(os, "posix_fadvise"):
      # Read-ahead would fetch the images, too.
      os.posix_fadvise(file, 0, 0, os.POSIX_FADV_RANDOM)
    while offset < size:
      header = os.pread(file, _HEADER_BYTES, offset)
      length = int.from_bytes(header[:8], "little")
      end = offset + _HEADER_BYTES + length + _FOOTER_BYTES
      if end > size:
        break
      headers.append(header)
      offsets.append(offset)
      offset = end
  finally:
    os.close(file)
  fields = np.frombuffer(b"".join(headers), np.dtype("<u8, <u4"))
  wrong = np.flatnonzero(masked_checksum(fields["f0"]) != fields["f1"])
  if wrong.size or offset < size:
    position = int(wrong[0]) if wrong.size else len(headers)
    raise UserError(
      f"{shard}: record {position}: {NO_WHOLE_RECORD}; copy this shard again "
      "or write the set again"
    )
  return np.array(offsets, np.int64)


def masked_checksum(lengths: np.ndarray) -> np.ndarray:
  """The checksums [N] uint32 that TFRecord stores beside `lengths` [N] uint64.

  CRC-32C of the 8 little-endian bytes, rotated right by 15 bits, plus a
  constant.
  """
  table = np.arange(256, dtype=np.uint32)
  for _ in range(8):
    table = np.where(table & 1, _CRC32C_POLYNOMIAL ^ (table >> 1), table >> 1)
  table = table.astype(np.uint32)
  crc = np.full(len(lengths), 0xFFFFFFFF, np.uint32)
  for byte in lengths.astype("<u8")[:, np.newaxis].view(np.uint8).T:
    crc = table[(crc ^ byte) & 0xFF] ^ (crc >> np.uint32(8))
  crc = ~crc
  rotated = (crc >> np.uint32(15)) | (crc << np.uint32(17))
  return rotated + np.uint32(_MASK_DELTA)


def _stamp(shards: Sequence[Path]) -> np.ndarray:
  """[shards, 2] int64: size and time of change of each file."""
  states = [shard.stat() for shard in shards]
  return np.array([(s.st_size, s.st_mtime_ns) for s in states], np.int64)


def _read_cache(
  cache: Path, shards: tuple[Path, ...], stamp: np.ndarray
) -> RecordIndex | None:
  """What the cache holds; None if there is none of the very same shards."""
  names = [shard.name for shard in shards]
  try:
    with np.load(cache, allow_pickle=False) as kept:
      if kept["names"].tolist() == names and np.array_equal(
        kept["stamp"], stamp
      ):
        return RecordIndex(shards, kept["counts"], kept["offsets"])
  # Missing or damaged: the shards tell it all again.
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
  # Data often lie where they can only be read.
  except OSError:
    pass
