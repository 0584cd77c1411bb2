"""Reads pickles that hold plain data, and refuses every other pickle.

A pickle is a program: loading one with `pickle.load` may run any code. Old data
sets and the original's mentor data are pickles all the same. This reader lets
them build numbers, text, containers and NumPy arrays only.
"""

import io
import pickle
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

import numpy as np

from mentornet_tf.errors import UserError

_NUMPY_CORE = "numpy._core" if hasattr(np, "_core") else "numpy.core"

# Modules that Python 3 renamed; those of numpy 2 are renamed either way below.
_RENAMED = {"__builtin__": "builtins", "copy_reg": "copyreg"}

_BUILTINS = (
  "bool bytearray bytes complex dict float frozenset int list set str tuple"
)

PLAIN_DATA = frozenset(
  [
    ("_codecs", "encode"),
    ("collections", "OrderedDict"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    (f"{_NUMPY_CORE}.multiarray", "_reconstruct"),
    (f"{_NUMPY_CORE}.multiarray", "scalar"),
    (f"{_NUMPY_CORE}.numeric", "_frombuffer"),
    *(("builtins", name) for name in _BUILTINS.split()),
  ]
)


class _PlainDataUnpickler(pickle.Unpickler):
  """An unpickler that looks up allowed names only."""

  def __init__(
    self,
    file: BinaryIO,
    source: str,
    allowed_globals: Collection[tuple[str, str]],
    encoding: str,
    stand_ins: Mapping[tuple[str, str], Any],
    persistent_load: Callable[[Any], Any] | None,
  ) -> None:
    super().__init__(file, encoding=encoding)
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
      raise UserError(
        f"{self._source}: expected a pickle of plain data (numbers, text, "
        f"containers, numpy arrays), got one that asks for {module}.{name}, "
        "which could run code; nothing was loaded: get the file from its "
        "official source"
      )
    return getattr(import_module(module), name)


def load(
  file_or_bytes: str | Path | bytes | BinaryIO,
  allowed_globals: Collection[tuple[str, str]] = PLAIN_DATA,
  *,
  encoding: str = "latin1",
  stand_ins: Mapping[tuple[str, str], Any] = MappingProxyType({}),
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
    The object that was pickled.

  Raises:
    UserError: if the pickle asks for anything else, naming it, or if it is
      damaged.
    OSError: if the path cannot be read.
  """
  options = allowed_globals, encoding, stand_ins, persistent_load
  if isinstance(file_or_bytes, (str, Path)):
    with open(file_or_bytes, "rb") as file:
      return _load(file, str(file_or_bytes), *options)
  if isinstance(file_or_bytes, (bytes, bytearray, memoryview)):
    data = io.BytesIO(file_or_bytes)
    return _load(data, "pickle", *options)
  source = getattr(file_or_bytes, "name", "pickle")
  return _load(file_or_bytes, str(source), *options)


def _load(
  file: BinaryIO,
  source: str,
  *options: Any,
) -> Any:
  reader = _PlainDataUnpickler(file, source, *options)
  try:
    return reader.load()
  except UserError:
    raise
  except (
    # What the unpickler may raise on damaged bytes.
    pickle.UnpicklingError,
    ArithmeticError,
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
      f"({type(error).__name__}: {error}); download or copy the file again"
    ) from error
