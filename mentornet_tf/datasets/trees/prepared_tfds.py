"""Images of sets that TensorFlow Datasets has prepared, read in place."""

import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from mentornet_tf.datasets.images.archives import ArchiveReader
from mentornet_tf.datasets.images.decoding import UnusableImageError
from mentornet_tf.datasets.images.listing import ImageEntry, ImageReader
from mentornet_tf.datasets.records.framing import HEADER_BYTES, record_spans
from mentornet_tf.datasets.sources.cifar_tfds import (
  array_record_missing,
  import_tfds,
)
from mentornet_tf.errors import UserError

_IMAGE = "image"
_REMEDY = "prepare the data set again"


@dataclass(frozen=True)
class ImageRecord:
  """A record of a prepared set.

  Attributes:
    shard: the name of its file.
    features: name -> feature of a `tf.train.Example`.
    offset: where `PreparedSet.reader` finds the image within the file.
    size: bytes of the image.
  """

  shard: str
  features: Any
  offset: int
  size: int

  def text(self, name: str) -> str:
    """A feature of text.

    Raises:
      UserError: the record has none.
    """
    value = self.features[name].bytes_list.value
    if len(value) != 1:
      raise _damaged(Path(self.shard), f"a record without {name!r}")
    return value[0].decode("utf-8")

  def number(self, name: str) -> int:
    """A feature of one integer.

    Raises:
      UserError: the record has none.
    """
    value = self.features[name].int64_list.value
    if len(value) != 1:
      raise _damaged(Path(self.shard), f"a record without {name!r}")
    return int(value[0])


class PreparedSet:
  """One split of a data set whose records hold encoded images.

  Attributes:
    folder: the folder of its files.
    reader: gives the images' bytes.
  """

  def __init__(
    self, name: str, split: str, tfds_data_dir: str | Path, instead: str
  ) -> None:
    """Finds the split.

    Args:
      name: the data set, such as "imagenet2012", with its configuration.
      split: such as "validation".
      tfds_data_dir: TensorFlow Datasets' folder.
      instead: how else to give the images, for messages.

    Raises:
      UserError: it is not prepared there, or in files that cannot be read.
    """
    self._name, self._split, self._instead = name, split, instead
    # Checked first: TensorFlow Datasets would log its own warnings.
    if not Path(tfds_data_dir, name).is_dir():
      raise self._not_prepared(Path(tfds_data_dir, name))
    tfds = import_tfds(instead)
    builder = tfds.builder(name, data_dir=tfds_data_dir, try_gcs=False)
    if not builder.is_prepared() or split not in builder.info.splits:
      raise self._not_prepared(builder.data_path)
    # As the files' own metadata describes them, not as this version prepares.
    builder = tfds.builder_from_directory(builder.data_path)
    self.folder = Path(builder.data_path)
    self._info = builder.info
    formats = tfds.core.FileFormat
    if self._info.file_format == formats.TFRECORD:
      self._of_shard = _tf_records
      self.reader: ImageReader = ArchiveReader(str(self.folder))
    elif self._info.file_format == formats.ARRAY_RECORD:
      self._of_shard = _array_records
      self.reader = ArrayRecordReader(str(self.folder))
    else:
      raise UserError(
        f"tfds_data_dir: expected {name} as TFRecords in {self.folder}, got "
        f"{self._info.file_format.value} files; prepare it with "
        f"file_format='tfrecord', or give {instead}"
      )

  def class_names(self, feature: str = "label") -> list[str]:
    """The names of the classes of a feature."""
    return list(self._info.features[feature].names)

  def records(self) -> Iterator[ImageRecord]:
    """Every record of the split.

    Raises:
      UserError: a file is damaged.
    """
    split = self._info.splits[self._split]
    for path, count in zip(
      map(Path, split.filepaths), split.shard_lengths, strict=True
    ):
      found = 0
      for record in self._of_shard(path):
        found += 1
        yield record
      if found != count:
        raise _damaged(path, f"{found} of {count} records")

  def _not_prepared(self, folder: Any) -> UserError:
    return UserError(
      f"tfds_data_dir: expected {self._name} with its {self._split} split in "
      f"{folder}, got none prepared; name the folder that holds "
      f"{self._name.partition('/')[0]}, or give {self._instead}"
    )


@dataclass(frozen=True)
class ArrayRecordReader:
  """Reads images whose paths are a file's path and a name within it.

  Attributes:
    root: the folder that the files' paths are relative to.
  """

  root: str

  def __str__(self) -> str:
    return self.root

  def read(self, entry: ImageEntry) -> bytes:
    """See `ImageReader.read`; `entry.offset` counts the file's records."""
    name = os.fsdecode(entry.path.rpartition(b"/")[0])
    file = _opened_array_records(f"{self.root}/{name}")
    try:
      (record,) = file.read([entry.offset])
    except (IndexError, RuntimeError, ValueError) as error:
      raise UnusableImageError("damaged ArrayRecord") from error
    return _parsed(record, Path(name))[1]


def _open_array_records(path: str) -> Any:
  try:
    from array_record.python import array_record_module
  except ImportError as error:
    raise array_record_missing(Path(path).parent) from error
  return array_record_module.ArrayRecordReader(path)


# Opening one for each image would take longer than reading it.
_opened_array_records = functools.lru_cache(maxsize=32)(_open_array_records)


def _array_records(shard: Path) -> Iterator[ImageRecord]:
  file = _open_array_records(str(shard))
  try:
    records = file.read_all()
  except (IndexError, RuntimeError, ValueError) as error:
    raise _damaged(shard, f"a damaged one ({error})") from error
  for position, record in enumerate(records):
    features, image = _parsed(record, shard)
    yield ImageRecord(shard.name, features, position, len(image))


def _tf_records(shard: Path) -> Iterator[ImageRecord]:
  spans = record_spans(shard, _REMEDY)
  with shard.open("rb") as file:
    for offset, length in zip(*map(np.ndarray.tolist, spans), strict=True):
      begin = file.seek(offset + HEADER_BYTES)
      record = file.read(length)
      features, image = _parsed(record, shard)
      yield ImageRecord(
        shard.name, features, begin + record.index(image), len(image)
      )


def _parsed(record: bytes, shard: Path) -> tuple[Any, bytes]:
  """The features of a record, and its image."""
  try:
    features = tf.train.Example.FromString(record).features.feature
    return features, features[_IMAGE].bytes_list.value[0]
  except (DecodeError, IndexError) as error:
    raise _damaged(shard, "a record without an image") from error


def _damaged(shard: Path, what: str) -> UserError:
  return UserError(
    f"{shard}: expected a whole file of TensorFlow Datasets, got {what}; "
    f"{_REMEDY}"
  )
