"""ILSVRC2012's validation set where TensorFlow Datasets has prepared it."""

from pathlib import Path

from mentornet_tf.datasets.trees.imagenet_sources import (
  ImageNetImages,
  in_order_of_ids,
)
from mentornet_tf.datasets.trees.prepared_tfds import PreparedSet

_BUILDER = "imagenet2012"
_SPLIT = "validation"


def imagenet_images_of_tfds(tfds_data_dir: str | Path) -> ImageNetImages:
  """Finds the validation images in TensorFlow Datasets' files, in place.

  Args:
    tfds_data_dir: TensorFlow Datasets' folder.

  Raises:
    UserError: the data set is not prepared there, or its files are damaged.
  """
  prepared = PreparedSet(
    _BUILDER, _SPLIT, tfds_data_dir, "the images as `images`"
  )
  names = prepared.class_names()
  paths, synsets, offsets, sizes = [], [], [], []
  for record in prepared.records():
    paths.append(f"{record.shard}/{record.text('file_name')}")
    synsets.append(names[record.number("label")])
    offsets.append(record.offset)
    sizes.append(record.size)
  return in_order_of_ids(
    paths,
    synsets,
    prepared.reader,
    f"TensorFlow Datasets {_BUILDER} {_SPLIT}",
    offsets,
    sizes,
  )
