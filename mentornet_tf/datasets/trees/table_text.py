"""A table's text as lines of cells: encodings, delimiters and quotes."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mentornet_tf.errors import UserError
from mentornet_tf.internal.reasons import shortened
from mentornet_tf.internal.regular_files import check_regular

# The first under which a header names the columns is that of the table.
DELIMITERS = (",", "\t", ";")


@dataclass(frozen=True, slots=True)
class Cells:
  """A row of a table.

  Attributes:
    line: number, from 1, of the first of its lines.
    values: its cells, as they are within their quotes.
    continuation: the text of its further lines, where quotes hold line breaks.
  """

  line: int
  values: list[str]
  continuation: tuple[str, ...] = ()


def line_error(
  table: Path,
  line: int,
  expected: str,
  got: str,
  action: str = "correct the line",
) -> UserError:
  """The mistake on a line of a table."""
  return UserError(
    f"{table}: line {line}: expected {expected}, got {shortened(got)}; {action}"
  )


def read_lines(table: Path) -> Iterator[str]:
  """The lines of a text in UTF-8, or in UTF-16 if its first bytes say so.

  Raises:
    UserError: there is no such file, or it is no text.
  """
  if table.exists():
    check_regular(table)
  else:
    raise UserError(
      f"table: expected a table of images at {table}, got no such file; "
      "correct the path"
    )
  with table.open("rb") as file:
    start = file.read(2)
  is_utf16 = start in (b"\xff\xfe", b"\xfe\xff")
  encoding = "utf-16" if is_utf16 else "utf-8-sig"
  try:
    with table.open(newline="", encoding=encoding) as file:
      for number, line in enumerate(file, start=1):
        if "\0" in line:  # which `csv` of Python 3.10 does not read
          raise line_error(
            table, number, "text", "a NUL byte", "save the table as text"
          )
        yield line
  except UnicodeError as error:
    raise UserError(
      f"{table}: expected a table as text in UTF-8, got something else "
      f"({error}); save the table as such"
    ) from error


def split_line(line: str, delimiter: str) -> list[str]:
  """The cells of a line, whatever its quotes."""
  return next(
    csv.reader([line], delimiter=delimiter, skipinitialspace=True), []
  )


def read_cells(
  table: Path, lines: Iterable[str], delimiter: str
) -> Iterator[Cells]:
  """The rows of a table, without blank ones.

  A quote that begins a cell has to close, and closes that cell. It may stand
  after spaces, and two quotes within quotes are one.

  Raises:
    UserError: quotes do not close, or a cell is larger than `csv` reads.
  """
  pending: list[str] = []

  def recorded() -> Iterator[str]:
    for line in lines:
      pending.append(line)
      yield line

  reader = csv.reader(
    recorded(), delimiter=delimiter, skipinitialspace=True, strict=True
  )
  first = 1
  while True:
    try:
      values = next(reader, None)
    except csv.Error as error:
      raise _malformed(table, first, pending, delimiter, error) from error
    if values is None:
      return
    if any(value.strip() for value in values):
      yield Cells(first, values, tuple(pending[1:]))
    first += len(pending)
    pending.clear()


def _malformed(
  table: Path, first: int, lines: list[str], delimiter: str, error: csv.Error
) -> UserError:
  last = first + len(lines) - 1
  opened = first + _faulty_quote(lines, delimiter)
  if "limit" in str(error) and last == first:
    return line_error(
      table,
      first,
      f"cells of at most {csv.field_size_limit()} characters",
      "a larger one",
      "remove that column",
    )
  until = f"one that is open until line {last}"
  return line_error(
    table,
    opened,
    "a quote that closes at the end of its cell",
    until if last > opened else "another",
    "close it, or put the cell in quotes and double those within",
  )


def _faulty_quote(lines: list[str], delimiter: str) -> int:
  """Index of the line on which a quote opens that does not end its cell."""
  opened, place = 0, "start"
  for index, line in enumerate(lines):
    for character in line.rstrip("\r\n"):
      if place == "quotes":
        place = "closed" if character == '"' else "quotes"
      elif place == "closed" and character == '"':
        place = "quotes"
      elif character == delimiter:
        place = "start"
      elif place == "closed":
        return opened
      elif place == "start" and character == '"':
        opened, place = index, "quotes"
      elif character != " ":
        place = "text"
    if place != "quotes":
      place = "start"
  return opened
