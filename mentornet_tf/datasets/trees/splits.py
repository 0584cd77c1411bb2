"""From a user's own images to the splits that are converted."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mentornet_tf.datasets.images.listing import ImageList, ListedImages
from mentornet_tf.datasets.labels.clean_labels import (
  KNOWN_WRONG,
  is_checked,
  is_noisy,
)
from mentornet_tf.datasets.labels.label_noise import LabelNoise
from mentornet_tf.datasets.labels.noise import (
  OWN_NOISE_KINDS,
  describe_measured_noise,
)
from mentornet_tf.datasets.trees.folders import LabeledFiles
from mentornet_tf.datasets.trees.split_names import SPLITS
from mentornet_tf.datasets.trees.table_classes import classes_without_images
from mentornet_tf.errors import UserError
from mentornet_tf.internal.choices import check_choice

_TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".lst")


def records_name(dataset_name: str | None, source: str | Path | None) -> str:
  """The name of the records: that given, else that of their source.

  Args:
    dataset_name: a name, or None.
    source: a folder or a table.

  Raises:
    UserError: there is neither.
  """
  if dataset_name:
    return dataset_name
  if not source:
    raise UserError(
      "dataset_name: expected the name of the records, got none; give one"
    )
  path = Path(os.path.abspath(source))  # has a name where the source is ".."
  return path.stem if path.suffix in _TABLE_SUFFIXES else path.name


def split_own_images(
  files: LabeledFiles,
  dataset_name: str,
  noise: LabelNoise | None = None,
  test_fraction: float | None = None,
  seed: int = 0,
) -> dict[str, ListedImages]:
  """The images of each split: "train", and "val" and "test" where given.

  Args:
    files: the images with their labels.
    dataset_name: name of the records.
    noise: changes the labels of the training split; the labels that were found
      then count as the clean ones, in all splits.
    test_fraction: share of each class that goes to the test split, where the
      source does not say; None makes a training split only.
    seed: seed of the test split, at least 0.

  Raises:
    UserError: the settings contradict the source, or a split would be empty.
  """
  split_of_image = split_of_images(files, test_fraction, seed)
  train = np.flatnonzero(split_of_image == "train")
  images, description = _with_noise(
    files, train, dataset_name, noise or LabelNoise()
  )
  splits = {}
  for split in SPLITS:
    kept = images.take(np.flatnonzero(split_of_image == split))
    if not len(kept):
      continue
    is_train = split == "train"
    kind = description if is_train else {"kind": "none"}
    splits[split] = ListedImages(
      images=kept,
      reader=files.reader,
      class_names=files.class_names,
      description=files.description,
      fields={
        "noise": kind | describe_measured_noise(kept.labels, kept.clean_labels),
        "ordering": files.ordering,
        "test_fraction": test_fraction,
      }
      | files.fields,
      # They belong to no split; the report of the first one lists them.
      dropped=files.dropped if is_train else (),
    )
  return splits


def describe_clean_labels(listed: ListedImages) -> str | None:
  """One line on the clean labels that a source gives, None without any."""
  labels, clean = listed.images.labels, listed.images.clean_labels
  checked = is_checked(clean)
  if not checked.any():
    return None
  rate = np.mean(is_noisy(labels, clean)[checked])
  line = (
    f"clean labels of {checked.sum()} of {len(labels)} listed images, "
    f"{100 * rate:.1f} % of them unlike the label"
  )
  if known_wrong := np.sum(clean == KNOWN_WRONG):
    line += f" ({known_wrong} known to be wrong only)"
  # Perhaps a typing error rather than a class.
  unlabeled = np.setdiff1d(clean[clean >= 0], labels)
  if len(unlabeled):
    names = ", ".join(listed.class_names[each] for each in unlabeled[:10])
    line += f"; no image has the label {names}: check the column clean_label"
  return line


def split_of_images(
  files: LabeledFiles, test_fraction: float | None, seed: int
) -> np.ndarray:
  """[N] text: what the source says, or "test" for a share of each class.

  Raises:
    UserError: the fraction contradicts the source, or a split would be empty.
  """
  splits = files.splits
  if splits is None:
    is_test = stratified_test(files.images.labels, test_fraction or 0.0, seed)
    if test_fraction is not None and not is_test.any():
      raise UserError(
        "test_fraction: expected at least one test image of "
        f"{len(is_test)}, got none with {test_fraction}; choose a larger one, "
        "or leave it out"
      )
    splits = np.where(is_test, "test", "train")
  elif test_fraction is not None:
    raise UserError(
      "test_fraction: expected none with images that come with their splits, "
      f"{', '.join(split for split in SPLITS if split in splits)}, got "
      f"{test_fraction}; leave it out"
    )
  if "train" not in splits:
    raise UserError(
      "test_fraction: expected at least one image for training, got "
      f"{' and '.join(np.unique(splits))} images only; choose a smaller one, "
      "or name training images"
    )
  return splits


def stratified_test(
  labels: np.ndarray, fraction: float, seed: int
) -> np.ndarray:
  """[N] bool: a random choice, nearest to that fraction, from each class.

  Args:
    labels: [N] integers.
    fraction: share in [0, 1].
    seed: seed of the choice, at least 0.
  """
  # Only NumPy's raw random numbers are the same in all versions.
  keys = np.random.PCG64(seed).random_raw(len(labels))
  is_test = np.zeros(len(labels), bool)
  for label in np.unique(labels):
    members = np.flatnonzero(labels == label)
    members = members[np.argsort(keys[members], kind="stable")]
    is_test[members[: round(fraction * len(members))]] = True
  return is_test


def _with_noise(
  files: LabeledFiles, train: np.ndarray, dataset_name: str, noise: LabelNoise
) -> tuple[ImageList, dict[str, Any]]:
  """The images with the labels to train on, and what a summary says."""
  images = files.images
  check_choice("noise", noise.kind, OWN_NOISE_KINDS)
  if noise.kind == "none":
    return images, {"kind": "none"}
  if is_checked(images.clean_labels).any():
    raise UserError(
      "noise: expected none where clean labels are given, got "
      f"{noise.kind!r}; leave it out, or remove the column clean_label"
    )
  empty = classes_without_images(images.labels[train], files.class_names)
  # A matrix says itself what becomes of each class.
  if empty and noise.kind != "matrix":
    raise UserError(
      "noise: expected training images of every class, since noise goes to all "
      f"of them, got {len(empty)} of {len(files.class_names)} classes without "
      f"any (such as {empty[0]}); number the labels anew (`renumber=True`), or "
      "leave `noise` out"
    )
  labels = images.labels.copy()
  labels[train], description = noise.drawn_labels(
    labels[train], len(files.class_names), dataset_name
  )
  return replace(images, labels=labels, clean_labels=images.labels), description
