"""CIFAR-10 and CIFAR-100, and their human labels, from TensorFlow Datasets."""

import socket
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np

from mentornet_tf.datasets.sources.base import SourceImages
from mentornet_tf.datasets.sources.cifar_archives import binary_paths
from mentornet_tf.datasets.sources.class_names import CLASS_NAMES
from mentornet_tf.errors import UserError

# TensorFlow Datasets reads the binary archives and numbers their records.
TFDS_ORDERING = "binary"

# Those that fixed which image a label belongs to, or the label files.
_LEAST_VERSIONS = {"cifar10_n": "1.0.4", "cifar100_n": "1.0.1"}

_CIFAR_HOST = ("www.cs.toronto.edu", 443)
_REACHABLE_WITHIN_SECONDS = 10


def load_cifar_tfds(
  dataset_name: str, split: str, tfds_data_dir: str | Path | None = None
) -> SourceImages:
  """One split of CIFAR-10 or CIFAR-100 in the order of its ids.

  Args:
    dataset_name: "cifar10" or "cifar100" (fine labels).
    split: "train" or "test".
    tfds_data_dir: TensorFlow Datasets' folder; its default where None. A data
      set that is not prepared there is downloaded.

  Raises:
    UserError: it is not prepared and cannot be downloaded.
  """
  columns = read_tfds_columns(dataset_name, split, tfds_data_dir)
  return SourceImages(
    images=columns["image"],
    labels=columns["label"],
    ids=columns["id"],
    class_names=CLASS_NAMES[dataset_name],
    ordering=TFDS_ORDERING,
    description=f"TensorFlow Datasets {dataset_name}",
    paths=binary_paths(dataset_name, split, columns["id"]),
  )


def read_tfds_columns(
  builder_name: str, split: str, tfds_data_dir: str | Path | None = None
) -> dict[str, np.ndarray]:
  """Every feature of one split as an array, in the order of the ids.

  Args:
    builder_name: such as "cifar10" or "cifar10_n".
    split: "train" or "test".
    tfds_data_dir: TensorFlow Datasets' folder; its default where None.

  Returns:
    Feature name -> [N, ...] array; "id" and the labels are int64.

  Raises:
    UserError: it is not prepared and cannot be downloaded.
  """
  tfds = import_tfds("the official files")
  builder = tfds.builder(builder_name, data_dir=tfds_data_dir, try_gcs=False)
  _check_version(builder)
  if not builder.is_prepared():
    _prepare(builder)
  if builder.info.file_format == tfds.core.FileFormat.ARRAY_RECORD:
    columns = _array_record_columns(builder, split)
  else:
    columns = tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1))
  ids = np.array([int(each.rpartition(b"_")[2]) for each in columns["id"]])
  order = np.argsort(ids)
  return {"id": ids[order]} | {
    name: column[order] for name, column in columns.items() if name != "id"
  }


def _check_version(builder: Any) -> None:
  """Refuses versions that give the human labels to other images."""
  least = _LEAST_VERSIONS.get(builder.name)
  if least is None:
    return
  found = str(builder.version)
  if builder.version >= least and not builder.is_prepared():
    # Only an older one may be there.
    versions = sorted(
      path.name for path in Path(builder.data_path).parent.glob("*.*.*")
    )
    found = versions[-1] if versions else found
  if builder.version < least or found != str(builder.version):
    raise UserError(
      f"tfds_data_dir: expected {builder.name} {least} or later in "
      f"{Path(builder.data_path).parent}, since earlier versions give the "
      f"labels to other images, got {found}; prepare it anew with a current "
      "tensorflow-datasets"
    )


def _array_record_columns(builder: Any, split: str) -> dict[str, np.ndarray]:
  """Every feature of one split of ArrayRecord files, in any order."""
  try:
    rows = list(builder.as_data_source(split=split))
  except ImportError as error:
    raise array_record_missing(builder.data_path) from error
  except (IndexError, RuntimeError, ValueError) as error:
    raise _damaged(builder, str(error)) from error
  if len(rows) != builder.info.splits[split].num_examples or not rows:
    raise _damaged(builder, f"{len(rows)} images of {split}")
  return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _damaged(builder: Any, what: str) -> UserError:
  return UserError(
    f"tfds_data_dir: expected whole files in {builder.data_path}, got damaged "
    f"ones ({what.splitlines()[0] if what else 'no reason given'}); prepare "
    "the data set again"
  )


def import_tfds(instead: str) -> Any:
  """The package tensorflow_datasets, whose import takes seconds.

  Args:
    instead: what can be given without it.

  Raises:
    UserError: it is not installed.
  """
  try:
    import tensorflow_datasets
  except ModuleNotFoundError as error:
    raise UserError(
      "tfds_data_dir: expected the Python package tensorflow_datasets, got no "
      f'{error.name}; pip install "mentornet-tf[tfds]", or give {instead}'
    ) from error
  return tensorflow_datasets


def array_record_missing(folder: Any) -> UserError:
  """The error where the ArrayRecord files of a folder cannot be read."""
  return UserError(
    f"tfds_data_dir: expected the Python package array_record, since {folder} "
    "holds ArrayRecord files, got none; install it, or prepare the data set "
    "with file_format='tfrecord'"
  )


def _prepare(builder: Any) -> None:
  """Downloads and prepares the data, or names both ways to provide it."""
  from tensorflow_datasets.core.download.download_manager import (
    NonMatchingChecksumError,
  )
  from tensorflow_datasets.core.download.util import DownloadError

  try:
    _check_reachable()
    builder.download_and_prepare()
  except (
    AssertionError,  # The label files of CIFAR-N must be put there by hand.
    DownloadError,
    ImportError,
    NonMatchingChecksumError,
    OSError,
  ) as error:
    raise UserError(
      f"tfds_data_dir: expected {builder.name} in {builder.data_path} or a "
      f"network to download it, got neither ({error}); name a folder where it "
      "is prepared, or give the official CIFAR archive as `source_dir`"
    ) from error


def _check_reachable() -> None:
  """Fails within seconds, where the download itself would try for minutes.

  Raises:
    OSError: the archives' host cannot be reached.
  """
  if urllib.request.getproxies():
    return  # Only the download itself shows what a proxy can reach.
  socket.create_connection(_CIFAR_HOST, _REACHABLE_WITHIN_SECONDS).close()
