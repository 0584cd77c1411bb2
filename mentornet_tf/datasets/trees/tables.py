"""A user's own images: a table of paths and labels."""

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from mentornet_tf.datasets.images.listing import FileReader
from mentornet_tf.datasets.trees.folders import LabelledFiles, image_list
from mentornet_tf.datasets.trees.split_names import split_of
from mentornet_tf.errors import UserError

_REQUIRED = ("path", "label")
_OPTIONAL = ("clean_label", "split")

# As records write a clean label that is unknown.
_UNKNOWN = "-1"

# Larger numbers are identifiers, say, not labels.
_MOST_CLASSES = 100_000


@dataclass(frozen=True)
class _Row:
  """A line of the table; fields it lacks are empty."""

  line: int
  path: str
  label: str
  clean_label: str
  split: str


def read_image_table(
  table: str | Path,
  source_dir: str | Path | None = None,
  class_names: Sequence[str] | None = None,
) -> LabelledFiles:
  """Reads a .csv file with the columns path and label.

  Further columns may be clean_label, where it is known, and
  split: train, val or test. Others are ignored. Labels are
  numbers from 0, or names, whose sorted order is then that of the labels.

  Args:
    table: the file; its first line names the columns.
    source_dir: the folder that the paths are relative to; the table's own if
      None.
    class_names: names in the order of the labels; None takes those found.

  Raises:
    UserError: the file is missing or of another kind, or a line is malformed.
  """
  table = Path(table)
  root = Path(source_dir or table.parent).absolute()
  rows = list(_rows(table))
  if not rows:
    raise UserError(
      f"{table}: expected a line for each image, got the header only; add them"
    )
  first_lines: dict[str, int] = {}
  paths = [_relative_path(table, row, root) for row in rows]
  for row, path in zip(rows, paths, strict=True):
    first_lines.setdefault(path, row.line)
  kept = [
    index
    for index, (row, path) in enumerate(zip(rows, paths, strict=True))
    if first_lines[path] == row.line
  ]
  dropped = [
    (os.fsencode(path), "listed twice")
    for row, path in zip(rows, paths, strict=True)
    if first_lines[path] != row.line
  ]
  class_names, number_of = _classes(table, rows, class_names)
  labels = [number_of[row.label] for row in rows]
  images = image_list([os.fsencode(path) for path in paths], labels)
  clean = [number_of.get(row.clean_label, -1) for row in rows]
  images = replace(images, clean_labels=np.array(clean, np.int64))
  splits = np.array([split_of(row.split) or "train" for row in rows])
  return LabelledFiles(
    images=images.take(np.array(kept)),
    splits=splits[kept] if rows[0].split else None,
    class_names=class_names,
    reader=FileReader(str(root)),
    description=f"image files listed in {table.name}",
    ordering="lines",
    dropped=tuple(dropped),
  )


def _rows(table: Path) -> Iterator[_Row]:
  if not table.is_file():
    raise UserError(
      f"table: expected a table of images at {table}, got no such file; "
      "correct the path"
    )
  try:
    with table.open(newline="", encoding="utf-8-sig") as file:
      reader = csv.reader(file)
      columns = _columns(table, next(reader, []))
      for cells in reader:
        if any(cells):
          yield _row(table, reader.line_num, cells, columns)
  except (UnicodeDecodeError, csv.Error) as error:
    raise UserError(
      f"{table}: expected a .csv file of text in UTF-8, got something else "
      f"({error}); save the table as such"
    ) from error


def _columns(table: Path, header: Sequence[str]) -> list[str]:
  columns = [name.strip().lower() for name in header]
  for name in _REQUIRED:
    if name not in columns:
      raise UserError(
        f"{table}: expected a first line that names the columns, with path and "
        f"label, got {','.join(header)[:80] or 'an empty file'!r}; add the "
        f"column {name} or that line"
      )
  for name in (*_REQUIRED, *_OPTIONAL):
    if columns.count(name) > 1:
      raise UserError(
        f"{table}: expected one column {name}, got {columns.count(name)}; "
        "remove or rename the others"
      )
  return columns


def _row(
  table: Path, line: int, cells: Sequence[str], columns: Sequence[str]
) -> _Row:
  def invalid(expected: str, got: str) -> UserError:
    return UserError(
      f"{table}: line {line}: expected {expected}, got {got}; correct the line"
    )

  if len(cells) != len(columns):
    raise invalid(f"{len(columns)} fields", str(len(cells)))
  named = dict(zip(columns, (cell.strip() for cell in cells), strict=True))
  for name in _REQUIRED:
    if not named[name]:
      raise invalid(f"a {name}", "none")
  split = named.get("split", "")
  if "split" in named and not split_of(split):
    raise invalid("train, test or val as split", repr(split))
  clean_label = named.get("clean_label", "")
  return _Row(
    line=line,
    path=named["path"],
    label=named["label"],
    clean_label="" if clean_label == _UNKNOWN else clean_label,
    split=split,
  )


def _relative_path(table: Path, row: _Row, root: Path) -> str:
  path = PurePosixPath(row.path)
  if path.is_absolute() and path.is_relative_to(root.as_posix()):
    path = path.relative_to(root.as_posix())
  if path.is_absolute() or ".." in path.parts or "\0" in row.path:
    raise UserError(
      f"{table}: line {row.line}: expected a path below {root}, got "
      f"{row.path!r}; name the folder of all images as `source_dir`"
    )
  return str(path)


def _classes(
  table: Path, rows: Sequence[_Row], class_names: Sequence[str] | None
) -> tuple[tuple[str, ...], dict[str, int]]:
  """The classes' names, and the number of each label as it is written."""
  words = {row.label for row in rows}
  words |= {row.clean_label for row in rows if row.clean_label}
  if class_names is not None:
    if unknown := sorted(words - set(class_names)):
      raise UserError(
        f"class_names: expected all labels of {table}, got none of the name "
        f"{unknown[0]}; add it, or correct the table"
      )
    names = tuple(class_names)
    numbers = {name: number for number, name in enumerate(names)}
  elif not all(word.removeprefix("-").isdecimal() for word in words):
    names = tuple(sorted(words))
    numbers = {name: number for number, name in enumerate(names)}
  else:
    numbers = {word: int(word) for word in words}
    names = tuple(map(str, range(_num_classes(table, rows, numbers))))
  if len(names) < 2:
    raise UserError(
      f"{table}: expected labels of two or more classes, got {names[0]} "
      "throughout; correct the column label"
    )
  return names, numbers


def _num_classes(
  table: Path, rows: Sequence[_Row], numbers: dict[str, int]
) -> int:
  for row in rows:
    for word in (row.label, row.clean_label):
      if not 0 <= numbers.get(word, 0) < _MOST_CLASSES:
        raise UserError(
          f"{table}: line {row.line}: expected labels as numbers from 0 to "
          f"{_MOST_CLASSES - 1}, or names, got {word}; number them anew"
        )
  return max(numbers.values()) + 1
