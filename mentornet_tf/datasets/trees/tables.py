"""A user's own images: a table of paths and labels."""

import os
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from mentornet_tf.datasets.images.listing import FileReader
from mentornet_tf.datasets.labels.clean_labels import KNOWN_WRONG, UNKNOWN
from mentornet_tf.datasets.trees.annotations import (
  Annotation,
  merge_annotations,
)
from mentornet_tf.datasets.trees.folders import LabeledFiles, image_list
from mentornet_tf.datasets.trees.table_classes import (
  empty_class_notes,
  table_classes,
)
from mentornet_tf.datasets.trees.table_rows import (
  CORRECTIONS,
  DROPPED,
  TableColumns,
  TableRow,
  read_rows,
)
from mentornet_tf.datasets.trees.table_text import line_error
from mentornet_tf.errors import UserError

# What their ids count: the distinct images of a table, in its order.
ORDERING = "images"


def read_image_table(
  table: str | Path,
  source_dir: str | Path | None = None,
  *,
  columns: TableColumns | None = None,
  class_names: Sequence[str] | None = None,
  renumber: bool = False,
  annotators: str = "agree",
) -> LabeledFiles:
  """Reads a table with the columns path and label, or a plain list.

  See `table_rows` for the files and their columns, `table_classes` for labels.
  An image's id is its position among the distinct images of the table, however
  many lines each has.

  Args:
    table: the file.
    source_dir: the folder that the paths are relative to; the table's own if
      None.
    columns: the columns' names; the usual ones if None.
    class_names: names in the order of the labels; None takes those found.
    renumber: number the labels, which are numbers, anew from 0.
    annotators: what becomes of images with several labels, one of
      `annotations.ANNOTATORS`.

  Raises:
    UserError: the file is missing or of another kind, a line is malformed, or
      lines contradict each other.
  """
  table = Path(table)
  root = Path(source_dir or table.parent).absolute()
  listed = list(read_rows(table, columns or TableColumns()))
  rows = [row for row in listed if row.correction != DROPPED]
  if not rows:
    got = "dropped ones only" if listed else "the header only"
    raise UserError(
      f"{table}: expected a line for each image, got {got}; add them"
    )
  names, number_of = table_classes(table, rows, class_names, renumber)
  annotations: dict[str, list[Annotation]] = {}
  id_of: dict[str, int] = {}
  corrections: dict[str, str] = {}
  for row in listed:
    path = image_path(table, row, root)
    id_of.setdefault(path, len(id_of))
    if row.correction:
      corrections[path] = row.correction
    if row.correction != DROPPED:
      annotation = _annotation(table, row, number_of)
      annotations.setdefault(path, []).append(annotation)
  merged = merge_annotations(str(table), annotations, annotators)
  paths = [os.fsencode(path) for path in annotations]
  taken = [i for i, each in enumerate(merged.annotations) if each]
  all_ids = [id_of[path] for path in annotations]
  ids = [all_ids[i] for i in taken]
  kept = [each for each in merged.annotations if each]
  lost = {row.split for row in rows} - {each.split for each in kept}
  if lost:
    of_split = f" for {min(lost)}" if min(lost) else ""
    raise UserError(
      "annotators: expected a label that most lines of an image have, got ties "
      f"of all images{of_split} in {table}; remove lines"
    )
  images = image_list([paths[i] for i in taken], [each.label for each in kept])
  clean_labels = [each.clean_label for each in kept]
  return LabeledFiles(
    images=replace(
      images,
      clean_labels=np.array(clean_labels, np.int64),
      ids=np.array(ids, np.int64),
    ),
    splits=np.array([each.split for each in kept]) if rows[0].split else None,
    class_names=names,
    reader=FileReader(str(root)),
    description=f"image files listed in {table.name}",
    ordering=ORDERING,
    dropped=(
      *(
        (path, "tied labels")
        for path, each in zip(paths, merged.annotations, strict=True)
        if not each
      ),
      *(
        (os.fsencode(path), "dropped by a correction")
        for path in id_of
        if path not in annotations
      ),
    ),
    notes=(
      *merged.notes(),
      *_correction_notes(corrections),
      *empty_class_notes(images.labels, names),
    ),
    fields=merged.as_fields() | _correction_fields(corrections),
  )


def _correction_fields(corrections: dict[str, str]) -> dict[str, Any]:
  """The entry of a summary; empty if nothing in the table was corrected."""
  counts = Counter(corrections.values())
  if not counts:
    return {}
  return {"corrections": {word: counts[word] for word in CORRECTIONS}}


def _correction_notes(corrections: dict[str, str]) -> list[str]:
  counts = Counter(corrections.values())
  if not counts:
    return []
  words = ", ".join(f"{counts[word]} {word}" for word in CORRECTIONS)
  return [f"corrected labels: {words}"]


def _annotation(
  table: Path, row: TableRow, number_of: dict[str, int]
) -> Annotation:
  label, clean = number_of[row.label], number_of[row.clean_label]
  if row.known_wrong is not None and clean != UNKNOWN:
    if row.known_wrong == (clean == label):
      raise line_error(
        table,
        row.line,
        f"a clean label {'unlike' if row.known_wrong else 'like'} the label "
        f"where known_wrong is {int(row.known_wrong)}",
        row.clean_label,
      )
  elif row.known_wrong is not None:
    clean = KNOWN_WRONG if row.known_wrong else label
  return Annotation(row.line, label, clean, row.split)


def image_path(table: Path, row: TableRow, root: Path) -> str:
  """The path of a row's image as records name it, below the root.

  Raises:
    UserError: it lies elsewhere.
  """
  return _existing_path(_relative_path(table, row, root), root)


def _relative_path(table: Path, row: TableRow, root: Path) -> str:
  path = PurePosixPath(row.path)
  if path.is_absolute() and path.is_relative_to(root.as_posix()):
    path = path.relative_to(root.as_posix())
  if path.is_absolute() or ".." in path.parts:
    raise line_error(
      table,
      row.line,
      f"a path below {root}",
      repr(row.path),
      "name the folder of all images as `source_dir`",
    )
  return str(path)


def _existing_path(path: str, root: Path) -> str:
  """The path, or another form of it where only that is a file.

  Programs on Windows write backslashes, and some file systems change the form
  of Unicode.
  """
  if (path.isascii() and "\\" not in path) or (root / path).exists():
    return path
  for form in _other_forms(path):
    # Backslashes may hide what `_relative_path` refuses.
    is_below = not form.is_absolute() and ".." not in form.parts
    if is_below and (root / form).exists():
      return str(form)
  return path


def _other_forms(path: str) -> Iterator[PurePosixPath]:
  for slashed in (path, path.replace("\\", "/")):
    for form in ("NFC", "NFD"):
      yield PurePosixPath(unicodedata.normalize(form, slashed))
