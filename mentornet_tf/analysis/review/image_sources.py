"""Images by their ids: those of a record set, or files."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from mentornet_tf.datasets.records.access import read_records
from mentornet_tf.datasets.records.index import index_records
from mentornet_tf.datasets.records.shards import find_shards
from mentornet_tf.errors import UserError

_PARSED_AT_ONCE = 4
_BATCH = 64
_FEATURES = {
  "image/encoded": tf.io.FixedLenFeature([], tf.string),
  "image/format": tf.io.FixedLenFeature([], tf.string, ""),
  "image/height": tf.io.FixedLenFeature([], tf.int64, 0),
  "image/width": tf.io.FixedLenFeature([], tf.int64, 0),
  "image/id": tf.io.FixedLenFeature([], tf.int64, -1),
}


def record_images(
  data_dir: str | os.PathLike,
  dataset_name: str,
  split: str,
  ids: Collection[int],
) -> dict[int, bytes | np.ndarray]:
  """The images with these ids, whole rather than cut for a student.

  The set is read until all are found. Damaged records are passed over: those
  that were ranked are not among them.

  Args:
    data_dir: folder of the shards.
    dataset_name: name in the shards' file names.
    split: likewise.
    ids: of the images; a record that holds none has its position for an id.

  Returns:
    By id, encoded images, or uint8 [height, width, 3] of raw ones.

  Raises:
    UserError: the set is missing, or holds no image of some id.
  """
  shards = find_shards(Path(data_dir), dataset_name, split)
  index = index_records(
    shards, Path(data_dir) / f"{dataset_name}_{split}.index.npz"
  )
  places = tf.data.Dataset.range(len(index))
  records = tf.data.Dataset.zip(
    places, read_records(places.map(lambda place: (place, place)), index)
  )
  batches = (
    records.map(_identified, num_parallel_calls=_PARSED_AT_ONCE)
    .ignore_errors()
    .batch(_BATCH)
  )
  wanted = {int(each) for each in ids}
  found: dict[int, bytes | np.ndarray] = {}
  for identities, parsed in batches:
    for place, identity in enumerate(identities.numpy().tolist()):
      if identity in wanted:
        found[identity] = _image(
          {name: column[place].numpy() for name, column in parsed.items()}
        )
    if len(found) == len(wanted):
      return found
  missing = min(wanted - found.keys())
  raise UserError(
    f"data_dir: expected the images that were ranked, got {dataset_name}_"
    f"{split} in {data_dir} without the id {missing}; give the folder that "
    "was ranked"
  )


def _identified(
  position: tf.Tensor, serialized: tf.Tensor
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
  """A record's id, and what it holds of its image."""
  parsed = tf.io.parse_single_example(serialized, _FEATURES)
  identity = parsed["image/id"]
  return tf.where(identity < 0, position, identity), parsed


def _image(record: dict[str, Any]) -> bytes | np.ndarray:
  data = record["image/encoded"]
  if record["image/format"] != b"raw":
    return data
  shape = (record["image/height"], record["image/width"], 3)
  return np.frombuffer(data, np.uint8).reshape(shape)


class ImageFiles(Mapping[int, bytes]):
  """The bytes of image files by id, read as they are asked for.

  Args:
    folder: below which the files lie.
    ids: of the images.
    paths: of their files, relative to `folder`. Some may be gone.

  Raises:
    UserError: none of the files is there.
  """

  def __init__(
    self,
    folder: str | os.PathLike,
    ids: Sequence[int],
    paths: Sequence[str] | None,
  ):
    if paths is None:
      raise UserError(
        "image_dir: expected a ranking with the column path, got one without; "
        "rank the labels again, or use `data_dir`"
      )
    self._files = {
      int(identity): Path(folder) / path
      for identity, path in zip(ids, paths, strict=True)
      if path
    }
    if not any(file.is_file() for file in self._files.values()):
      first = next(iter(self._files.values()), folder)
      raise UserError(
        f"image_dir: expected the folder below which the ranked files lie, got "
        f"{folder} without any of them ({first} is not there); correct the path"
      )

  def __getitem__(self, identity: int) -> bytes:
    try:
      return self._files[identity].read_bytes()
    except FileNotFoundError:
      raise KeyError(identity) from None

  def __iter__(self) -> Iterator[int]:
    return iter(self._files)

  def __len__(self) -> int:
    return len(self._files)
