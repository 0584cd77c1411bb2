"""Controlled Noisy Web Labels where TensorFlow Datasets has prepared them."""

import os
from pathlib import Path

import numpy as np

from mentornet_tf.datasets.images.bytes_columns import BytesColumn
from mentornet_tf.datasets.images.listing import ImageList, ListedImages
from mentornet_tf.datasets.trees.cnwl_annotations import (
  clean_label,
  noise_fields,
  published,
)
from mentornet_tf.datasets.trees.mini_imagenet_classes import WORDNET_IDS
from mentornet_tf.datasets.trees.prepared_tfds import PreparedSet
from mentornet_tf.errors import UserError

_BUILDER = "controlled_noisy_web_labels"


def load_cnwl_tfds(
  tfds_data_dir: str | Path,
  split: str,
  color: str = "red",
  noise_level: str = "0.4",
) -> ListedImages:
  """Finds the images of one split of Mini-ImageNet, in place.

  Args:
    tfds_data_dir: TensorFlow Datasets' folder.
    split: "train" or "val".
    color: "red" for noise from the web, "blue" for labels changed at random.
    noise_level: such as "0.4".

  Returns:
    The images in the order of their names; ids count them. Clean labels are as
    `load_cnwl` gives them.

  Raises:
    UserError: the data set is not prepared there, or its files are damaged.
  """
  is_train = split == "train"
  tfds_split = (
    f"train_{round(float(noise_level) * 100):02d}" if is_train else "validation"
  )
  prepared = PreparedSet(
    f"{_BUILDER}/mini_imagenet_{color}",
    tfds_split,
    tfds_data_dir,
    "the published files as `source_dir`",
  )
  records = sorted(
    (
      record.text("id"),
      record.shard,
      record.number("label"),
      record.number("is_clean"),
      record.offset,
      record.size,
    )
    for record in prepared.records()
  )
  if not records:
    raise UserError(
      f"tfds_data_dir: expected images in {tfds_split} of {prepared.folder}, "
      "got none; prepare the data set again"
    )
  identities, shards, labels, is_clean, offsets, sizes = zip(
    *records, strict=True
  )
  if max(labels) >= len(WORDNET_IDS) or min(labels) < 0:
    raise UserError(
      f"tfds_data_dir: expected labels of {len(WORDNET_IDS)} classes in "
      f"{prepared.folder}, got {max(labels)}; prepare the data set again"
    )
  clean = [
    clean_label(identity, label, bool(fact)) if is_train else label
    for identity, label, fact in zip(identities, labels, is_clean, strict=True)
  ]
  noise = noise_fields(color if is_train else None, labels, clean)
  return ListedImages(
    images=ImageList(
      paths=BytesColumn.of(
        os.fsencode(f"{shard}/{identity}.jpg")
        for shard, identity in zip(shards, identities, strict=True)
      ),
      labels=np.array(labels, np.int64),
      clean_labels=np.array(clean, np.int64),
      ids=np.arange(len(labels), dtype=np.int64),
      offsets=np.array(offsets, np.int64),
      sizes=np.array(sizes, np.int64),
    ),
    reader=prepared.reader,
    class_names=WORDNET_IDS,
    description=f"TensorFlow Datasets {_BUILDER}/mini_imagenet_{color} "
    f"{tfds_split}",
    fields={"noise": noise, "ordering": "names"},
    notes=published(color, noise_level).differences(
      split, len(labels), noise["measured_rate"]
    ),
  )
