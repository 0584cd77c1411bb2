"""The record schema, and reading records back.

The schema is that of the original's published data: `image/encoded`,
`image/format` and `image/class/label`. This project always adds
`image/class/clean_label`, `image/id`, `image/height` and `image/width`, and
`image/path`, `image/query` and `image/synset` where they are known. Images are
encoded, or raw pixels (`stored_images`). Where the
label is known to be wrong, though not what would be right, the clean label is
-1 and `image/class/known_wrong` is 1. Records without these keys are read too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from mentornet_tf.datasets.images.bytes_columns import BytesColumn
from mentornet_tf.datasets.labels.clean_labels import KNOWN_WRONG, UNKNOWN
from mentornet_tf.datasets.records.damaged import NO_DAMAGE, find_damaged
from mentornet_tf.datasets.records.inspection import describe_damage
from mentornet_tf.datasets.records.parsing import parse_labeled
from mentornet_tf.datasets.records.paths import parse_paths, paths_column
from mentornet_tf.datasets.records.shards import (
  check_num_records,
  find_shards,
  named_classes,
  read_summary,
)
from mentornet_tf.datasets.records.stored_images import stored_pixels
from mentornet_tf.errors import UserError

# Data sets whose number of classes is known without a summary.
_NUM_CLASSES = {"cifar10": 10, "cifar100": 100, "digits": 10}

# Records decoded by one graph call when a whole set is loaded.
_DECODED_AT_ONCE = 512


@dataclass(frozen=True)
class Example:
  """One image with its labels, as a record holds it.

  Attributes:
    image_bytes: the encoded image, or its raw pixels.
    image_format: "png", "jpeg" or "raw".
    label: 0-based class to train on.
    id: stable position of the image in its source.
    height: pixels.
    width: pixels.
    clean_label: 0-based clean class, or a value of `labels.clean_labels`.
    path: the image's file below its source's root, with the name or number
      within it where a file holds several; b"" where unknown.
    query: the search that found the image, b"" where unknown.
    synset: WordNet id of the label, b"" where unknown.
  """

  image_bytes: bytes
  image_format: str
  label: int
  id: int
  height: int
  width: int
  clean_label: int = UNKNOWN
  path: bytes = b""
  query: bytes = b""
  synset: bytes = b""


def encode_example(example: Example) -> bytes:
  """Serializes to a tf.train.Example; the same example, the same bytes."""
  message = tf.train.Example()
  feature = message.features.feature
  # Features made on their own would be copied, image and all.
  for key, number in (
    ("class/label", example.label),
    ("class/clean_label", max(example.clean_label, UNKNOWN)),
    ("id", example.id),
    ("height", example.height),
    ("width", example.width),
  ):
    feature[f"image/{key}"].int64_list.value.append(int(number))
  if example.clean_label == KNOWN_WRONG:
    feature["image/class/known_wrong"].int64_list.value.append(1)
  for key, text in (
    ("encoded", example.image_bytes),
    ("format", example.image_format.encode("ascii")),
  ):
    feature[f"image/{key}"].bytes_list.value.append(text)
  for key in ("path", "query", "synset"):
    if text := getattr(example, key):
      feature[f"image/{key}"].bytes_list.value.append(text)
  return message.SerializeToString(deterministic=True)


def decode_examples(
  serialized: tf.Tensor, position: tf.Tensor, num_classes: int | None = None
) -> dict[str, tf.Tensor]:
  """Parses records and decodes their images, within a graph or outside.

  Args:
    serialized: [] or [B] string, tf.train.Example messages.
    position: [] or [B] int64, the ids of records that hold none.
    num_classes: labels outside [0, num_classes) are an error; None checks no
      upper bound.

  Returns:
    "image" uint8 [height, width, 3], "label", "clean_label" (-1 unknown, -2
    known wrong) and "id", each int64 []; all with a leading [B] where the
    records have it, and then all images must have one size.

  Raises:
    tf.errors.InvalidArgumentError: a message, image or label cannot be used.
  """
  stored, labels = parse_labeled(serialized, position, num_classes)
  if stored.data.shape.rank:
    # Several times faster than one graph call per image.
    image = tf.map_fn(
      stored_pixels,
      stored,
      fn_output_signature=tf.TensorSpec([None, None, 3], tf.uint8),
    )
  else:
    image = stored_pixels(stored)
  return {"image": image, **labels}


def read_tfrecords(
  data_dir: str | Path, dataset_name: str, split: str
) -> tf.data.Dataset:
  """Reads a record set in shard order.

  Args:
    data_dir: folder of the shards.
    dataset_name: such as "cifar10".
    split: such as "train".

  Returns:
    A finite data set of dicts: "image" uint8 [height, width, 3], "label" int64
    [], "clean_label" int64 [] (-1 unknown, -2 known wrong), "id" int64 []
    (position in reading order where the record holds none). A damaged record or
    a label outside the set's known classes raises a `tf.errors` exception while
    it is read;
    `inspection.describe_damage` says which file and record that is.

  Raises:
    UserError: the folder or shards of the set are missing.
  """
  shards = find_shards(data_dir, dataset_name, split)
  summary = read_summary(data_dir, dataset_name, split)
  num_classes = known_num_classes(dataset_name, summary)
  return _serialized(shards).map(
    lambda position, serialized: decode_examples(
      serialized, position, num_classes
    ),
    num_parallel_calls=tf.data.AUTOTUNE,
    deterministic=True,
  )


def _serialized(shards: Sequence[Path]) -> tf.data.Dataset:
  """(position, serialized record) in shard order."""
  return tf.data.TFRecordDataset([str(path) for path in shards]).enumerate()


def known_num_classes(
  dataset_name: str, summary: dict[str, Any] | None
) -> int | None:
  """Number of classes by the summary, else by the set's name, else None."""
  num_classes = (summary or {}).get("num_classes")
  if num_classes is None:
    return _NUM_CLASSES.get(dataset_name)
  return num_classes


@dataclass(frozen=True)
class InMemoryDataset:
  """A decoded record set.

  Attributes:
    images: [N, height, width, 3] uint8.
    labels: [N] int64, 0-based, the labels to train on.
    clean_labels: [N] int64, classes or values of `labels.clean_labels`.
    ids: [N] int64, stable positions in the source.
    num_classes: number of classes.
    class_names: the classes' names; their numbers where no summary names them.
    name: `<dataset>_<split>`.
    summary: the JSON beside the shards, {} where there is none.
    damaged: a line for each record that was passed over.
    paths: N, the images' files as the records name them, b"" where a record
      names none; None where no records were read.
  """

  images: np.ndarray
  labels: np.ndarray
  clean_labels: np.ndarray
  ids: np.ndarray
  num_classes: int
  class_names: tuple[str, ...]
  name: str = ""
  summary: dict[str, Any] = field(default_factory=dict)
  damaged: tuple[str, ...] = ()
  paths: BytesColumn | None = None

  def __len__(self) -> int:
    return len(self.images)

  def take(self, positions: np.ndarray) -> "InMemoryDataset":
    """The images at `positions` [M], in that order."""
    return replace(
      self,
      images=self.images[positions],
      labels=self.labels[positions],
      clean_labels=self.clean_labels[positions],
      ids=self.ids[positions],
      paths=None if self.paths is None else self.paths.take(positions),
    )


def load_in_memory(
  data_dir: str | Path,
  dataset_name: str,
  split: str,
  *,
  max_damaged: int = 0,
) -> InMemoryDataset:
  """Reads and decodes a whole record set once.

  Args:
    data_dir: folder of the shards.
    dataset_name: such as "cifar10".
    split: such as "train".
    max_damaged: how many records may be passed over because they, their image
      or their label cannot be used.

  Raises:
    UserError: folder, shards or records are missing, more records are damaged,
      or an image is of another size than the first. The message names the file
      and record.
  """
  shards = find_shards(data_dir, dataset_name, split)
  summary = read_summary(data_dir, dataset_name, split) or {}
  num_classes = known_num_classes(dataset_name, summary)
  damaged = NO_DAMAGE
  if max_damaged:
    damaged = find_damaged(shards, num_classes, max_damaged)
  records = _serialized(shards)
  if damaged.lines:
    passed_over = tf.constant(damaged.positions)
    records = records.filter(
      lambda position, _: tf.reduce_all(position != passed_over)
    )
  batches = records.batch(_DECODED_AT_ONCE).map(
    lambda position, serialized: {
      **decode_examples(serialized, position, num_classes),
      "path": parse_paths(serialized),
    },
    num_parallel_calls=tf.data.AUTOTUNE,
    deterministic=True,
  )
  try:
    parts = list(batches.as_numpy_iterator())
  # TensorFlow quotes a damaged record in its message, which may not be text.
  except (tf.errors.OpError, UnicodeDecodeError) as error:
    damage = describe_damage(shards, num_classes, damaged.positions)
    raise UserError(damage or f"{data_dir}: {error}") from error
  if len({part["image"].shape[1:] for part in parts}) > 1:
    raise UserError(describe_damage(shards, num_classes, damaged.positions))
  found = sum(len(part["label"]) for part in parts) + len(damaged.lines)
  check_num_records(found, summary, data_dir, dataset_name, split)
  if not parts:
    raise UserError(f"{damaged.lines[0]} (and so are all other records)")
  paths = paths_column(part.pop("path") for part in parts)
  columns = {
    key: np.concatenate([part[key] for part in parts]) for key in parts[0]
  }
  if num_classes is None:
    num_classes = int(columns["label"].max()) + 1
  return InMemoryDataset(
    images=columns["image"],
    labels=columns["label"],
    clean_labels=columns["clean_label"],
    ids=columns["id"],
    num_classes=num_classes,
    class_names=named_classes(summary, num_classes),
    name=f"{dataset_name}_{split}",
    summary=summary,
    damaged=damaged.lines,
    paths=paths,
  )
