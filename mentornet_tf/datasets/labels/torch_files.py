"""Files that `torch.save` wrote, read without torch.

Such a file is a zip archive: a pickle of the object, and a member with the
numbers of each tensor. Nothing in it is executed or extracted.
"""

import io
import math
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from mentornet_tf.errors import UserError
from mentornet_tf.internal import restricted_pickle
from mentornet_tf.internal.reasons import reason

# Files of labels are a few MiB.
_MOST_BYTES = 2**28
_PICKLE = re.compile(r"([^/\\]+)/data\.pkl")

# The types of tensors, as NumPy knows them without a byte order.
_STORAGES = {
  "BoolStorage": "b1",
  "ByteStorage": "u1",
  "CharStorage": "i1",
  "DoubleStorage": "f8",
  "FloatStorage": "f4",
  "HalfStorage": "f2",
  "IntStorage": "i4",
  "LongStorage": "i8",
  "ShortStorage": "i2",
}


def read_torch_file(path: str | Path) -> Any:
  """The object in a file of `torch.save`; its tensors become NumPy arrays.

  Args:
    path: the file; of numbers, text, containers, arrays and tensors only.

  Raises:
    UserError: the file is damaged, holds anything else, or is in the format
      that torch wrote before version 1.6.
  """
  path = Path(path)
  if path.stat().st_size > _MOST_BYTES:
    raise _unreadable(path, f"{path.stat().st_size} bytes")
  if not zipfile.is_zipfile(path):
    raise _unreadable(path, "an older format or another file")
  try:
    with zipfile.ZipFile(path) as archive:
      return _Archive(path, archive).load()
  except UserError:
    raise
  except (
    zipfile.BadZipFile,
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
  ) as error:
    raise _unreadable(path, f"a damaged one ({reason(error)})") from error


class _Archive:
  """The members of a file, and the storages that were read."""

  def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
    """Checks what the archive's directory says.

    Raises:
      UserError: a member is compressed, which torch never does, occurs twice
        or overlaps others, or there is not exactly one pickle.
    """
    members = archive.infolist()
    names = [member.filename for member in members]
    pickles = [match for name in names if (match := _PICKLE.fullmatch(name))]
    total = sum(member.file_size for member in members)
    if (
      any(member.compress_type != zipfile.ZIP_STORED for member in members)
      or total > path.stat().st_size
      or len(set(names)) != len(names)
      or len(pickles) != 1
    ):
      raise _unreadable(path, f"another archive of {len(names)} files")
    self._path = path
    self._archive = archive
    self._names = frozenset(names)
    self._folder = pickles[0][1]
    self._storages: dict[str, np.ndarray] = {}
    self._byte_order = self._read_byte_order()

  def load(self) -> Any:
    """The object, whose tensors are arrays."""
    file = io.BytesIO(self._archive.read(f"{self._folder}/data.pkl"))
    file.name = str(self._path)  # what messages call it
    return restricted_pickle.load(
      file, stand_ins=_STAND_INS, persistent_load=self._storage
    )

  def _storage(self, reference: Any) -> np.ndarray:
    """The numbers that tensors share, [count], read-only."""
    try:
      kind, code, key, _, count = reference
    except (TypeError, ValueError):
      raise self._damaged("tensors") from None
    name = f"{self._folder}/data/{key}"
    if (
      kind != "storage"
      or code not in _STORAGES.values()
      or not isinstance(key, str)
      or name not in self._names
    ):
      raise self._damaged("tensors")
    if key not in self._storages:
      dtype = np.dtype(code).newbyteorder(self._byte_order)
      data = self._archive.read(name)
      if len(data) % dtype.itemsize:
        raise self._damaged(name)
      self._storages[key] = np.frombuffer(data, dtype)
    storage = self._storages[key]
    if len(storage) != count or storage.dtype.str[1:] != code:
      raise self._damaged(name)
    return storage

  def _read_byte_order(self) -> str:
    name = f"{self._folder}/byteorder"
    # Older versions of torch do not say.
    order = self._archive.read(name) if name in self._names else b"little"
    if order not in (b"little", b"big"):
      raise self._damaged(name)
    return "<" if order == b"little" else ">"

  def _damaged(self, what: str) -> UserError:
    return _unreadable(self._path, f"one with damaged {what}")


def _rebuild_tensor(
  storage: Any, offset: Any, size: Any, stride: Any, *_: Any
) -> np.ndarray:
  """A view of a storage; stands for torch's function in a pickle.

  Raises:
    ValueError: the view would leave the storage, or be larger than it.
  """
  numbers = (offset, *size, *stride)
  sound = (
    isinstance(storage, np.ndarray)
    and storage.ndim == 1
    and len(size) == len(stride) <= 8
    and all(isinstance(each, int) and each >= 0 for each in numbers)
    and math.prod(size) <= len(storage)
  )
  last = sum((n - 1) * step for n, step in zip(size, stride, strict=False))
  if not sound or (math.prod(size) and offset + last >= len(storage)):
    raise ValueError("a tensor outside its storage")
  if not math.prod(size):
    return np.zeros(size, storage.dtype)
  return np.lib.stride_tricks.as_strided(
    storage[offset:],
    size,
    [step * storage.itemsize for step in stride],
    writeable=False,
  )


# What a file looks up, and gets in place of torch.
_STAND_INS: dict[tuple[str, str], Any] = {
  ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
  **{("torch", name): code for name, code in _STORAGES.items()},
}


def _unreadable(path: Path, what: str) -> UserError:
  return UserError(
    f"{path}: expected a file of torch.save (torch 1.6 or later), got {what}; "
    "get it from its official source, or give its content as .npy or .csv"
  )
