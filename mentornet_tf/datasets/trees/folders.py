"""A user's own images: a folder for each class."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
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
from mentornet_tf.datasets.labels.clean_labels import UNKNOWN
from mentornet_tf.datasets.trees.class_order import (
  composed,
  describe_classes,
  in_order,
)
from mentornet_tf.datasets.trees.folder_layout import find_layout
from mentornet_tf.datasets.trees.storage_folders import (
  FolderListing,
  list_folder,
)
from mentornet_tf.errors import UserError


@dataclass(frozen=True)
class LabeledFiles:
  """N image files with their labels, before any split or added noise.

  Attributes:
    images: in the order of their ids; clean labels are -1 where unknown.
    splits: [N] text, "train", "val" or "test" each, where the source says what
      an image is for, else None.
    class_names: K names.
    reader: gives the images' bytes.
    description: where the images came from, in words and without folders.
    ordering: what the ids count, in a word.
    dropped: (path, reason) of files that are skipped, and of folders, whose
      paths end with "/".
    notes: what the user should know of how the source was read, a line each.
    fields: further entries for the summaries of the records.
  """

  images: ImageList
  splits: np.ndarray | None
  class_names: tuple[str, ...]
  reader: FileReader
  description: str
  ordering: str
  dropped: tuple[tuple[bytes, str], ...] = ()
  notes: tuple[str, ...] = ()
  fields: dict[str, Any] = field(default_factory=dict)


def find_image_folders(
  source_dir: str | Path, class_names: Sequence[str] | None = None
) -> LabeledFiles:
  """Finds the files in the folders of the classes and below them.

  Every file counts as an image until it is read; hidden ones are ignored, and
  what an operating system or a storage server left there is skipped. The root
  holds the folders of the classes, or `train` and perhaps `val` and `test` with
  such folders each; see `folder_layout`.

  Args:
    source_dir: the folder of the classes' folders.
    class_names: the classes in the order of their labels, with folders of the
      same names; None takes all folders, in the order of `class_order`.

  Raises:
    UserError: there is no such folder, it can be read in several ways, there
      are fewer than two classes, a class or a split without files, or a class
      of which there are no training images.
  """
  root = Path(source_dir)
  if not root.is_dir():
    raise UserError(
      f"source_dir: expected a folder of images at {root}, got no such folder; "
      "correct the path"
    )
  layout = find_layout(root, class_names or ())
  names, notes = _numbered(root, layout.classes, class_names)
  label_of = {name: label for label, name in enumerate(names)}
  notes += [
    f"skipped the folder {name}, which is neither a split nor a class"
    for name in layout.skipped
  ]
  dropped = [
    (os.fsencode(f"{name}/"), "not a class folder") for name in layout.skipped
  ]
  walk = _Walk(root, dropped, set(layout.skipped))
  if layout.splits:
    walk.pass_over_files("")
  paths: list[bytes] = []
  labels: list[int] = []
  splits: list[str] = []
  for top, split in (layout.splits or {"": "train"}).items():
    start = len(paths)
    for folder in walk.class_folders(top):
      name = class_name(folder)
      if name not in label_of:
        raise UserError(
          "source_dir: expected the classes of the training images in "
          f"{root / top}, got another one, {name}; rename its folder, or add "
          "training images"
        )
      found = list(walk.files_below(os.path.join(top, folder)))
      if not found and split == "train":
        raise UserError(
          "source_dir: expected images of every class, got none in "
          f"{root / top / folder}; put some there, or remove the folder"
        )
      paths += found
      labels += [label_of[name]] * len(found)
    if len(paths) == start:
      raise UserError(
        f"source_dir: expected images of the split {split} in {root / top}, "
        "got none; put some there, or remove the folder"
      )
    splits += [split] * (len(paths) - start)
  return LabeledFiles(
    images=image_list(paths, labels),
    splits=np.array(splits) if len(layout.splits) > 1 else None,
    class_names=names,
    reader=FileReader(str(root.absolute())),
    description="image files, a folder for each class",
    ordering="paths",
    dropped=tuple(dropped),
    notes=tuple(notes),
  )


def class_name(folder: str) -> str:
  """A folder's name as that of a class: composed characters, as typed.

  Bytes that are not UTF-8 become escapes.
  """
  return composed(readable(os.fsencode(folder)))


def image_list(paths: list[bytes], labels: list[int]) -> ImageList:
  """Images whose ids are their positions and whose clean labels are unknown."""
  return ImageList(
    paths=BytesColumn.of(paths),
    labels=np.array(labels, np.int64),
    clean_labels=np.full(len(paths), UNKNOWN, np.int64),
    ids=np.arange(len(paths), dtype=np.int64),
  )


def _numbered(
  root: Path, folders: Sequence[str], class_names: Sequence[str] | None
) -> tuple[tuple[str, ...], list[str]]:
  """The classes in the order of their labels, and notes on them."""
  found = [class_name(folder) for folder in folders]
  (most, count), *_ = Counter(found).most_common(1)
  if count > 1:
    raise UserError(
      f"source_dir: expected one folder of the class {most} in {root}, got "
      f"{count}, written with different bytes; move their images together"
    )
  if class_names is None:
    return tuple(in_order(found)), []
  names = tuple(class_name(name) for name in class_names)
  if unknown := sorted(set(found) - set(names)):
    raise UserError(
      f"class_names: expected all folders of classes in {root}, got none of "
      f"the name {unknown[0]}; add it, or move the folder away"
    )
  there = set(found)
  without = [name for name in names if name not in there]
  if not without:
    return names, []
  return names, [f"no folder of images for {describe_classes(without)}"]


class _Walk:
  """Walks over the files of a tree, and notes which it passes over.

  Args:
    root: the tree's folder.
    dropped: takes (path, reason) of what is skipped.
    skipped: folders, relative to the root, that hold no class.
  """

  def __init__(
    self, root: Path, dropped: list[tuple[bytes, str]], skipped: set[str]
  ):
    self._root = root
    self._dropped = dropped
    self._skipped = skipped

  def pass_over_files(self, folder: str) -> FolderListing:
    """Notes the files beside the folders of classes or splits."""
    listing = self._listed(folder, follow_links=True)
    self._drop(folder, listing.files, "not in a class folder")
    return listing

  def class_folders(self, folder: str) -> Iterator[str]:
    """Names of the folders in the root or in a split's folder."""
    for name in self.pass_over_files(folder).folders:
      if os.path.join(folder, name) not in self._skipped:
        yield name

  def files_below(self, folder: str) -> Iterator[bytes]:
    """Paths, relative to the root, in a fixed order."""
    # Links to folders could form cycles.
    listing = self._listed(folder, follow_links=False)
    for name in listing.files:
      yield os.fsencode(os.path.join(folder, name))
    for name in listing.folders:
      yield from self.files_below(os.path.join(folder, name))

  def _listed(self, folder: str, follow_links: bool) -> FolderListing:
    listing = list_folder(self._root / folder, follow_links=follow_links)
    self._drop(folder, listing.storage, "of a storage server")
    return listing

  def _drop(self, folder: str, names: Sequence[str], reason: str) -> None:
    self._dropped += [
      (os.fsencode(os.path.join(folder, name)), reason) for name in names
    ]
