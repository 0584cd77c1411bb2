"""How a camera was held, by its notes (Exif), and what turns its pictures."""

import struct

from PIL import Image

_ORIENTATION, _SHORT = 0x0112, 3
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_ENTRY_BYTES = 12

_UPRIGHT = {
  2: Image.Transpose.FLIP_LEFT_RIGHT,
  3: Image.Transpose.ROTATE_180,
  4: Image.Transpose.FLIP_TOP_BOTTOM,
  5: Image.Transpose.TRANSPOSE,
  6: Image.Transpose.ROTATE_270,
  7: Image.Transpose.TRANSVERSE,
  8: Image.Transpose.ROTATE_90,
}


def upright_turn(exif: bytes) -> Image.Transpose | None:
  """What turns a picture upright; None where it is, or the notes are damaged.

  Args:
    exif: the notes as image files hold them, b"" without any.
  """
  return _UPRIGHT.get(_orientation(exif.removeprefix(b"Exif\0\0")))


def _orientation(notes: bytes) -> int:
  """The value of the tag, 0 without one. Notes are laid out as TIFF files."""
  order = _BYTE_ORDERS.get(notes[:4])
  if order is None:
    return 0
  try:
    (first,) = struct.unpack_from(f"{order}I", notes, 4)
    (count,) = struct.unpack_from(f"{order}H", notes, first)
    for number in range(count):
      entry = first + 2 + _ENTRY_BYTES * number
      tag, kind, _, value = struct.unpack_from(f"{order}HHIH", notes, entry)
      if (tag, kind) == (_ORIENTATION, _SHORT):
        return value
  except struct.error:  # the notes end early
    pass
  return 0
