"""Where the records of a TFRecord file lie.

A TFRecord file is a chain of records, each of 8 bytes of length, 4 of the
length's checksum, the data, and 4 of the data's checksum. Following the lengths
finds every record without reading the data.
"""

import os
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mentornet_tf.errors import UserError

# The message about a record whose bytes do not match its checksums.
NO_WHOLE_RECORD = "expected a whole TFRecord, got a truncated or corrupted one"

# Without `overwrite` a conversion takes the set for finished.
_REMEDY = "copy this shard again or write the set again with `overwrite`"

HEADER_BYTES, _FOOTER_BYTES = 12, 4
_CRC32C_POLYNOMIAL = 0x82F63B78
# TFRecord stores checksums rotated and with this added.
_MASK_DELTA = 0xA282EAD8


class RecordSpans(NamedTuple):
  """The places of the N records of one file.

  Attributes:
    offsets: [N] int64, where each record begins, in bytes.
    lengths: [N] int64, bytes of data, which lie `HEADER_BYTES` behind that.
  """

  offsets: np.ndarray
  lengths: np.ndarray


def record_spans(path: Path, remedy: str = _REMEDY) -> RecordSpans:
  """Finds every record of a TFRecord file and checks the lengths' checksums.

  Args:
    path: the file.
    remedy: what to do about a damaged file, for the message.

  Raises:
    UserError: the file is no chain of whole records.
  """
  headers, offsets = [], []
  offset = 0
  size = path.stat().st_size
  file = os.open(path, os.O_RDONLY)
  try:
    if hasattr(os, "posix_fadvise"):
      # Read-ahead would fetch the images, too.
      os.posix_fadvise(file, 0, 0, os.POSIX_FADV_RANDOM)
    while offset < size:
      header = os.pread(file, HEADER_BYTES, offset)
      length = int.from_bytes(header[:8], "little")
      end = offset + HEADER_BYTES + length + _FOOTER_BYTES
      if end > size:
        break
      headers.append(header)
      offsets.append(offset)
      offset = end
  finally:
    os.close(file)
  fields = np.frombuffer(b"".join(headers), np.dtype("<u8, <u4"))
  damaged = np.flatnonzero(masked_checksum(fields["f0"]) != fields["f1"])
  if damaged.size or offset < size:
    position = int(damaged[0]) if damaged.size else len(headers)
    raise UserError(f"{path}: record {position}: {NO_WHOLE_RECORD}; {remedy}")
  return RecordSpans(np.array(offsets, np.int64), fields["f0"].astype(np.int64))


def records_checksum(path: Path) -> str:
  """One checksum of all records of a file, 8 hexadecimal digits.

  It is made from the checksums that the records have, in their order, so that
  only those are read: 4 bytes per record.

  Raises:
    UserError: the file is no chain of whole records.
  """
  spans = record_spans(path)
  ends = spans.offsets + HEADER_BYTES + spans.lengths
  checksum = 0
  with path.open("rb", buffering=0) as file:
    for end in ends.tolist():
      stored = os.pread(file.fileno(), _FOOTER_BYTES, end)
      checksum = zlib.crc32(stored, checksum)
  return f"{checksum:08x}"


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
