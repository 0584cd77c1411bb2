"""CIFAR-10 and CIFAR-100 from their official archives on disk.

Both versions are read, as folders or as the .tar.gz they come in: the binary
one (label bytes, then red, green and blue planes) and the Python one (pickles,
read without executing code in them).
"""

import gzip
import io
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mentornet_tf.datasets.sources.base import SourceImages, numbered_paths
from mentornet_tf.datasets.sources.class_names import CLASS_NAMES
from mentornet_tf.errors import UserError
from mentornet_tf.internal import restricted_pickle
from mentornet_tf.internal.regular_files import check_regular

_SIZE = 32
_PIXEL_BYTES = 3 * _SIZE * _SIZE
# The largest file of an official archive has 154 MB.
_MOST_BYTES = 2**28


@dataclass(frozen=True)
class _Archive:
  """One version of one archive.

  Attributes:
    ordering: "binary" or "python".
    folder: the folder inside the archive.
    tar: the archive's file name.
    files: split -> its files, in the order that counts the ids.
    label_bytes: label bytes before an image; the last is the label wanted
      (CIFAR-100 puts the coarse label first). Binary only.
    label_key: entry that holds the labels. Python only.
  """

  ordering: str
  folder: str
  tar: str
  files: dict[str, tuple[str, ...]]
  label_bytes: int = 1
  label_key: str = ""


_NUM_IMAGES = {"train": 50_000, "test": 10_000}
_BATCHES = range(1, 6)
# The binary version first: it is the one TensorFlow Datasets counts by.
_ARCHIVES = {
  "cifar10": (
    _Archive(
      "binary",
      "cifar-10-batches-bin",
      "cifar-10-binary.tar.gz",
      {
        "train": tuple(f"data_batch_{batch}.bin" for batch in _BATCHES),
        "test": ("test_batch.bin",),
      },
    ),
    _Archive(
      "python",
      "cifar-10-batches-py",
      "cifar-10-python.tar.gz",
      {
        "train": tuple(f"data_batch_{batch}" for batch in _BATCHES),
        "test": ("test_batch",),
      },
      label_key="labels",
    ),
  ),
  "cifar100": (
    _Archive(
      "binary",
      "cifar-100-binary",
      "cifar-100-binary.tar.gz",
      {"train": ("train.bin",), "test": ("test.bin",)},
      label_bytes=2,
    ),
    _Archive(
      "python",
      "cifar-100-python",
      "cifar-100-python.tar.gz",
      {"train": ("train",), "test": ("test",)},
      label_key="fine_labels",
    ),
  ),
}


def load_cifar_archive(
  source_dir: str | Path, dataset_name: str, split: str
) -> SourceImages:
  """One split of CIFAR-10 or CIFAR-100 from an official archive.

  Args:
    source_dir: the archive's folder, its .tar.gz, or a folder that holds
      either.
    dataset_name: "cifar10" or "cifar100" (fine labels).
    split: "train" or "test".

  Raises:
    UserError: nothing suitable is there, a file is missing, damaged or asks to
      run code, or a label lies outside the classes.
  """
  source = Path(source_dir)
  if source.exists() and not source.is_dir():
    check_regular(source)
  archive, place = _locate(source, dataset_name)
  names = archive.files[split]
  contents = (
    _read_folder(place, names)
    if place.is_dir()
    else _read_tar(place, archive.folder, names)
  )
  decode = _decode_binary if archive.ordering == "binary" else _decode_python
  class_names = CLASS_NAMES[dataset_name]
  parts = []
  paths: tuple[bytes, ...] = ()
  for name, content in zip(names, contents, strict=True):
    origin = f"{place}/{name}"
    pixels, labels = decode(content, archive, origin)
    _check_labels(labels, len(class_names), origin)
    parts.append((pixels, labels))
    paths += numbered_paths(name, len(labels))
  planes = np.concatenate([pixels for pixels, _ in parts])
  planes = planes.reshape(-1, 3, _SIZE, _SIZE)
  return SourceImages(
    images=np.ascontiguousarray(planes.transpose(0, 2, 3, 1)),
    labels=np.concatenate([labels for _, labels in parts]),
    ids=np.arange(len(planes), dtype=np.int64),
    class_names=class_names,
    ordering=archive.ordering,
    description=f"official archive, {archive.ordering} version "
    f"({archive.folder})",
    paths=paths,
  )


def binary_paths(
  dataset_name: str, split: str, ids: np.ndarray
) -> tuple[bytes, ...]:
  """Where the images `ids` [N] lie in the binary archive, as its paths say."""
  names = _ARCHIVES[dataset_name][0].files[split]
  per_file = _NUM_IMAGES[split] // len(names)
  return tuple(
    f"{names[id // per_file]}/{id % per_file}".encode() for id in ids.tolist()
  )


def _locate(source: Path, dataset_name: str) -> tuple[_Archive, Path]:
  """The archive and the folder or .tar.gz that holds it."""
  for archive in _ARCHIVES[dataset_name]:
    first_file = archive.files["train"][0]
    if source.is_file():
      if source.name == archive.tar:
        return archive, source
      continue
    candidates = [source, source / archive.folder]
    for folder in candidates:
      # By name or by content: people rename folders.
      named = folder.name == archive.folder and folder.is_dir()
      if named or (folder / first_file).is_file():
        return archive, folder
    if (source / archive.tar).is_file():
      return archive, source / archive.tar
  wanted = " or ".join(
    f"{archive.folder} or {archive.tar}" for archive in _ARCHIVES[dataset_name]
  )
  state = "is not" if source.exists() else "does not exist"
  raise UserError(
    f"source_dir: expected {source} to be or to hold {wanted}, but it {state}; "
    "download one of them from https://www.cs.toronto.edu/~kriz/cifar.html or "
    "correct the path"
  )


def _read_folder(folder: Path, names: tuple[str, ...]) -> list[bytes]:
  missing = [name for name in names if not (folder / name).is_file()]
  if missing:
    raise UserError(_missing(folder, missing))
  return [(folder / name).read_bytes() for name in names]


def _read_tar(path: Path, folder: str, names: tuple[str, ...]) -> list[bytes]:
  """Reads members into memory; nothing is ever extracted to disk."""
  found = {}
  try:
    with tarfile.open(path, "r:gz") as tar:
      for member in tar:
        parent, _, name = member.name.removeprefix("./").rpartition("/")
        if parent == folder and name in names and member.isfile():
          if member.size > _MOST_BYTES:
            raise UserError(
              f"{path}: expected at most {_MOST_BYTES} bytes of {name}, got "
              f"{member.size}; download it again"
            )
          file = tar.extractfile(member)
          assert file is not None  # only folders and such have none
          found[name] = file.read()
  except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
    raise UserError(
      f"{path}: expected a whole .tar.gz archive, got a damaged one ({error}); "
      "download it again"
    ) from error
  missing = [name for name in names if name not in found]
  if missing:
    raise UserError(_missing(path, missing))
  return [found[name] for name in names]


def _missing(place: Path, names: list[str]) -> str:
  return (
    f"expected {', '.join(names)} in {place}, but it is not there; download "
    "the archive again"
  )


def _decode_binary(
  content: bytes, archive: _Archive, origin: str
) -> tuple[np.ndarray, np.ndarray]:
  """Pixels [N, 3072] uint8 and labels [N] int64 of one file."""
  record_bytes = archive.label_bytes + _PIXEL_BYTES
  if not content or len(content) % record_bytes:
    raise UserError(
      f"{origin}: expected a multiple of {record_bytes} bytes, got "
      f"{len(content)}; the file is truncated or another one: download the "
      "archive again"
    )
  rows = np.frombuffer(content, np.uint8).reshape(-1, record_bytes)
  labels = rows[:, archive.label_bytes - 1].astype(np.int64)
  return rows[:, archive.label_bytes :], labels


def _decode_python(
  content: bytes, archive: _Archive, origin: str
) -> tuple[np.ndarray, np.ndarray]:
  """Pixels [N, 3072] uint8 and labels [N] int64 of one file."""
  file = io.BytesIO(content)
  file.name = origin  # What the reader's messages call it.
  batch = restricted_pickle.load(file)
  # Keys are text in the official files, bytes where Python 3 rewrote them.
  entries = (
    {
      key.decode("latin1") if isinstance(key, bytes) else key: value
      for key, value in batch.items()
    }
    if isinstance(batch, dict)
    else {}
  )
  pixels: Any = entries.get("data")
  labels = entries.get(archive.label_key)
  sound = (
    isinstance(pixels, np.ndarray)
    and pixels.dtype == np.uint8
    and pixels.ndim == 2
    and pixels.shape[1] == _PIXEL_BYTES
    and isinstance(labels, (list, np.ndarray))
    and len(labels) == len(pixels)
    and all(isinstance(each, (int, np.integer)) for each in labels)
  )
  if not sound:
    raise UserError(
      f"{origin}: expected a dict with 'data', uint8 rows of {_PIXEL_BYTES}, "
      f"and {archive.label_key!r}, one integer per row, got "
      f"{sorted(map(str, entries)) or type(batch).__name__}; download the "
      "archive again"
    )
  return pixels, np.asarray(labels, np.int64)


def _check_labels(labels: np.ndarray, num_classes: int, origin: str) -> None:
  outside = (labels < 0) | (labels >= num_classes)
  if outside.any():
    position = int(np.argmax(outside))
    raise UserError(
      f"{origin}: expected labels between 0 and {num_classes - 1}, got "
      f"{labels[position]} at record {position}; download the archive again"
    )
