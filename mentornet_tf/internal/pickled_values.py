"""What pickles of text, bytes and containers call, with arguments checked.

Python's own types take sizes for content, or compare what is nested without
end. These raise ValueError for what no pickle of plain data asks for.
"""

import codecs
from collections import OrderedDict
from typing import Any

import numpy as np

from mentornet_tf.internal.pickled_arrays import data, text

_KEYS = (str, bytes, int, float, complex, type(None), np.generic)


def encode(value: Any, encoding: Any) -> bytes:
  """Bytes, as Python 3 writes them for Python 2."""
  if codecs.lookup(text(encoding)).name != "iso8859-1":
    raise ValueError(f"text in the encoding {str(encoding)[:20]!r}")
  return codecs.encode(text(value), "latin1")


def new_bytes(*content: Any) -> bytes:
  """Bytes, never as many as a number says."""
  if content:
    return bytes(data(content[0]))
  return b""


def new_bytearray(*content: Any) -> bytearray:
  """The same, mutable."""
  return bytearray(new_bytes(*content))


def new_complex(real: Any, imaginary: Any) -> complex:
  """A complex number of two floats."""
  if type(real) is not float or type(imaginary) is not float:
    raise ValueError("a complex number of other parts")
  return complex(real, imaginary)


def new_set(members: Any = ()) -> set[Any]:
  """A set, as protocols before 4 write it."""
  return set(checked_keys(list(members)))


def new_frozenset(members: Any = ()) -> frozenset[Any]:
  """The same, immutable."""
  return frozenset(checked_keys(list(members)))


def new_ordered_dict(pairs: Any = ()) -> OrderedDict[Any, Any]:
  """A dict, empty or as Python 2 wrote it."""
  pairs = [(key, value) for key, value in pairs]
  checked_keys([key for key, _ in pairs])
  return OrderedDict(pairs)


def checked_keys(keys: list[Any]) -> list[Any]:
  """Keys that are quick to compare: nested ones could take for ever."""
  for key in keys:
    for part in key if type(key) is tuple else (key,):
      if not isinstance(part, _KEYS):
        raise ValueError(f"a key of type {type(part).__name__}")
  return keys
