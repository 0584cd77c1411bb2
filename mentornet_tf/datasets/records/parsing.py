"""Serialized records to images, which stay as they are, and labels."""

import numpy as np
import tensorflow as tf

from mentornet_tf.datasets.labels.clean_labels import KNOWN_WRONG, UNKNOWN
from mentornet_tf.datasets.records.stored_images import (
  IMAGE_FEATURES,
  StoredImage,
  stored_image,
)

_LABEL_FEATURES = {
  # A list of one label, the original's [1], parses to a scalar all the same.
  "image/class/label": tf.io.FixedLenFeature([], tf.int64),
  "image/class/clean_label": tf.io.FixedLenFeature([], tf.int64, UNKNOWN),
  "image/class/known_wrong": tf.io.FixedLenFeature([], tf.int64, 0),
  "image/id": tf.io.FixedLenFeature([], tf.int64, -1),
}


def parse_labeled(
  serialized: tf.Tensor, position: tf.Tensor, num_classes: int | None = None
) -> tuple[StoredImage, dict[str, tf.Tensor]]:
  """Parses records and leaves their images as they are.

  Args:
    serialized: [] or [B] string, tf.train.Example messages.
    position: [] or [B] int64, the ids of records that hold none.
    num_classes: labels outside [0, num_classes) are an error; None checks no
      upper bound.

  Returns:
    The images, and "label", "clean_label" (-1 unknown, -2 known wrong) and
    "id", each int64 of the same shape.

  Raises:
    tf.errors.InvalidArgumentError: a message or label cannot be used.
  """
  image, fields = parse_fields(serialized)
  return image, checked_labels(fields, position, num_classes)


def parse_fields(
  serialized: tf.Tensor,
) -> tuple[StoredImage, dict[str, tf.Tensor]]:
  """Images of records and the other fields, for `checked_labels`.

  In a pipeline this is done per record, and the labels are checked per batch.

  Args:
    serialized: [...] strings, records of any leading shape.

  Returns:
    The images, and int64 [...] by the names of the fields.
  """
  parsed = tf.io.parse_example(serialized, IMAGE_FEATURES | _LABEL_FEATURES)
  return stored_image(parsed), {key: parsed[key] for key in _LABEL_FEATURES}


def checked_labels(
  fields: dict[str, tf.Tensor],
  position: tf.Tensor,
  num_classes: int | None = None,
) -> dict[str, tf.Tensor]:
  """The labels that `parse_labeled` returns, from what records hold of them.

  Args:
    fields: int64 [...] each, as `parse_fields` gives them.
    position: int64 [...], the id of a record that has none.
    num_classes: of the set; None checks for negative labels only.

  Returns:
    "label", "clean_label" and "id", int64 [...]. Under a graph a label outside
    the classes raises `tf.errors.InvalidArgumentError` when they are read.
  """
  label = fields["image/class/label"]
  if num_classes is None:
    num_classes = tf.int64.max
  clean_label = fields["image/class/clean_label"]
  in_range = tf.debugging.Assert(
    tf.reduce_all((label >= 0) & (label < num_classes))
    & tf.reduce_all((clean_label >= UNKNOWN) & (clean_label < num_classes)),
    ["label outside 0 to", num_classes - 1, label, clean_label],
  )
  identity = fields["image/id"]
  # An eager Assert has already run and returns None.
  with tf.control_dependencies([in_range] if in_range is not None else []):
    label = tf.identity(label)
  return {
    "label": label,
    "clean_label": _clean_label(fields),
    "id": tf.where(identity < 0, position, identity),
  }


def _clean_label(fields: dict[str, tf.Tensor]) -> tf.Tensor:
  """Clean labels in memory, from those on disk, int64 of any shape."""
  label = fields["image/class/clean_label"]
  known_wrong = fields["image/class/known_wrong"] != 0
  return tf.where((label < 0) & known_wrong, np.int64(KNOWN_WRONG), label)
