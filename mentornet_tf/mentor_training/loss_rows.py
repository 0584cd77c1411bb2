"""The rows of loss dumps as text, from which they are read and as written."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mentornet_tf.datasets.labels.clean_labels import KNOWN_WRONG
from mentornet_tf.errors import UserError
from mentornet_tf.internal.reasons import shortened

COLUMNS = ("id", "epoch", "noisy_label", "clean_label", "loss")
# Those that follow where a training remembers its examples.
MEMORY_COLUMNS = (
  "mean_loss",
  "given_probability",
  "other_probability",
  "agreement",
)
# What a row is written from, by the names that evaluation and steps give them.
EXAMPLE_COLUMNS = ("id", "label", "clean_label", "loss")

# Two commas enclose an empty field; two spaces do not.
_SEPARATOR = re.compile(r"\s*,\s*|\s+")

# Whole numbers below it are exact as float64.
_LABEL_LIMIT = 2**53
_EXPECTED_LABEL = "a label, a whole number >= 0 (-1 is unknown)"


class Rows(NamedTuple):
  """Columns as `LossDump` has them, including rows that are replaced later.

  The last one, `memory`, is [N, 4], or [N, 0] where rows have five columns.
  """

  example_id: np.ndarray
  epoch: np.ndarray
  noisy_label: np.ndarray
  clean_label: np.ndarray
  loss: np.ndarray
  memory: np.ndarray

  @classmethod
  def of(cls, columns: Sequence[Sequence]) -> "Rows":
    """The rows whose columns these are, five or nine of them."""
    example_id, epoch, noisy_label, clean_label, loss, *memory = columns
    return cls(
      example_id=np.array(example_id, np.str_),
      epoch=np.array(epoch, np.float64),
      noisy_label=np.array(noisy_label, np.int64),
      clean_label=np.array(clean_label, np.int64),
      loss=np.array(loss, np.float64),
      memory=np.array(memory, np.float64).reshape(len(memory), len(loss)).T,
    )


class RowReader:
  """Reads the lines of a dump, part by part.

  The first row decides whether rows have five columns, and further fields are
  ignored, or nine.

  Args:
    path: named in errors.
  """

  def __init__(self, path: Path):
    self._path = path
    self._columns: tuple[str, ...] | None = None
    self._line_number = 1

  def read(self, lines: list[str]) -> Rows:
    """The rows of the next lines.

    Raises:
      UserError: a row that `read_loss_dump` refuses.
    """
    rows = self._plain_rows(lines)
    if rows is None:
      rows = self._any_rows(lines)
    self._line_number += len(lines)
    return rows

  def _plain_rows(self, lines: list[str]) -> Rows | None:
    """The rows of lines in the plain form; None if a line is in another."""
    if any("," in line for line in lines):
      return None
    fields = [row for row in map(str.split, lines) if row]
    if not fields:
      return None
    columns = self._columns or _columns_of(fields[0])
    if min(map(len, fields)) < len(columns):
      return None
    example_id, *texts = zip(
      *(row[: len(columns)] for row in fields), strict=True
    )
    try:
      numbers = np.array(texts, np.float64)
    except ValueError:
      return None
    epoch, noisy_label, clean_label, loss, *memory = numbers
    labels = numbers[1:3]
    known_wrong = [np.zeros(len(loss), bool), clean_label == KNOWN_WRONG]
    if not (
      np.all((epoch >= 0) & (epoch <= 100))
      and np.all((labels >= 0) & (labels < _LABEL_LIMIT) | known_wrong)
      and np.all(labels == np.floor(labels))
      and np.all((loss >= 0) & (loss < np.inf))
      and _is_memory(memory)
    ):
      return None
    self._columns = columns
    return Rows.of([example_id, epoch, noisy_label, clean_label, loss, *memory])

  def _any_rows(self, lines: list[str]) -> Rows:
    """The rows of lines in any accepted form."""
    rows: list[tuple] = []
    for number, line in enumerate(lines, self._line_number):
      for fields in _records(line):
        if self._columns is None:
          if _is_header(fields):
            continue
          self._columns = _columns_of(fields)
        rows.append(
          _parse(f"{self._path}, line {number}", fields, self._columns)
        )
    columns = self._columns or COLUMNS
    return Rows.of(
      list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    )


def formatted_rows(
  percent: int, examples: Mapping[str, np.ndarray]
) -> Iterator[str]:
  """The lines of N examples at one percentage of training.

  Args:
    percent: 0..99.
    examples: `EXAMPLE_COLUMNS`, and `MEMORY_COLUMNS` or none of them, each [N].
  """
  memory = [examples[name] for name in MEMORY_COLUMNS if name in examples]
  columns = (examples[name] for name in EXAMPLE_COLUMNS)
  for example_id, label, clean_label, *values in zip(
    *columns, *memory, strict=True
  ):
    numbers = " ".join(f"{value:.6g}" for value in values)
    yield f"{example_id} {percent} {label} {clean_label} {numbers}\n"


def written_columns(line: str) -> tuple[str, ...] | None:
  """The columns of a line that was written, to its end; None of another."""
  if not (line.endswith("\n") and line.isascii() and line[:-1].isprintable()):
    return None
  kinds = (COLUMNS, COLUMNS + MEMORY_COLUMNS)
  return {len(kind) - 1: kind for kind in kinds}.get(line.count(" "))


def _columns_of(fields: list[str]) -> tuple[str, ...]:
  """The columns of a dump whose first row has these fields."""
  columns = COLUMNS + MEMORY_COLUMNS
  return columns if len(fields) == len(columns) else COLUMNS


def _is_memory(columns: Sequence[np.ndarray]) -> bool:
  """Whether all values are such as a memory has; true of no columns, too."""
  if not columns:
    return True
  mean_loss, *shares = columns
  return bool(
    np.all((mean_loss >= 0) & (mean_loss < np.inf))
    and all(np.all((share >= 0) & (share <= 1)) for share in shares)
  )


def _records(line: str) -> list[list[str]]:
  """The records of a line, each as a list of fields."""
  pieces = [piece.split() for piece in line.split(",")]
  if len(pieces) > 1 and len(pieces[0]) >= len(COLUMNS):
    return [piece for piece in pieces if piece]
  fields = _SEPARATOR.split(line.strip())
  return [fields] if any(fields) else []


def _is_header(fields: list[str]) -> bool:
  return not any(_is_number(text) for text in fields)


def _is_number(text: str) -> bool:
  try:
    float(text)
  except ValueError:
    return False
  # "nan" and "inf" count as numbers here; the range checks refuse them.
  return True


def _parse(place: str, fields: list[str], columns: tuple[str, ...]) -> tuple:
  """The values of a row, in the order of its columns."""
  if len(fields) < len(columns):
    raise UserError(
      f"{place}: expected {len(columns)} fields ({' '.join(columns)}), got "
      f"{len(fields)}: {' '.join(fields)[:60]!r}; complete or remove the row"
    )
  values = []
  for name, text in zip(columns[1:], fields[1:], strict=False):
    if not _is_number(text):
      raise UserError(
        f"{place}: expected a number for {name}, got {shortened(text)!r}; "
        "correct or remove the row"
      )
    values.append(float(text))
  epoch, noisy_label, clean_label, loss, *memory = values
  if not 0 <= epoch <= 100:
    _refuse(place, "an epoch percentage in 0..100", fields[1])
  if not _is_label(noisy_label):
    _refuse(place, _EXPECTED_LABEL, fields[2])
  if not _is_label(clean_label) and clean_label != KNOWN_WRONG:
    _refuse(place, _EXPECTED_LABEL, fields[3])
  if not 0 <= loss < np.inf:
    _refuse(place, "a loss that is finite and >= 0", fields[4])
  for name, value, text in zip(
    columns[len(COLUMNS) :], memory, fields[len(COLUMNS) :], strict=False
  ):
    if name == "mean_loss" and not 0 <= value < np.inf:
      _refuse(place, "a mean_loss that is finite and >= 0", text)
    if name != "mean_loss" and not 0 <= value <= 1:
      _refuse(place, f"a value of {name} in 0..1", text)
  return fields[0], epoch, int(noisy_label), int(clean_label), loss, *memory


def _is_label(value: float) -> bool:
  return 0 <= value < _LABEL_LIMIT and value.is_integer()


def _refuse(place: str, expected: str, got: str) -> None:
  raise UserError(
    f"{place}: expected {expected}, got {shortened(got)!r}; correct or remove "
    "the row"
  )
