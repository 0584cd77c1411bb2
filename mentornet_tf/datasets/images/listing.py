"""Lists of image files with their labels, and reading the files.

A list of millions is a handful of arrays. It is what `trees` pass to
`writing.conversion.convert`.
"""

import errno
import hashlib
import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mentornet_tf.datasets.images.bytes_columns import BytesColumn, mapped_array
from mentornet_tf.datasets.images.decoding import UnusableImageError
from mentornet_tf.errors import UserError
from mentornet_tf.internal.atomic_files import write_array
from mentornet_tf.internal.regular_files import open_regular

MISSING_FILE = "missing file"

# Why a file cannot be read, by the operating system's error. Any other error,
# such as too many open files, does not concern this file and ends the job.
_UNREADABLE = {
  errno.ENOENT: MISSING_FILE,
  errno.ENOTDIR: MISSING_FILE,
  errno.EACCES: "unreadable file",
  errno.EPERM: "unreadable file",
  errno.EISDIR: "unreadable file",
  errno.ELOOP: "unreadable file",
  errno.ENAMETOOLONG: "unreadable file",
  errno.EIO: "unreadable file",
}


def readable(path: bytes) -> str:
  """A path as text; bytes that are not UTF-8 become escapes."""
  return path.decode("utf-8", errors="backslashreplace")


@dataclass(frozen=True)
class ImageEntry:
  """One image of a list.

  Attributes:
    path: relative to the source's root, "/" between folders.
    label: 0-based class to train on.
    clean_label: 0-based clean class, or a value of `labels.clean_labels`.
    id: stable position in the source's list.
    query: the search that found the image, b"" where unknown.
    synset: WordNet id of the label, b"" where unknown.
    offset: first byte of the image within an uncompressed archive, else 0.
    size: bytes of the image within an archive, else 0.
  """

  path: bytes
  label: int
  clean_label: int
  id: int
  query: bytes = b""
  synset: bytes = b""
  offset: int = 0
  size: int = 0


@dataclass(frozen=True)
class ImageList:
  """N images, a column for each property of `ImageEntry`.

  Attributes:
    paths: N relative paths.
    labels: [N] int64.
    clean_labels: [N] int64.
    ids: [N] int64.
    queries: N searches, or None where the source knows none.
    synsets: N WordNet ids, or None.
    offsets: [N] int64, or None for files of their own.
    sizes: [N] int64, or None likewise.
  """

  paths: BytesColumn
  labels: np.ndarray
  clean_labels: np.ndarray
  ids: np.ndarray
  queries: BytesColumn | None = None
  synsets: BytesColumn | None = None
  offsets: np.ndarray | None = None
  sizes: np.ndarray | None = None

  def __post_init__(self) -> None:
    lengths = {name: len(column) for name, column in self._columns().items()}
    if len(set(lengths.values())) > 1:
      raise ValueError(f"expected columns of one length, got {lengths}")

  def __len__(self) -> int:
    return len(self.paths)

  def __getitem__(self, index: int) -> ImageEntry:
    def text(column: BytesColumn | None) -> bytes:
      return b"" if column is None else column[index]

    def number(column: np.ndarray | None) -> int:
      return 0 if column is None else int(column[index])

    return ImageEntry(
      path=self.paths[index],
      label=number(self.labels),
      clean_label=number(self.clean_labels),
      id=number(self.ids),
      query=text(self.queries),
      synset=text(self.synsets),
      offset=number(self.offsets),
      size=number(self.sizes),
    )

  def take(self, rows: np.ndarray) -> "ImageList":
    """The images at the given positions, in that order."""
    columns: dict[str, Any] = {
      name: column.take(rows)
      if isinstance(column, BytesColumn)
      else column[rows]
      for name, column in self._columns().items()
    }
    return ImageList(**columns)

  def shuffled(self, seed: int) -> "ImageList":
    """A permutation that is a function of the seed and the length alone."""
    # Only NumPy's raw random numbers are the same in all versions.
    keys = np.random.PCG64(seed).random_raw(len(self))
    return self.take(np.argsort(keys, kind="stable"))

  def fingerprint(self) -> str:
    """SHA-256 of all that the list says, in hexadecimal digits."""
    digest = hashlib.sha256()
    for name, column in self._columns().items():
      digest.update(name.encode("ascii"))
      if isinstance(column, BytesColumn):
        column = column.packed()
        digest.update(column.starts.data)
        column = column.buffer
      digest.update(np.ascontiguousarray(column).data)
    return digest.hexdigest()

  def save(self, folder: Path) -> None:
    """Writes every column as `.npy` files into the folder."""
    for name, column in self._columns().items():
      if isinstance(column, BytesColumn):
        column.save(folder, name)
      else:
        write_array(folder / f"{name}.npy", column)

  @classmethod
  def load(cls, folder: Path) -> "ImageList":
    """Opens what `save` wrote; only the parts that are used are read."""
    columns: dict[str, Any] = {}
    for name in (each.name for each in fields(cls)):
      path = folder / f"{name}.npy"
      if path.exists():
        columns[name] = mapped_array(path)
      elif BytesColumn.is_saved(folder, name):
        columns[name] = BytesColumn.load(folder, name)
    return cls(**columns)

  def _columns(self) -> dict[str, BytesColumn | np.ndarray]:
    columns = {each.name: getattr(self, each.name) for each in fields(self)}
    return {name: each for name, each in columns.items() if each is not None}


class ImageReader(Protocol):
  """Gives the bytes of the images of a list.

  It goes to other processes, so it is small and picklable. `str` of it names
  the place it reads, for messages.
  """

  def read(self, entry: ImageEntry) -> bytes:
    """The image file's content.

    Raises:
      UnusableImageError: this image cannot be read; others may.
      OSError: no image can be read.
    """


@dataclass(frozen=True)
class FileReader:
  """Reads files below a folder.

  Attributes:
    root: the folder that the paths of the list are relative to.
  """

  root: str

  def __str__(self) -> str:
    return self.root

  def read(self, entry: ImageEntry) -> bytes:
    """See `ImageReader.read`."""
    path = f"{self.root}/{os.fsdecode(entry.path)}"
    try:
      with open_regular(path) as file:
        return file.read()
    except UserError as error:  # it is no file
      raise UnusableImageError("unreadable file") from error
    except OSError as error:
      if error.errno not in _UNREADABLE:
        raise
      raise UnusableImageError(_UNREADABLE[error.errno]) from error


@dataclass(frozen=True)
class ListedImages:
  """One split of a data set of image files, ready to be converted.

  Attributes:
    images: in the order of their source; labels are 0 to K - 1.
    reader: gives their bytes.
    class_names: K names.
    description: where the images came from, in words and without folders, so
      that a conversion can go on when they have moved.
    fields: further entries for the summary of a record set, such as "noise".
    dropped: (path, reason) of listed images that are skipped, such as those
      that are listed twice.
    notes: what the user should know before the conversion, a line each, such as
      numbers of images unlike those published.
  """

  images: ImageList
  reader: ImageReader
  class_names: tuple[str, ...]
  description: str
  fields: dict[str, Any] = field(default_factory=dict)
  dropped: tuple[tuple[bytes, str], ...] = ()
  notes: tuple[str, ...] = ()

  @property
  def num_classes(self) -> int:
    """K."""
    return len(self.class_names)
