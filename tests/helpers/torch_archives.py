"""Files as `torch.save` writes them, made without torch."""

import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np

STORAGES = {
  "bool": "BoolStorage",
  "uint8": "ByteStorage",
  "int8": "CharStorage",
  "int16": "ShortStorage",
  "int32": "IntStorage",
  "int64": "LongStorage",
  "float32": "FloatStorage",
  "float64": "DoubleStorage",
}


def text(value: str) -> bytes:
  data = value.encode()
  return b"X" + struct.pack("<I", len(data)) + data


def number(value: int) -> bytes:
  return b"J" + struct.pack("<i", value)


def tensor(
  key: str,
  count: int,
  size: int | None = None,
  *,
  offset: int = 0,
  stride: int = 1,
  storage: str = "LongStorage",
) -> bytes:
  """The opcodes of one tensor of a storage of `count` numbers."""
  reference = (
    b"("
    + text("storage")
    + f"ctorch\n{storage}\n".encode()
    + text(key)
    + text("cpu")
    + number(count)
    + b"tQ"
  )
  return (
    b"ctorch._utils\n_rebuild_tensor_v2\n("
    + reference
    + number(offset)
    + number(count if size is None else size)
    + b"\x85"
    + number(stride)
    + b"\x85"
    + b"\x89ccollections\nOrderedDict\n)RtR"
  )


def pickled(entries: dict[str, bytes]) -> bytes:
  """A pickled dict whose values are given as opcodes."""
  items = b"".join(text(key) + value for key, value in entries.items())
  return b"\x80\x02}(" + items + b"u."


def write(
  path: Path,
  data_pickle: bytes,
  storages: dict[str, bytes] | None = None,
  *,
  byteorder: str | None = "little",
  compression: int = zipfile.ZIP_STORED,
) -> Path:
  """The archive around a pickle, in torch's layout."""
  folder = path.stem
  with zipfile.ZipFile(path, "w", compression) as archive:
    archive.writestr(f"{folder}/data.pkl", data_pickle)
    if byteorder:
      archive.writestr(f"{folder}/byteorder", byteorder)
    for key, data in (storages or {}).items():
      archive.writestr(f"{folder}/data/{key}", data)
    archive.writestr(f"{folder}/version", "3\n")
  return path


def save_arrays(path: Path, columns: dict[str, np.ndarray]) -> Path:
  """`torch.save` of a dict of NumPy arrays."""
  return write(path, pickle.dumps(columns, protocol=2))


def save_tensors(
  path: Path, columns: dict[str, np.ndarray], byteorder: str = "little"
) -> Path:
  """`torch.save` of a dict of tensors of one dimension each."""
  entries, storages = {}, {}
  for key, (name, column) in enumerate(columns.items()):
    storage = STORAGES[column.dtype.name]
    entries[name] = tensor(str(key), len(column), storage=storage)
    order = "<" if byteorder == "little" else ">"
    storages[str(key)] = column.astype(
      column.dtype.newbyteorder(order)
    ).tobytes()
  return write(path, pickled(entries), storages, byteorder=byteorder)
