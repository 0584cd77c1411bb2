"""The rows of a table of images: which cell is the path, which the label."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from mentornet_tf.datasets.trees.split_names import split_of
from mentornet_tf.datasets.trees.table_text import (
  DELIMITERS,
  Cells,
  line_error,
  read_cells,
  read_lines,
  split_line,
)
from mentornet_tf.errors import UserError

# Files that may be lists without a header.
_LIST_SUFFIXES = (".txt", ".lst")

_REQUIRED = ("path", "label")

# The columns that a corrected table has besides, and the words of the first.
CORRECTION_COLUMN = "label_correction"
BEFORE_COLUMN = "label_before"
KEPT, RELABELLED, DROPPED = "kept", "relabelled", "dropped"
CORRECTIONS = (KEPT, RELABELLED, DROPPED)

_TRUTHS = {"1": True, "1.0": True, "true": True, "yes": True}
_TRUTHS |= {"0": False, "0.0": False, "false": False, "no": False}

# What no path and no label holds.
_BREAK = re.compile(r"[\0\r\n]")

# What programs write for a missing value, in lower case.
_MISSING = {"", "nan", "none", "null", "na", "n/a", "<na>", "#n/a"}


_RowAndCells: TypeAlias = "tuple[TableRow, list[str]]"


def is_missing(word: str) -> bool:
  """Whether a cell is empty, or says so: "nan", "None", "null" and the like."""
  return word.strip().lower() in _MISSING


@dataclass(frozen=True)
class TableColumns:
  """The columns of a table by name; capitals do not matter.

  None is a column of the usual name, which may be missing if it is optional.

  Attributes:
    path_column: paths of the images; "path".
    label_column: labels to train on; "label".
    clean_label_column: clean labels, empty where unknown; "clean_label".
    known_wrong_column: 1 where the label is known to be wrong, 0 where it is
      known to be right, else empty; "known_wrong".
    split_column: train, val or test; "split".
  """

  path_column: str | None = None
  label_column: str | None = None
  clean_label_column: str | None = None
  known_wrong_column: str | None = None
  split_column: str | None = None

  def given(self) -> dict[str, str]:
    """The names that were given, by parameter."""
    names = {each.name: getattr(self, each.name) for each in fields(self)}
    return {parameter: name for parameter, name in names.items() if name}

  def names(self) -> dict[str, str]:
    """The name of each column in lower case, by what it holds."""
    names = {
      each.name.removesuffix("_column"): (
        getattr(self, each.name) or each.name.removesuffix("_column")
      )
      .strip()
      .lower()
      for each in fields(self)
    }
    return names | {"correction": CORRECTION_COLUMN}


@dataclass(frozen=True, slots=True)
class TableRow:
  """A line of a table.

  Attributes:
    line: its number, from 1.
    path: as written.
    label: as written.
    clean_label: as written, "" without.
    known_wrong: whether the label is known to be wrong, None if unknown.
    split: "train", "val" or "test", "" without such a column.
    correction: one of `CORRECTIONS`, "" without; a dropped row has no label.
  """

  line: int
  path: str
  label: str
  clean_label: str = ""
  known_wrong: bool | None = None
  split: str = ""
  correction: str = ""


@dataclass(frozen=True, slots=True)
class TableText:
  """A whole table, to be written again with other labels.

  Attributes:
    header: the columns' names as written; path and label for a plain list.
    delimiter: what separates cells; a comma for a plain list.
    places: position of each column that is there, by what it holds.
    rows: its rows.
    cells: the cells of each.
  """

  header: list[str]
  delimiter: str
  places: dict[str, int]
  rows: list[TableRow]
  cells: list[list[str]]


def read_rows(table: Path, columns: TableColumns) -> Iterator[TableRow]:
  """The rows of a table with a header, or of a plain list.

  A header has commas, tabs or semicolons between the columns' names. A plain
  list is a file .txt or .lst without a header: in each line a path, a space or
  tab, and a number. The last space or tab counts, so paths may hold spaces.

  Args:
    table: the file.
    columns: their names.

  Raises:
    UserError: the file is missing or of another kind, or a line is malformed.
  """
  *_, rows = _opened(table, columns)
  return (row for row, _ in rows)


def read_table_text(table: Path, columns: TableColumns) -> TableText:
  """The same rows with all that the file says; see `read_rows`."""
  header, delimiter, places, rows = _opened(table, columns)
  both = list(rows)
  return TableText(
    header,
    delimiter,
    places,
    [row for row, _ in both],
    [cells for _, cells in both],
  )


def _opened(
  table: Path, columns: TableColumns
) -> tuple[list[str], str, dict[str, int], Iterator[_RowAndCells]]:
  """Header, delimiter, places of the columns, and rows with their cells."""
  lines = read_lines(table)
  header = next(lines, "")
  delimiter = _delimiter(header, columns)
  if (
    delimiter is None
    and table.suffix.lower() in _LIST_SUFFIXES
    and not columns.given()
    and header
  ):
    places = {name: place for place, name in enumerate(_REQUIRED)}
    listed = _listed(table, chain([header], lines))
    return list(_REQUIRED), ",", places, listed
  if delimiter is None:
    delimiter = "\t" if table.suffix.lower() == ".tsv" else ","
  cells = read_cells(table, chain([header], lines), delimiter)
  names = next(cells, Cells(1, []))
  places = _places(table, names.values, columns)
  rows = (
    (_row(table, row, names.values, places, delimiter), row.values)
    for row in cells
  )
  return names.values, delimiter, places, rows


def _delimiter(header: str, columns: TableColumns) -> str | None:
  """What separates the header's names, None if it does not name the columns."""
  names = columns.names()
  for delimiter in DELIMITERS:
    found = [name.strip().lower() for name in split_line(header, delimiter)]
    if all(names[each] in found for each in _REQUIRED):
      return delimiter
  return None


def _listed(table: Path, lines: Iterator[str]) -> Iterator[_RowAndCells]:
  for number, line in enumerate(lines, start=1):
    line = line.strip()
    if not line:
      continue
    path, *label = line.replace("\t", " ").rsplit(" ", maxsplit=1)
    path = line[: len(path)].rstrip()
    is_number = label and label[0].isascii() and label[0].isdecimal()
    if not is_number or path.endswith((",", ";")) or _BREAK.search(path):
      raise line_error(
        table,
        number,
        "a path, a space or tab and a number, or a first line that names the "
        "columns, with path and label",
        repr(line[:80]),
      )
    yield TableRow(number, path, label[0]), [path, label[0]]


def _places(
  table: Path, header: Sequence[str], columns: TableColumns
) -> dict[str, int]:
  """The position of each column that is there, by what it holds."""
  found = [name.strip().lower() for name in header]
  given = columns.given()
  names = columns.names()
  for parameter, name in given.items():
    if name.strip().lower() not in found:
      raise UserError(
        f"{parameter}: expected a column of {table}, which has "
        f"{_shown(header)}, got {name}; name one of them"
      )
  for name in _REQUIRED:
    if names[name] not in found:
      raise UserError(
        f"{table}: expected a first line that names the columns, with path and "
        f"label, got {_shown(header)}; add the column {name} or that line, or "
        f"name yours in `{name}_column`"
      )
  places = {}
  for each, name in names.items():
    if found.count(name) > 1:
      raise UserError(
        f"{table}: expected one column {name}, got {found.count(name)}; "
        "remove or rename the others"
      )
    if name in found:
      places[each] = found.index(name)
  for each, place in places.items():
    others = [other for other in places if places[other] == place]
    if len(others) > 1:
      raise UserError(
        f"{each}_column: expected a column of its own, got {names[each]} for "
        f"`{others[1]}_column`, too; name others"
      )
  return places


def _shown(header: Sequence[str]) -> str:
  return repr(",".join(header)[:80]) if any(header) else "'an empty file'"


def _row(
  table: Path,
  row: Cells,
  header: Sequence[str],
  places: dict[str, int],
  delimiter: str,
) -> TableRow:
  if len(row.values) != len(header):
    raise line_error(
      table, row.line, f"{len(header)} fields", str(len(row.values))
    )
  if row.continuation:
    _refuse_swallowed_rows(table, row, places["path"], delimiter)
  named = {}
  for name, place in places.items():
    cell = row.values[place]
    named[name] = cell.strip()
    # Quotes are only seen at a cell's beginning, or after plain spaces.
    is_late = cell[:1].isspace() and named[name].startswith('"')
    if is_late or _BREAK.search(cell):
      raise line_error(
        table,
        row.line,
        f"a {name} on one line, or quotes around the whole of it",
        repr(cell[:80]),
      )
  correction = named.get("correction", "").lower()
  if correction and correction not in CORRECTIONS:
    raise line_error(
      table,
      row.line,
      f"{', '.join(CORRECTIONS)} or nothing as {CORRECTION_COLUMN}",
      repr(named["correction"]),
    )
  for name in _REQUIRED[:1] if correction == DROPPED else _REQUIRED:
    if not named[name]:
      raise line_error(table, row.line, f"a {name}", "none")
  split = split_of(named.get("split", ""))
  if "split" in named and split is None:
    raise line_error(
      table, row.line, "train, val or test as split", repr(named["split"])
    )
  known_wrong = named.get("known_wrong", "")
  if not is_missing(known_wrong) and known_wrong.lower() not in _TRUTHS:
    raise line_error(
      table, row.line, "1, 0 or nothing as known_wrong", repr(known_wrong)
    )
  return TableRow(
    line=row.line,
    path=named["path"],
    label=named["label"],
    clean_label=named.get("clean_label", ""),
    known_wrong=_TRUTHS.get(known_wrong.lower()),
    split=split or "",
    correction=correction,
  )


def _refuse_swallowed_rows(
  table: Path, row: Cells, path_place: int, delimiter: str
) -> None:
  """Refuses quotes that open on one line and close on another by accident.

  Captions may hold line breaks. What stands after one is a row of its own if
  it has a path of the same kind where the rows have theirs.
  """

  def kind(path: str) -> str:
    return PurePosixPath(path.strip().strip('"')).suffix.lower()

  own = kind(row.values[path_place])
  for number, line in enumerate(row.continuation, start=row.line + 1):
    cells = line.rstrip("\r\n").split(delimiter)
    if len(cells) <= max(path_place, 1):
      continue
    other = kind(cells[path_place])
    # Without suffixes only the number of cells can tell.
    if other == own and (own or len(cells) >= len(row.values)):
      raise line_error(
        table,
        row.line,
        "a quote that closes on its line",
        f"one that takes in line {number}, which looks like an image of its "
        "own",
        "close it, or put the cell in quotes and double those within",
      )
