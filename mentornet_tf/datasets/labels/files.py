"""Files of labels, such as CIFAR-10N's human labels."""

import csv
import math
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from mentornet_tf.datasets.labels.torch_files import read_torch_file
from mentornet_tf.errors import UserError
from mentornet_tf.internal import restricted_pickle
from mentornet_tf.internal.reasons import reason
from mentornet_tf.internal.regular_files import check_regular

# Beyond any list of labels: 100 million of them in one column.
_MOST_BYTES = 2**30

_NPY_HEADER_READERS = {
  (1, 0): np.lib.format.read_array_header_1_0,
  (2, 0): np.lib.format.read_array_header_2_0,
}


def read_label_columns(path: str | Path) -> dict[str, np.ndarray]:
  """Reads the columns of integers.

  Args:
    path: .csv with a header line naming its columns; .npz; .npy, a list of
      integers, which becomes the column "label"; or CIFAR-N's dicts of lists,
      pickled in a .npy or written by torch as .pt, which are read without
      executing code in them.

  Returns:
    Column name -> [M] int64; columns of anything else are left out.

  Raises:
    UserError: the file is missing or cannot be read, or its columns differ in
      length.
  """
  path = Path(path)
  readers = {
    ".csv": _read_csv,
    ".npz": _read_npz,
    ".npy": _read_npy,
    ".pt": _read_torch,
    ".pth": _read_torch,
  }
  if path.suffix not in readers:
    raise UserError(
      f"label_file: expected a .csv, .npz, .npy or .pt file, got {path}; "
      "convert it"
    )
  if not path.exists():
    raise UserError(
      f"label_file: expected labels in {path}, got no such file; correct the "
      "path"
    )
  check_regular(path)
  try:
    columns = readers[path.suffix](path)
  except UserError:
    raise
  except (
    # What the three readers may raise on damaged bytes.
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RecursionError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    csv.Error,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
  ) as error:
    raise UserError(
      f"{path}: expected a readable {path.suffix} label file, got a damaged "
      f"file or one of another kind ({reason(error)}); correct the file"
    ) from error
  return integer_columns(columns, str(path))


def integer_columns(
  columns: dict[str, np.ndarray], origin: str
) -> dict[str, np.ndarray]:
  """The one-dimensional integer columns, as int64.

  Raises:
    UserError: they differ in length.
  """
  integers = {}
  for name, column in columns.items():
    if column.ndim == 1 and column.dtype.kind in "iu":
      integers[name] = column.astype(np.int64)
      # Those beyond int64 would become negative.
      if column.dtype.kind == "u" and (integers[name] < 0).any():
        raise UserError(
          f"{origin}: expected integers of 64 bits in the column {name!r}, got "
          f"{column.max()}; correct the file"
        )
  if len({len(column) for column in integers.values()}) > 1:
    sizes = ", ".join(
      f"{name} {len(column)}" for name, column in integers.items()
    )
    raise UserError(
      f"{origin}: expected columns of one length, got {sizes}; correct the file"
    )
  return integers


def _read_csv(path: Path) -> dict[str, np.ndarray]:
  with path.open(newline="", encoding="utf-8-sig") as file:
    rows = [row for row in csv.reader(file, strict=True) if any(row)]
  header = [name.strip() for name in rows[0]] if rows else []
  if not header or any(_is_number(name) for name in header):
    raise UserError(
      f"{path}: expected a first line that names the columns, such as "
      f"'id,label', got {','.join(header)[:60] or 'an empty file'!r}; add that "
      "line"
    )
  for number, row in enumerate(rows[1:], start=2):
    if len(row) != len(header):
      raise UserError(
        f"{path}: line {number}: expected {len(header)} fields, got "
        f"{len(row)}; correct the line"
      )
  columns = {}
  for name, cells in zip(header, zip(*rows[1:], strict=True), strict=False):
    # Columns of text or times are ignored.
    if all(cell.strip().lstrip("+-").isdigit() for cell in cells):
      columns[name] = np.array([int(cell) for cell in cells], np.int64)
  return columns


def _is_number(text: str) -> bool:
  try:
    float(text)
  except ValueError:
    return False
  return True


def _read_npz(path: Path) -> dict[str, np.ndarray]:
  with zipfile.ZipFile(path) as archive:
    size = sum(member.file_size for member in archive.infolist())
    if size > _MOST_BYTES:
      raise ValueError(f"{size} bytes when unpacked")
  with np.load(path, allow_pickle=False) as file:
    return {name: file[name] for name in file.files}


def _read_npy(path: Path) -> dict[str, np.ndarray]:
  with path.open("rb") as file:
    version = np.lib.format.read_magic(file)
    if version not in _NPY_HEADER_READERS:
      raise ValueError(f"format version {version}")
    shape, _, dtype = _NPY_HEADER_READERS[version](file)
    if not dtype.hasobject:
      size = path.stat().st_size - file.tell()
      # NumPy takes memory for the shape before it reads.
      if math.prod(shape) * dtype.itemsize != size:
        raise ValueError(f"an array of shape {shape} with {size} bytes")
      return {"label": np.load(path, allow_pickle=False)}
    value = restricted_pickle.load(file)
  if isinstance(value, np.ndarray) and value.shape == ():
    value = value.item()
  return _columns_of(value, path)


def _read_torch(path: Path) -> dict[str, np.ndarray]:
  return _columns_of(read_torch_file(path), path)


def _columns_of(value: Any, path: Path) -> dict[str, np.ndarray]:
  if not isinstance(value, dict):
    raise UserError(
      f"{path}: expected a list of integers or a dict of them, got a pickled "
      f"{type(value).__name__}; convert the file"
    )
  return {str(key): _column(column) for key, column in value.items()}


def _column(values: Any) -> np.ndarray:
  """A column of numbers; one of anything else is left out later."""
  try:
    return np.asarray(values)
  except (ValueError, OverflowError):
    return np.empty(0, object)
