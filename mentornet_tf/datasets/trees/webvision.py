"""WebVision 1.0 as published: lists of images, labels from searches."""

import array
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mentornet_tf.datasets.images.bytes_columns import BytesColumn
from mentornet_tf.datasets.images.listing import (
  FileReader,
  ImageList,
  ListedImages,
)
from mentornet_tf.datasets.trees.listed_labels import shown
from mentornet_tf.datasets.trees.wordnet_classes import (
  WordNetClasses,
  read_synsets,
)
from mentornet_tf.errors import UserError
from mentornet_tf.internal.choices import check_choice

SUBSETS = ("mini", "google", "flickr", "all")
SPLITS = ("train", "val")

# Mini-WebVision: the first classes of the images that Google found.
_MINI_CLASSES = 50

# The list of the validation images gives bare file names.
_VALIDATION_FOLDER = b"val_images_256"

# Python refuses to convert thousands of digits.
_LABEL = re.compile(rb"-?[0-9]{1,18}")


def load_webvision(
  source_dir: str | Path,
  split: str,
  subset: str = "mini",
  classes: Sequence[str] | None = None,
) -> ListedImages:
  """Reads the lists of one split; no image is opened.

  Args:
    source_dir: the root, which holds info/.
    split: "train" or "val" (human-verified; the same whatever found the images
      of the training split).
    subset: "google", "flickr" or "all" images of the training split, or "mini":
      labels below 50 of "google".
    classes: labels or WordNet ids to keep; their labels are then renumbered
      from 0 in the order of the published ones. None keeps all.

  Returns:
    The images in the order of the list; ids count its lines from 0. Labels are
    those of the list, or renumbered; clean labels are -1 (unknown) on the
    training split and the labels on the validation split.

  Raises:
    UserError: an argument is unknown, a list is missing, or a line of one is
      malformed, leaves the root or has a label without a synset.
  """
  check_choice("split", split, SPLITS)
  check_choice("subset", subset, SUBSETS)
  root = Path(source_dir)
  if not (root / "info").is_dir():
    raise UserError(
      f"source_dir: expected WebVision 1.0 in {root}, with its folder info/ of "
      "lists, got no such folder; give the folder that holds info/"
    )
  all_classes = read_synsets(root / "info" / "synsets.txt")
  kept = kept_labels(all_classes, subset, classes)
  found_by = "google" if subset == "mini" else subset
  list_name = (
    f"train_filelist_{found_by}" if split == "train" else "val_filelist"
  )
  file_list = _read_file_list(root / "info" / f"{list_name}.txt", all_classes)
  return _split(root, file_list, split, kept, all_classes, list_name)


def kept_labels(
  all_classes: WordNetClasses,
  subset: str,
  chosen: Sequence[str] | None = None,
) -> list[int]:
  """The labels of a subset, ascending.

  Args:
    all_classes: WebVision's classes.
    subset: "mini" for the labels below 50; all others have all labels.
    chosen: labels or WordNet ids to keep; None keeps all.

  Raises:
    UserError: classes are chosen of the subset mini, or an unknown class is.
  """
  if subset == "mini" and chosen is not None:
    raise UserError(
      "classes: expected no list of classes with `subset=mini`, which is "
      f"labels 0 to {_MINI_CLASSES - 1}, got one; choose another subset, or "
      "leave them out"
    )
  if subset == "mini":
    return list(range(min(_MINI_CLASSES, len(all_classes))))
  if chosen is not None:
    return all_classes.find(chosen)
  return list(range(len(all_classes)))


@dataclass(frozen=True)
class _FileList:
  """The lines of a list: N paths, [N] int64 labels, and [N] int64 ids."""

  paths: BytesColumn
  labels: np.ndarray
  ids: np.ndarray

  def take(self, rows: np.ndarray) -> "_FileList":
    return _FileList(self.paths.take(rows), self.labels[rows], self.ids[rows])


def _read_file_list(path: Path, classes: WordNetClasses) -> _FileList:
  if not path.is_file():
    raise UserError(
      f"expected the list {path}, got no such file; get WebVision's info "
      "folder whole, or choose another subset or split"
    )
  labels, ids = array.array("q"), array.array("q")

  def paths() -> Iterator[bytes]:
    with path.open("rb") as file:
      for index, line in enumerate(file):
        if not line.strip():
          continue
        image_path, label = _parsed(
          line, len(classes), f"{path}: line {index + 1}"
        )
        labels.append(label)
        ids.append(index)
        yield image_path

  column = BytesColumn.of(paths())
  return _FileList(column, np.array(labels, np.int64), np.array(ids, np.int64))


def _parsed(line: bytes, num_classes: int, where: str) -> tuple[bytes, int]:
  """The path and the label of a line."""
  path, label = [*line.rsplit(None, 1), b""][:2]
  if not path or not _LABEL.fullmatch(label) or b"\0" in path:
    raise UserError(
      f"{where}: expected a relative path and a label, got "
      f"{shown(line.strip())}; correct the line or get the list again"
    )
  if path.startswith(b"/") or b".." in path.split(b"/"):
    raise UserError(
      f"{where}: expected a path below the folder of the images, got "
      f"{shown(path)}; correct the line or get the list again"
    )
  if not 0 <= int(label) < num_classes:
    raise UserError(
      f"{where}: expected a label between 0 and {num_classes - 1}, the last "
      f"line of synsets.txt, got {int(label)}; the two lists do not belong "
      "together, get both again"
    )
  return path, int(label)


def _split(
  root: Path,
  lines: _FileList,
  split: str,
  kept: Sequence[int],
  classes: WordNetClasses,
  list_name: str,
) -> ListedImages:
  new_label = np.full(len(classes), -1)
  new_label[kept] = np.arange(len(kept))
  lines = lines.take(np.flatnonzero(new_label[lines.labels] >= 0))
  is_first = lines.paths.first_occurrences()
  dropped = lines.paths.take(np.flatnonzero(~is_first))
  lines = lines.take(np.flatnonzero(is_first))
  labels = new_label[lines.labels]
  is_train = split == "train"
  fields = {
    "noise": {"kind": "web"} if is_train else {"kind": "none"},
    "ordering": list_name,
    "wordnet_ids": [classes.wordnet_ids[label] for label in kept],
    "webvision_labels": list(kept),
  }
  synsets = BytesColumn.of(each.encode() for each in classes.wordnet_ids)
  return ListedImages(
    images=ImageList(
      paths=lines.paths if is_train else _validation_paths(lines.paths),
      labels=labels,
      clean_labels=np.full_like(labels, -1) if is_train else labels,
      ids=lines.ids,
      queries=_queries(lines.paths) if is_train else None,
      synsets=synsets.take(lines.labels),
    ),
    reader=FileReader(str(root.absolute())),
    class_names=tuple(classes.names[label] for label in kept),
    description=f"WebVision 1.0, {list_name}.txt",
    fields=fields,
    dropped=tuple((path, "listed twice") for path in dropped),
  )


def _validation_paths(paths: BytesColumn) -> BytesColumn:
  return BytesColumn.of(
    path if b"/" in path else _VALIDATION_FOLDER + b"/" + path for path in paths
  )


def _queries(paths: BytesColumn) -> BytesColumn:
  """The search that found each image: the name of its folder."""
  codes: dict[bytes, int] = {}
  rows = np.fromiter(
    (codes.setdefault(_folder(path), len(codes)) for path in paths),
    np.int64,
    len(paths),
  )
  return BytesColumn.of(codes).take(rows)


def _folder(path: bytes) -> bytes:
  folders = path.rsplit(b"/", 2)
  return folders[-2] if len(folders) > 1 else b""
