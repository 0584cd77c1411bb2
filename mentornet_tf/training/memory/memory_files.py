"""Files of the memory of a run: one beside each of the last checkpoints.

They are uncompressed `.npz` files, which NumPy reads: columns [N] by name, the
`probabilities` [N, C] as their encoding stores them, and `header`, JSON.
"""

import json
import re
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mentornet_tf.errors import UserError
from mentornet_tf.internal.atomic_files import replacing
from mentornet_tf.internal.damaged_archives import DAMAGED_ARCHIVE
from mentornet_tf.internal.reasons import reason
from mentornet_tf.training.memory.averages import ExampleAverages
from mentornet_tf.training.memory.probability_rows import ENCODINGS, parts

FOLDER = "training_memory"
_NAME = re.compile(r"step-(\d+)\.npz")
_FORMAT = "mentornet-tf training memory 1"
_PROBABILITIES = "probabilities"
# Column -> its dtype.
COLUMNS: dict[str, np.dtype] = {
  "ids": np.dtype(np.int64),
  "labels": np.dtype(np.int64),
  "visits": np.dtype(np.int64),
  "agreements": np.dtype(np.int64),
  "loss": np.dtype(np.float32),
  "weight": np.dtype(np.float32),
}
BYTES_PER_EXAMPLE = sum(dtype.itemsize for dtype in COLUMNS.values())


@dataclass(frozen=True)
class MemoryHeader:
  """What a file of a memory says of itself.

  Attributes:
    num_examples: N.
    num_classes: C.
    decay: of the averages.
    encoding: of the probabilities.
    digest: of the data, as run.json has it.
    step: the steps of training that it remembers.
    format: of the file.
  """

  num_examples: int
  num_classes: int
  decay: float
  encoding: str
  digest: str
  step: int
  format: str = _FORMAT


@dataclass(frozen=True)
class MemoryFile:
  """An opened file of a memory, whose checksums are right.

  Attributes:
    path: the file.
    header: what it says of itself.
    columns: arrays [N] by the names in `COLUMNS`.
    offset: where the probabilities begin in the file, in bytes.
  """

  path: Path
  header: MemoryHeader
  columns: dict[str, np.ndarray]
  offset: int

  def probabilities(self, part: slice | None = None) -> np.ndarray:
    """[N, C] or a part of the rows, as stored, read from disk as it is used."""
    header = self.header
    part = part or slice(0, header.num_examples)
    dtype = ENCODINGS[header.encoding]
    before = part.start * header.num_classes * dtype.itemsize
    shape = part.stop - part.start, header.num_classes
    return np.memmap(self.path, dtype, "r", self.offset + before, shape)


def memory_files(run_folder: Path) -> dict[int, Path]:
  """Step -> file, oldest first."""
  found = {
    int(match[1]): path
    for path in (run_folder / FOLDER).glob("step-*.npz")
    if (match := _NAME.fullmatch(path.name))
  }
  return dict(sorted(found.items()))


def memory_path(run_folder: Path, step: int) -> Path:
  """The file of the memory of a step."""
  return run_folder / FOLDER / f"step-{step}.npz"


def write_memory(
  path: Path, header: MemoryHeader, averages: ExampleAverages
) -> None:
  """Writes a memory, whole or not at all, a few rows at a time."""
  with (
    replacing(path) as partial,
    zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive,
  ):
    columns: dict[str, Any] = {
      name: getattr(averages, name) for name in COLUMNS
    }
    columns["header"] = np.array(json.dumps(asdict(header)))
    for name, values in columns.items():
      with archive.open(f"{name}.npy", "w") as file:
        np.lib.format.write_array(file, values, allow_pickle=False)
    shape = header.num_examples, header.num_classes
    with archive.open(f"{_PROBABILITIES}.npy", "w", force_zip64=True) as file:
      dtype = ENCODINGS[header.encoding]
      np.lib.format.write_array_header_1_0(
        file,
        {
          "descr": np.lib.format.dtype_to_descr(dtype),
          "fortran_order": False,
          "shape": shape,
        },
      )
      for part in parts(*shape):
        file.write(averages.rows.stored(part).tobytes())


def read_memory(path: Path) -> MemoryFile:
  """Opens a file that `write_memory` wrote, and verifies its checksums.

  Raises:
    UserError: it is damaged, or something else.
  """
  try:
    return _read(path)
  except DAMAGED_ARCHIVE as error:
    raise UserError(
      f"{path}: expected the memory of a training run, got a damaged file or "
      f"another one ({reason(error)}); copy it again, or remove it, and the "
      "memory begins anew"
    ) from error


def _read(path: Path) -> MemoryFile:
  with zipfile.ZipFile(path) as archive:
    damaged = archive.testzip()
    if damaged is not None:
      raise ValueError(f"{damaged} has another checksum")
    with archive.open("header.npy") as file:
      header = _header(json.loads(str(_array(file))))
    columns = {}
    for name, dtype in COLUMNS.items():
      with archive.open(f"{name}.npy") as file:
        columns[name] = _array(file)
      shape = columns[name].shape
      if columns[name].dtype != dtype or shape != (header.num_examples,):
        raise ValueError(f"{name} is {columns[name].dtype} {list(shape)}")
    offset = _offset(path, archive, f"{_PROBABILITIES}.npy", header)
  return MemoryFile(path, header, columns, offset)


def _array(file: Any) -> np.ndarray:
  return np.lib.format.read_array(file, allow_pickle=False)


def _header(values: Mapping[str, Any]) -> MemoryHeader:
  if values.get("format") != _FORMAT:
    raise ValueError(f"its format is {values.get('format')!r}")
  return MemoryHeader(**values)


def _offset(
  path: Path, archive: zipfile.ZipFile, name: str, header: MemoryHeader
) -> int:
  """Where the values of an array begin in an uncompressed archive."""
  with path.open("rb") as file:
    # A member follows a header of 30 bytes, its name and further fields.
    start = archive.getinfo(name).header_offset
    file.seek(start + 26)
    lengths = struct.unpack("<HH", file.read(4))
    file.seek(start + 30 + sum(lengths))
    np.lib.format.read_magic(file)
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    expected = header.num_examples, header.num_classes
    if dtype != ENCODINGS[header.encoding] or shape != expected:
      raise ValueError(f"{name} is {dtype} {list(shape)}")
    return file.tell()
