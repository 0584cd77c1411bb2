"""Tables in files of MATLAB (level 5), which may be damaged.

SciPy's reader takes sizes and types from the file unchecked, so that a damaged
one can end the interpreter.
"""

import math
import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mentornet_tf.internal.regular_files import open_regular

_HEADER_BYTES = 128
# Far beyond the tables that are read here.
_MOST_BYTES = 2**28
_MOST_ROWS = 10**6

_MATRIX, _COMPRESSED = 14, 15
_STRUCT, _CHARACTERS = 2, 4
_NUMBERS = range(6, 16)
# How data are stored -> NumPy's type, without a byte order.
_STORED = {
  **{1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4"},
  **{7: "f4", 9: "f8", 12: "i8", 13: "u8"},
}
_ENCODINGS = {2: "utf-8", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}


class DamagedMatlabError(ValueError):
  """A file is not one of MATLAB, or not a whole one."""


def read_table(
  path: str | Path, variable: str, columns: Collection[str]
) -> dict[str, list[str | float]]:
  """Reads columns of an array of structs.

  Args:
    path: the file.
    variable: name of the array.
    columns: names of fields; each holds a text or one number in every struct.

  Returns:
    Column -> its N values in the order of the file.

  Raises:
    DamagedMatlabError: the file is another one, is damaged, or has no such
      columns.
    UserError: the path is that of a pipe, a device or a folder.
  """
  with open_regular(path) as file:
    content = file.read(_MOST_BYTES)
  order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
  if order is None or len(content) == _MOST_BYTES:
    raise DamagedMatlabError("no file of MATLAB 5")
  try:
    for element in _elements(content[_HEADER_BYTES:], order):
      if element.kind == _COMPRESSED:
        unpacked = zlib.decompressobj().decompress(element.data, _MOST_BYTES)
        element = next(_elements(unpacked, order))
      array = _Array.of(element, order)
      if array.name == variable and array.kind == _STRUCT:
        return _columns(array, columns, order)
  except (StopIteration, UnicodeError, struct.error, zlib.error) as error:
    raise DamagedMatlabError(str(error) or "it ends early") from error
  raise DamagedMatlabError(f"no table {variable!r}")


@dataclass(frozen=True)
class _Element:
  """A piece of the file: how its data are stored, and they."""

  kind: int
  data: bytes


@dataclass(frozen=True)
class _Array:
  """An array: its class, name, shape, and the elements of its content."""

  kind: int
  name: str
  shape: tuple[int, ...]
  content: Iterator[_Element]

  @classmethod
  def of(cls, element: _Element, order: str) -> "_Array":
    if element.kind != _MATRIX:
      raise DamagedMatlabError(f"an element of kind {element.kind}")
    parts = _elements(element.data, order)
    flags, shape, name = next(parts), next(parts), next(parts)
    (kind,) = struct.unpack_from(order + "I", flags.data)
    return cls(
      kind & 0xFF,
      name.data.decode("ascii"),
      tuple(_numbers(shape, order).tolist()),
      parts,
    )


def _elements(data: bytes, order: str) -> Iterator[_Element]:
  """The elements that data consist of, one after the other."""
  place = 0
  while place < len(data):
    kind, size = struct.unpack_from(order + "II", data, place)
    if kind >> 16:  # few bytes stand in the place of their number
      kind, size = kind & 0xFFFF, kind >> 16
      begin, end = place + 4, place + 8
    else:
      begin, end = place + 8, place + 8 + size
      if kind != _COMPRESSED:
        end += -size % 8
    if begin + size > min(end, len(data)):
      raise DamagedMatlabError("it ends early")
    yield _Element(kind, data[begin : begin + size])
    place = end


def _columns(
  table: _Array, columns: Collection[str], order: str
) -> dict[str, list[str | float]]:
  (width,) = _numbers(next(table.content), order).tolist() or (0,)
  names = next(table.content).data
  fields = [
    names[place : place + width].rstrip(b"\0").decode("ascii")
    for place in range(0, len(names), width if width > 0 else 1)
  ]
  if not set(columns) <= set(fields) or len(set(fields)) < len(fields):
    raise DamagedMatlabError(f"no table with {', '.join(columns)}")
  found: dict[str, list[str | float]] = {name: [] for name in columns}
  count = math.prod(table.shape)
  if not 0 <= count <= _MOST_ROWS:
    raise DamagedMatlabError(f"a table of {count} rows")
  for _ in range(count):
    for name in fields:
      element = next(table.content)
      if name in found:
        found[name].append(_value(_Array.of(element, order), order))
  return found


def _value(array: _Array, order: str) -> str | float:
  """A text, or one number."""
  data = next(array.content)
  if array.kind == _CHARACTERS and data.kind in _ENCODINGS:
    encoding = _ENCODINGS[data.kind]
    if encoding != "utf-8":
      encoding += "-le" if order == "<" else "-be"
    return data.data.decode(encoding)
  if array.kind in _NUMBERS:
    numbers = _numbers(data, order)
    if math.prod(array.shape) == len(numbers) == 1:
      return float(numbers[0])
  raise DamagedMatlabError("a table of other than texts and numbers")


def _numbers(element: _Element, order: str) -> np.ndarray:
  if element.kind not in _STORED:
    raise DamagedMatlabError(f"numbers of kind {element.kind}")
  dtype = np.dtype(order + _STORED[element.kind])
  if len(element.data) % dtype.itemsize:
    raise DamagedMatlabError("numbers that end early")
  return np.frombuffer(element.data, dtype)
