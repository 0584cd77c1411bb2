"""Damage within the compressed pixels of JPEG files.

A JPEG's header and end can be sound where its middle is not. The decoder, which
is that of training, refuses some such files and makes up the pixels of others.
Of the latter it says so on standard error only, which is therefore read here.
"""

import os
import re
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import tensorflow as tf

# What the decoder says of images whose pixels it had to make up in part. There
# are others, of unusual notes of cameras for instance, which are no matter.
_WARNINGS = (
  b"Corrupt JPEG data",
  b"Premature end of JPEG",
  b"Inconsistent progression sequence",
  b"Invalid SOS parameters",
)

# A few bytes between the last pixel and the end are a habit of some programs;
# many are left where a part of the pixels was lost.
_STRAY_BYTES = re.compile(
  rb"Corrupt JPEG data: (\d+) extraneous bytes before marker 0xd9"
)
_MOST_STRAY_BYTES = 16

# Why images are skipped.
REFUSED, MADE_UP = "damaged JPEG", "damaged JPEG data"

# Of the pixels only the mean of each block of 8x8 is computed, while all of the
# compressed data is read.
_RATIO = 8

# Standard error is that of the process.
_one_reader = threading.Lock()


class DecoderWarnings:
  """Reads the JPEG decoder's warnings from standard error.

  A context manager, which holds a temporary file.
  """

  def __enter__(self) -> "DecoderWarnings":
    self._file: BinaryIO = tempfile.TemporaryFile()
    self._seen = 0
    return self

  def __exit__(self, *_: object) -> None:
    self._file.close()

  @contextmanager
  def listening(self) -> Iterator[None]:
    """Nothing that is written to standard error in the body appears there."""
    with _one_reader:
      standard_error = os.dup(2)
      os.dup2(self._file.fileno(), 2)
      try:
        yield
      finally:
        os.dup2(standard_error, 2)
        os.close(standard_error)

  def latest(self) -> str:
    """The first warning since the last call, "" without one."""
    size = os.fstat(self._file.fileno()).st_size
    if size == self._seen:
      return ""
    text = os.pread(self._file.fileno(), size - self._seen, self._seen)
    self._seen = size
    warnings = filter(_tells_of_damage, text.splitlines())
    return next(warnings, b"").decode("ascii", errors="replace")


def _tells_of_damage(line: bytes) -> bool:
  stray = _STRAY_BYTES.match(line)
  if stray and int(stray[1]) <= _MOST_STRAY_BYTES:
    return False
  return line.startswith(_WARNINGS)


class JpegCheck:
  """Decodes JPEG files at an eighth of their size to find damage in them.

  A context manager; usable in several threads, one of which decodes at a time.
  """

  def __enter__(self) -> "JpegCheck":
    self._warnings = DecoderWarnings().__enter__()
    return self

  def __exit__(self, *_: object) -> None:
    self._warnings.__exit__()

  def damages(self, files: Sequence[bytes]) -> list[str | None]:
    """`damage` of each file; quicker than one call for each."""
    with self._warnings.listening():
      sound = all(_decodes(data, channels=1) for data in files)
    if sound and not self._warnings.latest():
      return [None] * len(files)
    return [self.damage(data) for data in files]

  def damage(self, data: bytes) -> str | None:
    """Why a JPEG file does not decode to its picture; None where it does.

    Args:
      data: the file's content.

    Returns:
      `REFUSED` where the decoder refuses it, `MADE_UP` where it makes up a part
      of the pixels.
    """
    self._warnings.latest()
    with self._warnings.listening():
      # Brightness alone is not to be had of CMYK.
      decodes = _decodes(data, channels=1) or _decodes(data, channels=3)
    warning = self._warnings.latest()
    if not decodes:
      return REFUSED
    return MADE_UP if warning else None


def _decodes(data: bytes, channels: int) -> bool:
  """Whether the decoder takes a file; one channel is cheaper than three."""
  try:
    # The quickest of several ways to say this to TensorFlow.
    tf.raw_ops.DecodeJpeg(
      contents=tf.constant(data), channels=channels, ratio=_RATIO
    )
  except tf.errors.InvalidArgumentError:
    return False
  return True
