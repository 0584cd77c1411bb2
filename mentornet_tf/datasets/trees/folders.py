"""A user's own images: a folder for each class."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mentornet_tf.datasets.images.bytes_columns import BytesColumn
from mentornet_tf.datasets.images.listing import (
  FileReader,
  ImageList,
  readable,
)
from mentornet_tf.errors import UserError

# The folders that hold the splits, where there are such.
SPLIT_FOLDERS = {"train": "train", "test": "test", "val": "val"}


@dataclass(frozen=True)
class LabelledFiles:
  """N image files with their labels, before any split or added noise.

  Attributes:
    images: in the order of their ids; clean labels are -1 where unknown.
    splits: [N] text, "train", "val" or "test" each, where the source says what
      an image is for, else None.
    class_names: K names.
    reader: gives the images' bytes.
    description: where the images came from, in words and without folders.
    ordering: what the ids count, in a word.
    dropped: (path, reason) of files that are skipped.
    fields: further entries for the summaries of the records.
  """

  images: ImageList
  splits: np.ndarray | None
  class_names: tuple[str, ...]
  reader: FileReader
  description: str
  ordering: str
  dropped: tuple[tuple[bytes, str], ...] = ()
  fields: dict[str, Any] = field(default_factory=dict)


def find_image_folders(source_dir: str | Path) -> LabelledFiles:
  """Finds the files in the folders of the classes and below them.

  Every file counts as an image until it is read; hidden ones are ignored. The
  classes are the folders' names in sorted order. Where the root holds nothing
  but `train` and `test` (or `val`), these hold the folders of the classes.

  Args:
    source_dir: the folder of the classes' folders.

  Raises:
    UserError: there is no such folder, fewer than two classes, a class without
      files, or a class of which there are test images only.
  """
  root = Path(source_dir)
  if not root.is_dir():
    raise UserError(
      f"source_dir: expected a folder of images at {root}, got no such folder; "
      "correct the path"
    )
  tops = _subfolders(root)
  has_splits = "train" in tops and set(tops) <= SPLIT_FOLDERS.keys()
  if has_splits and {"test", "val"} <= set(tops):
    raise UserError(
      f"source_dir: expected one folder of test images in {root}, got test and "
      "val; "
      "move one of them away"
    )
  class_names = _subfolders(root / "train" if has_splits else root)
  if len(class_names) < 2:
    raise UserError(
      "source_dir: expected a folder for each of two or more classes in "
      f"{root / 'train' if has_splits else root}, got {len(class_names)}; put "
      "the images of each class into a folder of its name"
    )
  paths, labels, splits = [], [], []
  dropped = [(path, "not in a class folder") for path in _files(root, "")]
  for top in tops if has_splits else [""]:
    if top:
      dropped += [(path, "not in a class folder") for path in _files(root, top)]
    of_test = SPLIT_FOLDERS.get(top) in ("val", "test")
    for name in _subfolders(root / top):
      if name not in class_names:
        raise UserError(
          "source_dir: expected the classes of the training images in "
          f"{root / top}, got another one, {name}; rename its folder, or add "
          "training images"
        )
      found = list(_files_below(root, os.path.join(top, name)))
      if not found and not of_test:
        raise UserError(
          "source_dir: expected images of every class, got none in "
          f"{root / top / name}; "
          "put some there, or remove the folder"
        )
      paths += found
      labels += [class_names.index(name)] * len(found)
      splits += [SPLIT_FOLDERS.get(top, "")] * len(found)
  return LabelledFiles(
    images=image_list(paths, labels),
    splits=np.array(splits) if len(tops) > 1 and has_splits else None,
    class_names=tuple(_readable(name) for name in class_names),
    reader=FileReader(str(root.absolute())),
    description="image files, a folder for each class",
    ordering="paths",
    dropped=tuple(dropped),
  )


def image_list(paths: list[bytes], labels: list[int]) -> ImageList:
  """Images whose ids are their positions and whose clean labels are unknown."""
  return ImageList(
    paths=BytesColumn.of(paths),
    labels=np.array(labels, np.int64),
    clean_labels=np.full(len(paths), -1, np.int64),
    ids=np.arange(len(paths), dtype=np.int64),
  )


def _subfolders(folder: Path) -> list[str]:
  return sorted(
    path.name
    for path in folder.iterdir()
    if path.is_dir() and not path.name.startswith(".")
  )


def _files(root: Path, folder: str) -> Iterator[bytes]:
  """Paths, relative to the root, of the folder's own visible files."""
  with os.scandir(root / folder) as entries:
    names = sorted(
      entry.name
      for entry in entries
      if not entry.name.startswith(".") and not entry.is_dir()
    )
  yield from (os.fsencode(os.path.join(folder, name)) for name in names)


def _files_below(root: Path, folder: str) -> Iterator[bytes]:
  """Paths, relative to the root, of all visible files, in a fixed order."""
  yield from _files(root, folder)
  with os.scandir(root / folder) as entries:
    # Links to folders could form cycles.
    names = sorted(
      entry.name
      for entry in entries
      if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
    )
  for name in names:
    yield from _files_below(root, os.path.join(folder, name))


def _readable(name: str) -> str:
  """A folder's name as text; bytes that are not UTF-8 become escapes."""
  return readable(os.fsencode(name))
