"""The header of a JPEG file, read without decoding a pixel."""

import struct
from dataclasses import dataclass

_START = b"\xff\xd8"
_END = b"\xff\xd9"

# Markers without a length: TEM and RST0 to RST7.
_BARE_MARKERS = frozenset((0x01, *range(0xD0, 0xD8)))
# SOF0 to SOF15 but for DHT (C4), JPG (C8) and DAC (CC).
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Baseline, extended sequential and progressive, all of Huffman codes.
_USUAL_FRAMES = frozenset((0xC0, 0xC1, 0xC2))
_HUFFMAN_TABLES, _QUANTIZATION_TABLES = 0xC4, 0xDB
_SCAN, _ADOBE, _JFIF, _EXIF = 0xDA, 0xEE, 0xE0, 0xE1
_ADOBE_YCBCR = 1

_frame = struct.Struct(">BHHB")  # sample bits, height, width, components


@dataclass(frozen=True)
class JpegHeader:
  """A JPEG file's frame.

  Attributes:
    height: pixels.
    width: pixels.
    num_components: 1 grayscale, 3 color, 4 CMYK or YCCK.
    is_usual: whether every decoder reads it alike: 8 bits, Huffman codes, one
      frame of Y, Cb and Cr with its tables, and color at a whole fraction of
      the resolution.
    is_complete: whether the file has its end marker. Anything may follow it:
      cameras and editors append previews and padding.
    exif: the camera's notes, b"" without them.
  """

  height: int
  width: int
  num_components: int
  is_usual: bool
  is_complete: bool
  exif: bytes = b""


def is_jpeg(data: bytes) -> bool:
  """Whether the file begins as JPEG files do."""
  return data.startswith(b"\xff\xd8\xff")


def read_jpeg_header(data: bytes) -> JpegHeader | None:
  """The header of a JPEG file, or None where it is truncated or damaged.

  Reads segment by segment up to the first scan, so its cost does not grow with
  the picture.
  """
  position, size = len(_START), len(data)
  frames, seen = [], set()
  ycbcr, exif = True, b""
  while position + 4 <= size:
    if data[position] != 0xFF:
      return None
    marker = data[position + 1]
    if marker == 0xFF:  # padding before a marker
      position += 1
      continue
    if marker in _BARE_MARKERS:
      position += 2
      continue
    body, length = position + 4, data[position + 2] << 8 | data[position + 3]
    end = position + 2 + length
    if length < 2 or end > size:
      return None
    seen.add(marker)
    if marker in _FRAME_MARKERS:
      # A component takes three bytes.
      if length < 8 or length != 8 + 3 * data[body + 5]:
        return None
      frames.append((marker, *_frame.unpack_from(data, body)))
      identifiers = data[body + 6 : end : 3]
      sampling = data[body + 7 : end : 3]
    elif marker == _ADOBE and length >= 14 and data.startswith(b"Adobe", body):
      ycbcr = data[body + 11] == _ADOBE_YCBCR
    elif marker == _EXIF and data.startswith(b"Exif\0\0", body):
      exif = exif or data[body:end]
    elif marker == _SCAN:
      break
    position = end
  if _SCAN not in seen or not frames:
    return None
  frame_marker, bits, height, width, num_components = frames[0]
  # Without an Adobe or JFIF marker, decoders go by the components' names.
  ycbcr &= not (identifiers == b"RGB" and _JFIF not in seen)
  return JpegHeader(
    height=height,
    width=width,
    num_components=num_components,
    is_usual=(
      len(frames) == 1
      and frame_marker in _USUAL_FRAMES
      and bits == 8
      and num_components == 3
      and ycbcr
      and _are_multiples(sampling)
      and height > 0
      and width > 0
      and {_HUFFMAN_TABLES, _QUANTIZATION_TABLES} <= seen
    ),
    # Compressed data never holds the end marker: a 0 is stuffed after each FF.
    is_complete=data.endswith(_END) or data.find(_END, end) != -1,
    exif=exif,
  )


def _are_multiples(sampling: bytes) -> bool:
  """Whether each component is enlarged by whole numbers.

  Args:
    sampling: one byte per component: 4 bits of columns and 4 of rows per unit.
  """
  columns = [each >> 4 for each in sampling]
  rows = [each & 15 for each in sampling]
  for factors in (columns, rows):
    if not all(1 <= each <= 4 for each in factors):
      return False
    if any(max(factors) % each for each in factors):
      return False
  return True
