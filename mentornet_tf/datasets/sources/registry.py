"""Finds the sources of small images by name."""

from pathlib import Path

from mentornet_tf.datasets.sources.base import SourceImages
from mentornet_tf.datasets.sources.cifar_archives import (
  load_cifar_archive,
)
from mentornet_tf.datasets.sources.cifar_tfds import load_cifar_tfds
from mentornet_tf.datasets.sources.digits import load_digits
from mentornet_tf.errors import UserError
from mentornet_tf.internal.choices import check_choice

SOURCE_NAMES = ("digits", "cifar10", "cifar100")
SPLITS = ("train", "test")


def load_source(
  dataset_name: str,
  split: str,
  *,
  source_dir: str | Path | None = None,
  tfds_data_dir: str | Path | None = None,
) -> SourceImages:
  """Loads one split with the labels its source gives.

  Args:
    dataset_name: "digits" (bundled), "cifar10" or "cifar100".
    split: "train" or "test".
    source_dir: the official CIFAR archive; without it CIFAR comes from
      TensorFlow Datasets.
    tfds_data_dir: TensorFlow Datasets' folder; its default where None.

  Raises:
    UserError: an unknown name or split, or the source cannot be read.
  """
  for name, value, known in (
    ("dataset_name", dataset_name, SOURCE_NAMES),
    ("split", split, SPLITS),
  ):
    check_choice(name, value, known)
  if dataset_name == "digits":
    if source_dir or tfds_data_dir:
      raise UserError(
        "source_dir, tfds_data_dir: expected neither for digits, which come "
        f"with scikit-learn, got {source_dir or tfds_data_dir}; leave it out, "
        "or name another `dataset_name`"
      )
    return load_digits(split)
  if source_dir:
    return load_cifar_archive(source_dir, dataset_name, split)
  return load_cifar_tfds(dataset_name, split, tfds_data_dir)
