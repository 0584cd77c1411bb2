"""Reads pickles that hold plain data, and refuses every other pickle.

A pickle is a program: loading one with `pickle.load` may run any code. Old data
sets and the original's mentor data are pickles nevertheless, so this reader
lets a pickle build only numbers, text, containers and numpy arrays.
"""

import io
import pickle
from collections.abc import Collection
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mentornet_tf.errors import UserError

_NUMPY_CORE = "numpy._core" if hasattr(np, "_core") else "numpy.core"

# Modules that were renamed: by Python 3, by numpy 2 (in either direction).
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
  """An unpickler that looks up only the names it was given."""

  def __init__(
    self,
    file: BinaryIO,
    source: str,
    allowed_globals: Collection[tuple[str, str]],
    encoding: str,
  ):
    super().__init__(file, encoding=encoding)
    self._source = source
    self._allowed_globals = allowed_globals

  def find_class(self, module: str, name: str) -> Any:
    module = _RENAMED.get(module, module)
    for core in ("numpy.core", "numpy._core"):
      if module == core or module.startswith(core + "."):
        module = _NUMPY_CORE + module[len(core) :]
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
) -> Any:
  """Loads a pickle of plain data.

  Args:
    file_or_bytes: a path, the pickle itself as bytes, or an open binary file.
    allowed_globals: (module, name) pairs that the pickle may look up, with
      their Python 3 names.
    encoding: how byte strings written by Python 2 are read: "latin1" gives
      text, "bytes" keeps them. Arrays written by Python 2 need one of
      these two.

  Returns:
    The object that was pickled.

  Raises:
    UserError: if the pickle asks for anything else, naming it, or if it is
      damaged.
    OSError: if the path cannot be read.
  """
  if isinstance(file_or_bytes, (str, Path)):
    with open(file_or_bytes, "rb") as file:
      return _load(file, str(file_or_bytes), allowed_globals, encoding)
  if isinstance(file_or_bytes, (bytes, bytearray, memoryview)):
    buffer = io.BytesIO(file_or_bytes)
    return _load(buffer, "pickle", allowed_globals, encoding)
  source = getattr(file_or_bytes, "name", "pickle")
  return _load(file_or_bytes, str(source), allowed_globals, encoding)


def _load(
  file: BinaryIO,
  source: str,
  allowed_globals: Collection[tuple[str, str]],
  encoding: str,
) -> Any:
  reader = _PlainDataUnpickler(file, source, allowed_globals, encoding)
  try:
    return reader.load()
  except UserError:
    raise
  except (
    # What the unpickler raises on damaged bytes, whichever opcode they hit.
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
      f"({type(error).__name__}: {error}); get the file again"
    ) from error
