"""ANIMAL-10N as published: JPEGs whose names begin with their label."""

import os
import re
from pathlib import Path

import numpy as np

from mentornet_tf.datasets.images.bytes_columns import BytesColumn
from mentornet_tf.datasets.images.listing import (
  FileReader,
  ImageList,
  ListedImages,
)
from mentornet_tf.datasets.labels.clean_labels import UNKNOWN
from mentornet_tf.datasets.labels.noise import describe_measured_noise
from mentornet_tf.datasets.trees.published_counts import Published
from mentornet_tf.datasets.trees.split_names import split_of
from mentornet_tf.datasets.trees.storage_folders import list_folder
from mentornet_tf.errors import UserError
from mentornet_tf.internal.choices import check_choice

SPLITS = ("train", "test")

# As the authors number them; two of each five pairs are easily confused.
CLASS_NAMES = (
  "cat",
  "lynx",
  "wolf",
  "coyote",
  "cheetah",
  "jaguar",
  "chimpanzee",
  "orangutan",
  "hamster",
  "guinea pig",
)

# About 8 % of the training labels are noisy by the authors' estimate; which
# ones is not known.
PUBLISHED = Published(
  "ANIMAL-10N", "Song et al., ICML 2019", {"train": 50_000, "test": 5_000}
)

_IMAGE_NAME = re.compile(r"(\d+)_.*\.jpe?g", re.IGNORECASE)


def load_animal10n(source_dir: str | Path, split: str) -> ListedImages:
  """Lists the images of one split; none is opened.

  Args:
    source_dir: the folder that holds training/ and testing/.
    split: "train", whose labels people gave to images that are easily
      confused, or "test", of which the authors kept only the images on whose
      label people and search agree.

  Returns:
    The images in the order of their names; ids count them. Clean labels are
    unknown in the training split and the labels in the test split.

  Raises:
    UserError: there is no such folder, or an image's name has no label.
  """
  check_choice("split", split, SPLITS)
  root = Path(source_dir)
  folder = _split_folder(root, split)
  names = list_folder(folder).files
  labels = np.array([_label(folder, name) for name in names], np.int64)
  is_train = split == "train"
  clean = np.full_like(labels, UNKNOWN) if is_train else labels
  return ListedImages(
    images=ImageList(
      paths=BytesColumn.of(
        os.fsencode(os.path.join(folder.relative_to(root), name))
        for name in names
      ),
      labels=labels,
      clean_labels=clean,
      ids=np.arange(len(names), dtype=np.int64),
    ),
    reader=FileReader(str(root.absolute())),
    class_names=CLASS_NAMES,
    description=f"ANIMAL-10N, {split}",
    fields={
      "noise": {"kind": "human" if is_train else "none"}
      | describe_measured_noise(labels, clean),
      "ordering": "paths",
    },
    notes=PUBLISHED.differences(split, len(names)),
  )


def _split_folder(root: Path, split: str) -> Path:
  if not root.is_dir():
    raise UserError(
      f"source_dir: expected the folder of ANIMAL-10N at {root}, got no such "
      "folder; correct the path"
    )
  found = [
    name for name in list_folder(root).folders if split_of(name) == split
  ]
  if len(found) == 1:
    return root / found[0]
  if found:
    raise UserError(
      f"source_dir: expected one folder of the {split} split in {root}, got "
      f"{' and '.join(found)}; move one of them away"
    )
  if any(root.rglob("*.bin")):
    raise UserError(
      f"source_dir: expected ANIMAL-10N's image files in training/ and "
      f"testing/ of {root}, got its binary form (.bin); get the version of "
      "image files"
    )
  raise UserError(
    f"source_dir: expected training/ and testing/ in {root}, got no folder of "
    f"the {split} split; give the folder that holds them"
  )


def _label(folder: Path, name: str) -> int:
  match = _IMAGE_NAME.fullmatch(name)
  if not match or int(match[1]) >= len(CLASS_NAMES):
    raise UserError(
      f"{folder / name}: expected a name like 3_12345.jpg, whose number before "
      f"the _ is a label between 0 and {len(CLASS_NAMES) - 1}, got {name!r}; "
      "rename the file or move it away"
    )
  return int(match[1])
