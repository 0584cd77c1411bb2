"""Tables of numbers and texts that this package writes, read back with care."""

import csv
import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from mentornet_tf.errors import UserError
from mentornet_tf.internal.regular_files import check_regular

# What stands for bytes that are no text.
_SURROGATES = re.compile("[\ud800-\udfff]")


def read_rows(
  path: str | os.PathLike[str],
  columns: Collection[str],
  *,
  advice: str,
  integers: Collection[str] = (),
  texts: Collection[str] = (),
  appended: bool = False,
) -> Iterator[dict[str, str]]:
  """Yields the rows of a CSV file with a header, by the columns' names.

  Args:
    path: the file.
    columns: those that it must have, with a value in each row. Others may be
      empty.
    advice: what to do about another file, for messages.
    integers: columns of whole numbers >= 0.
    texts: columns of anything. All others are of numbers.
    appended: whether rows are appended to the file one by one: a last line
      without an end is then a row that is being written, or of which writing
      was interrupted. It is left out.

  Raises:
    UserError: the file is damaged or is something else; names the line.
  """
  path = Path(path)

  def refuse(line: int, expected: str, got: str) -> UserError:
    return UserError(
      f"{path}, line {line}: expected {expected}, got {got}; {advice}"
    )

  with check_regular(path).open(
    newline="", encoding="utf-8", errors="surrogateescape"
  ) as file:
    reader = csv.reader(_whole_lines(file, path, advice, appended), strict=True)
    header: list[str] | None = None
    try:
      for fields in reader:
        if header is None:
          missing = [name for name in columns if name not in fields]
          if missing or len(set(fields)) < len(fields):
            got = f"none of {', '.join(missing)}" if missing else "a name twice"
            raise refuse(1, "a header with the names of columns", got)
          header = fields
          continue
        if len(fields) != len(header):
          raise refuse(
            reader.line_num, f"{len(header)} fields", f"{len(fields)}"
          )
        row = dict(zip(header, fields, strict=True))
        for name, text in row.items():
          if not text and name not in columns:
            continue
          expected = _expected(name, integers, texts, text)
          if expected:
            raise refuse(
              reader.line_num, f"{expected} for {name}", repr(text[:40])
            )
        yield row
    except csv.Error as error:
      raise refuse(
        reader.line_num, "a row of a table", f"something else ({error})"
      ) from error
    if header is None and not appended:
      raise refuse(1, "a header with the names of columns", "an empty file")


def _whole_lines(
  file: Iterator[str], path: Path, advice: str, appended: bool
) -> Iterator[str]:
  for number, line in enumerate(file, 1):
    if appended and not line.endswith("\n"):
      if next(file, None) is None:
        return
      raise UserError(
        f"{path}, line {number}: expected a whole line, got one whose end is "
        f"damaged; {advice}"
      )
    if "\0" in line or _SURROGATES.search(line):
      got = "NUL bytes" if "\0" in line else "bytes that are not UTF-8"
      raise UserError(
        f"{path}, line {number}: expected a row of a table, got {got}; {advice}"
      )
    yield line


def _expected(
  name: str, integers: Collection[str], texts: Collection[str], text: str
) -> str | None:
  """What a field should hold, in words; None if it holds that."""
  if name in texts:
    return None
  if name in integers:
    whole = text.isascii() and text.isdigit() and len(text) < 19
    return None if whole else "a whole number >= 0"
  try:
    float(text)
  except ValueError:
    return "a number"
  return None
