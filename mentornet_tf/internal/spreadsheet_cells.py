"""Texts in CSV files that people also open as spreadsheets.

Spreadsheets take a cell that begins with =, +, -, @, a tab or a carriage return
for a formula, even a quoted one, and file names from the web can hold any text.
An apostrophe in front makes it a text. Both functions are exact inverses on
every text, and texts that a person typed without an apostrophe stay as they
are.
"""

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_GUARDED = re.compile(r"'+[=+\-@\t\r]")


def guarded(text: str) -> str:
  """`text` with an apostrophe in front where it would be a formula."""
  return f"'{text}" if _FORMULA.match(text) else text


def unguarded(cell: str) -> str:
  """The text that `guarded` made `cell` of."""
  return cell[1:] if _GUARDED.match(cell) else cell
