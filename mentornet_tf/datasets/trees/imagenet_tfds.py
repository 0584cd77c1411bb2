"""ILSVRC2012's validation set where TensorFlow Datasets has prepared it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from mentornet_tf.datasets.images.archives import ArchiveReader
from mentornet_tf.datasets.records.framing import HEADER_BYTES, record_spans
from mentornet_tf.datasets.trees.imagenet_sources import (
  ImageNetImages,
  in_order_of_ids,
)
from mentornet_tf.errors import UserError

_BUILDER = "imagenet2012"
_SPLIT = "validation"


def imagenet_images_of_tfds(tfds_data_dir: str | Path) -> ImageNetImages:
  """Finds the validation images in TensorFlow Datasets' files, in place.

  Args:
    tfds_data_dir: TensorFlow Datasets' folder.

  Raises:
    UserError: the data set is not prepared there, or not as TFRecords.
  """
  # Checked first: TensorFlow Datasets would log its own warnings.
  if not Path(tfds_data_dir, _BUILDER).is_dir():
    raise _not_prepared(Path(tfds_data_dir, _BUILDER))
  # Imported here, since it takes seconds.
  import tensorflow_datasets as tfds

  builder = tfds.builder(_BUILDER, data_dir=tfds_data_dir, try_gcs=False)
  if not builder.is_prepared() or _SPLIT not in builder.info.splits:
    raise _not_prepared(builder.data_path)
  if builder.info.file_format != tfds.core.FileFormat.TFRECORD:
    raise UserError(
      f"tfds_data_dir: expected {_BUILDER} as TFRecords in "
      f"{builder.data_path}, got {builder.info.file_format.value} files; "
      "prepare it as TFRecords, or give the images as `images`"
    )
  # As the files' own metadata describes them, not as this version prepares.
  builder = tfds.builder_from_directory(builder.data_path)
  names = builder.info.features["label"].names
  paths, synsets, offsets, sizes = [], [], [], []
  for shard in map(Path, builder.info.splits[_SPLIT].filepaths):
    for begin, record in _records(shard):
      features = tf.train.Example.FromString(record).features.feature
      image = features["image"].bytes_list.value[0]
      name = features["file_name"].bytes_list.value[0].decode("utf-8")
      paths.append(f"{shard.name}/{name}")
      synsets.append(names[features["label"].int64_list.value[0]])
      offsets.append(begin + record.index(image))
      sizes.append(len(image))
  return in_order_of_ids(
    paths,
    synsets,
    ArchiveReader(str(builder.data_path)),
    f"TensorFlow Datasets {_BUILDER} {_SPLIT}",
    offsets,
    sizes,
  )


def _not_prepared(folder: Path) -> UserError:
  return UserError(
    f"tfds_data_dir: expected {_BUILDER} with its {_SPLIT} split in {folder}, "
    f"got none prepared; name the folder that holds {_BUILDER}, or give the "
    "images as `images`"
  )


def _records(shard: Path) -> Iterator[tuple[int, bytes]]:
  """First byte and content of each record of a TFRecord file."""
  spans = record_spans(shard, "prepare the data set again")
  with shard.open("rb") as file:
    for offset, length in zip(*map(np.ndarray.tolist, spans), strict=True):
      begin = file.seek(offset + HEADER_BYTES)
      yield begin, file.read(length)
