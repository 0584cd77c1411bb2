"""What pickles of NumPy arrays call, with every argument checked.

NumPy's own functions trust their arguments: a made-up shape or type can crash
the interpreter or take all memory. These build the same arrays, of numbers,
text and objects without fields, and raise ValueError for anything else.
"""

import math
import re
from typing import Any

import numpy as np

_TYPE_NAME = re.compile(r"[biufc](?:1|2|4|8|16)|O8?|[SU]\d{1,9}")
_MOST_AXES = 32

# What `reconstruct` is to make; nothing else may be done with it.
NDARRAY = object()


def text(value: Any) -> str:
  """Text that Python 2 may have written as bytes."""
  if isinstance(value, bytes):
    return value.decode("latin1")
  if not isinstance(value, str):
    raise ValueError(f"{type(value).__name__} for a text")
  return value


def data(value: Any) -> bytes | bytearray:
  """Bytes that Python 2 may have written as text."""
  if isinstance(value, str):
    return value.encode("latin1")
  if not isinstance(value, (bytes, bytearray)):
    raise ValueError(f"{type(value).__name__} for an array's bytes")
  return value


def plain_dtype(name: Any, *_: Any) -> Any:
  """A type of numbers, text or objects, not shared with any array."""
  if not _TYPE_NAME.fullmatch(text(name)):
    raise ValueError(f"an array of type {str(name)[:20]!r}")
  return np.dtype(text(name), False, True)


def set_dtype_state(dtype: Any, state: Any) -> None:
  """Sets the byte order; all else must be as it is."""
  own: Any = dtype.__reduce__()[-1]
  orders = "|" if own[1] == "|" else "<>="
  if (
    not isinstance(state, tuple)
    or len(state) != len(own)
    or not all(isinstance(each, int) for each in (state[0], *state[5:]))
    or any(each is not None for each in state[2:5])
    or (state[0], *state[5:]) != (own[0], *own[5:])
    or text(state[1]) not in list(orders)
  ):
    raise ValueError(f"an array of type {dtype.str} with other fields")
  dtype.__setstate__((own[0], text(state[1]), *own[2:]))


def reconstruct(kind: Any, *_: Any) -> Any:
  """The empty array that `set_array_state` fills."""
  if kind is not NDARRAY:
    raise ValueError("an array of another class")
  return np.empty(0, np.int8)


def set_array_state(array: Any, state: Any) -> None:
  """Gives an array its shape, type and content."""
  if not isinstance(state, tuple) or len(state) != 5:
    raise ValueError("an array with another state")
  _, shape, dtype, fortran, content = state
  if _is_objects(dtype):
    # Arrays within arrays could be nested without end.
    if not isinstance(content, list) or any(
      isinstance(each, np.ndarray) for each in content
    ):
      raise ValueError("an array of objects that are no plain data")
    _check_shape(shape, len(content))
  else:
    content = data(content)
    _check_shape(shape, len(content), dtype)
  array.__setstate__((1, shape, dtype, bool(fortran), content))


def scalar(dtype: Any, content: Any) -> Any:
  """A single number or text."""
  _check_shape((), len(data(content)), dtype)
  return np.frombuffer(data(content), dtype)[0]


def from_buffer(content: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
  """An array of the bytes `content`."""
  _check_shape(shape, len(data(content)), dtype)
  if order not in ("C", "F"):
    raise ValueError(f"an array in the order {str(order)[:20]!r}")
  flat = np.frombuffer(bytearray(data(content)), dtype)
  return flat.reshape(shape, order=order)


def _is_objects(dtype: Any) -> bool:
  return isinstance(dtype, np.dtype) and dtype.kind == "O"


def _check_shape(shape: Any, size: int, dtype: Any = None) -> None:
  """Checks that an array has `size` elements, or bytes of a type's elements."""
  if (
    not isinstance(shape, tuple)
    or len(shape) > _MOST_AXES
    or not all(type(axis) is int and axis >= 0 for axis in shape)
  ):
    raise ValueError("an array of no shape")
  width = 1
  if dtype is not None:
    if not isinstance(dtype, np.dtype) or _is_objects(dtype):
      raise ValueError("an array of no type")
    width = dtype.itemsize
  if not width or math.prod(shape) * width != size:
    raise ValueError(
      f"an array of shape {shape} with {size} bytes"
      if dtype is not None
      else f"an array of shape {shape} with {size} objects"
    )
