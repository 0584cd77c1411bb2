"""Reads pickles that hold plain data, and refuses every other pickle.

A pickle is a program: loading one with `pickle.load` may run any code. Old data
sets and the original's mentor data are pickles all the same. This reader lets
them build numbers, text, containers and NumPy arrays only.

It steps through the program in Python: the reader in C that `pickle.load` uses
takes sizes and numbers from the file unchecked, so that a made-up file can end
the interpreter.
"""

import io
import pickle
import struct
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, TypeAlias

import numpy as np

from mentornet_tf.errors import UserError
from mentornet_tf.internal import pickled_arrays, pickled_values
from mentornet_tf.internal.reasons import reason, shortened
from mentornet_tf.internal.regular_files import open_regular

_NUMPY_CORE = "numpy._core" if hasattr(np, "_core") else "numpy.core"

# Modules that Python 3 renamed; those of numpy 2 are renamed either way below.
_RENAMED = {"__builtin__": "builtins", "copy_reg": "copyreg"}

# Plain data is a few levels deep. Python itself fails at some thousands.
_DEEPEST = 100

Name: TypeAlias = tuple[str, str]


# What a pickle looks up, and what it gets: functions that check what they are
# called with. The classes' names matter to pickles of Python 2.
_CALLED: dict[Name, Any] = {
  ("_codecs", "encode"): pickled_values.encode,
  ("builtins", "bytearray"): pickled_values.new_bytearray,
  ("builtins", "bytes"): pickled_values.new_bytes,
  ("builtins", "complex"): pickled_values.new_complex,
  ("builtins", "frozenset"): pickled_values.new_frozenset,
  ("builtins", "set"): pickled_values.new_set,
  ("collections", "OrderedDict"): pickled_values.new_ordered_dict,
  ("numpy", "dtype"): pickled_arrays.plain_dtype,
  ("numpy", "ndarray"): pickled_arrays.NDARRAY,
  (f"{_NUMPY_CORE}.multiarray", "_reconstruct"): pickled_arrays.reconstruct,
  (f"{_NUMPY_CORE}.multiarray", "scalar"): pickled_arrays.scalar,
  (f"{_NUMPY_CORE}.numeric", "_frombuffer"): pickled_arrays.from_buffer,
}

PLAIN_DATA = frozenset(_CALLED)


class _WholeReads(io.BytesIO):
  """Bytes that are read as asked for, or not at all."""

  def read(self, size: int | None = -1, /) -> bytes:
    content = super().read(size)
    if size is not None and len(content) < size:
      raise EOFError("the file ends early")
    return content

  def readline(self, size: int | None = -1, /) -> bytes:
    line = super().readline(size)
    if not line.endswith(b"\n"):
      raise EOFError("the file ends early")
    return line


# The one in C has the public name.
_PythonUnpickler: Any = pickle._Unpickler


class _PlainDataUnpickler(_PythonUnpickler):
  """An unpickler that looks up allowed names, and checks what it builds."""

  def __init__(
    self,
    content: bytes,
    source: str,
    allowed_globals: Collection[Name],
    encoding: str,
    stand_ins: Mapping[Name, Any],
    persistent_load: Callable[[Any], Any] | None,
  ) -> None:
    super().__init__(_WholeReads(content), encoding=encoding)
    self._size = len(content)
    self._source = source
    self._allowed_globals = allowed_globals
    self._stand_ins = stand_ins
    if persistent_load:
      self.persistent_load = persistent_load

  def find_class(self, module: str, name: str) -> Any:
    module = _RENAMED.get(module, module)
    for core in ("numpy.core", "numpy._core"):
      if module == core or module.startswith(core + "."):
        module = _NUMPY_CORE + module[len(core) :]
    if (module, name) in self._stand_ins:
      return self._stand_ins[module, name]
    if (module, name) not in self._allowed_globals:
      asked = f"{module}.{name}"[:80]
      raise UserError(
        f"{self._source}: expected a pickle of plain data (numbers, text, "
        "containers, numpy arrays), got one that asks for "
        f"{shortened(asked)}, which could run code; nothing was loaded: "
        "get the file from its official source"
      )
    if (module, name) in _CALLED:
      return _CALLED[module, name]
    return getattr(import_module(module), name)

  def _load_append(self) -> None:
    value = self.stack.pop()
    _of_type(self.stack[-1], list).append(value)

  def _load_appends(self) -> None:
    values = self.pop_mark()
    _of_type(self.stack[-1], list).extend(values)

  def _load_setitem(self) -> None:
    key, value = self.stack[-2:]
    del self.stack[-2:]
    pickled_values.checked_keys([key])
    _of_type(self.stack[-1], dict)[key] = value

  def _load_setitems(self) -> None:
    items = self.pop_mark()
    keys, values = pickled_values.checked_keys(items[::2]), items[1::2]
    _of_type(self.stack[-1], dict).update(zip(keys, values, strict=True))

  def _load_dict(self) -> None:
    items = self.pop_mark()
    keys, values = pickled_values.checked_keys(items[::2]), items[1::2]
    self.append(dict(zip(keys, values, strict=True)))

  def _load_additems(self) -> None:
    values = pickled_values.checked_keys(self.pop_mark())
    _of_type(self.stack[-1], set).update(values)

  def _load_frozenset(self) -> None:
    members = self.pop_mark()
    self.append(pickled_values.new_frozenset(members))

  def _load_bytearray8(self) -> None:
    (size,) = struct.unpack("<Q", self.read(8))
    if size > self._size:
      raise pickle.UnpicklingError("an array of bytes longer than the file")
    self.append(bytearray(self.read(size)))

  def _load_build(self) -> None:
    state = self.stack.pop()
    value = self.stack[-1]
    if isinstance(value, np.ndarray):
      pickled_arrays.set_array_state(value, state)
    elif isinstance(value, np.dtype):
      pickled_arrays.set_dtype_state(value, state)
    else:
      raise pickle.UnpicklingError(f"a state for {type(value).__name__}")

  def _refuse(self) -> None:
    raise pickle.UnpicklingError("an object that is no plain data")

  dispatch = _PythonUnpickler.dispatch | {
    pickle.APPEND[0]: _load_append,
    pickle.APPENDS[0]: _load_appends,
    pickle.SETITEM[0]: _load_setitem,
    pickle.SETITEMS[0]: _load_setitems,
    pickle.DICT[0]: _load_dict,
    pickle.ADDITEMS[0]: _load_additems,
    pickle.FROZENSET[0]: _load_frozenset,
    pickle.BYTEARRAY8[0]: _load_bytearray8,
    pickle.BUILD[0]: _load_build,
    **dict.fromkeys(
      (
        code[0]
        for code in (
          *(pickle.INST, pickle.OBJ, pickle.NEWOBJ, pickle.NEWOBJ_EX),
          *(pickle.EXT1, pickle.EXT2, pickle.EXT4),
          *(pickle.NEXT_BUFFER, pickle.READONLY_BUFFER),
        )
      ),
      _refuse,
    ),
  }


def _of_type(value: Any, kind: type) -> Any:
  if not isinstance(value, kind):
    raise pickle.UnpicklingError(f"items for {type(value).__name__}")
  return value


def _check_extent(value: Any, most: int) -> None:
  """Refuses what is nested deeply, or contains its parts over and over.

  Args:
    value: what was loaded.
    most: how many parts it may have, counted wherever they occur.
  """
  level = [value]
  for _ in range(_DEEPEST):
    parts: list[Any] = []
    for each in level:
      if isinstance(each, dict):
        parts.extend(each.values())
      elif isinstance(each, (list, tuple)):
        parts.extend(each)
      elif isinstance(each, np.ndarray) and each.dtype.hasobject:
        parts.extend(each.flat)
      if len(parts) > most:
        raise pickle.UnpicklingError("parts that contain each other")
    most -= len(parts)
    level = parts
    if not level:
      return
  raise pickle.UnpicklingError(f"parts nested deeper than {_DEEPEST} levels")


def load(
  file_or_bytes: str | Path | bytes | BinaryIO,
  allowed_globals: Collection[Name] = PLAIN_DATA,
  *,
  encoding: str = "latin1",
  stand_ins: Mapping[Name, Any] = MappingProxyType({}),
  persistent_load: Callable[[Any], Any] | None = None,
) -> Any:
  """Loads a pickle of plain data.

  Args:
    file_or_bytes: a path, the pickle itself as bytes, or an open binary file.
    allowed_globals: (module, name) pairs that the pickle may look up, with
      their Python 3 names.
    encoding: how byte strings written by Python 2 are read: "latin1" decodes
      them to text, "bytes" keeps them. Arrays written by Python 2 need one of
      these two.
    stand_ins: (module, name) pairs that it may look up as well, each with what
      it gets in their place.
    persistent_load: gives what the pickle refers to outside itself; without it
      such a pickle is refused.

  Returns:
    The object that was pickled. Arrays have types without fields.

  Raises:
    UserError: if the pickle asks for anything else, naming it, or if it is
      damaged.
    OSError: if the path cannot be read.
  """
  if isinstance(file_or_bytes, (str, Path)):
    source = str(file_or_bytes)
    with open_regular(file_or_bytes) as file:
      content = file.read()
  elif isinstance(file_or_bytes, (bytes, bytearray, memoryview)):
    source, content = "pickle", bytes(file_or_bytes)
  else:
    source = str(getattr(file_or_bytes, "name", "pickle"))
    content = file_or_bytes.read()
  reader = _PlainDataUnpickler(
    content,
    source,
    allowed_globals,
    encoding,
    stand_ins,
    persistent_load,
  )
  try:
    value = reader.load()
    _check_extent(value, 4 * len(content))
    return value
  except UserError:
    raise
  except (
    # What the unpickler may raise on damaged bytes.
    pickle.UnpicklingError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    TypeError,
    ValueError,
  ) as error:
    raise UserError(
      f"{source}: expected a complete pickle, got a damaged or other file "
      f"({type(error).__name__}: {reason(error)}); download or copy the file "
      "again"
    ) from error
