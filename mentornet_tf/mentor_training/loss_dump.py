"""Loss dumps: the losses of a student's examples over its training, as text.

A row holds the loss of one example at one time. Columns: example id, percentage
of training, noisy label, clean label, loss in nats (golden `data_driven`).
"""

import itertools
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mentornet_tf.datasets.labels.clean_labels import KNOWN_WRONG
from mentornet_tf.errors import UserError
from mentornet_tf.internal.atomic_files import naming, replacing
from mentornet_tf.internal.reasons import shortened
from mentornet_tf.internal.regular_files import check_regular

# Where a run writes its dump, in the training folder.
FILE_NAME = "losses.csv"
COLUMNS = ("id", "epoch", "noisy_label", "clean_label", "loss")
# What a dump is written from, by the names that evaluation and steps give them.
EXAMPLE_COLUMNS = ("id", "label", "clean_label", "loss")

# Two commas enclose an empty field; two spaces do not.
_SEPARATOR = re.compile(r"\s*,\s*|\s+")

# Characters read at a time: rows as Python objects take many times the memory
# of the columns.
_CHUNK_CHARACTERS = 1 << 18

# Whole numbers below it are exact as float64.
_LABEL_LIMIT = 2**53
_EXPECTED_LABEL = "a label, a whole number >= 0 (-1 is unknown)"


@dataclass(frozen=True)
class LossDump:
  """A student's losses with noisy and clean labels.

  Attributes:
    name: the file's name without its ending.
    example_id: [N] text, which example a row is about.
    epoch: [N] float64, percentage of the student's training done, 0..100.
    noisy_label: [N] int64, the label that was trained on.
    clean_label: [N] int64, `KNOWN_WRONG` where only that much is known.
    loss: [N] float64, in nats.
    replaced_rows: how many rows were replaced by a later row with the same key.
  """

  name: str
  example_id: np.ndarray
  epoch: np.ndarray
  noisy_label: np.ndarray
  clean_label: np.ndarray
  loss: np.ndarray
  replaced_rows: int = 0

  def features(
    self, percentile: float, *, by_epoch: bool = False
  ) -> np.ndarray:
    """Features of every row.

    Args:
      percentile: 0..100, the percentile of the losses, interpolated linearly,
        from which differences are taken (golden `data_driven`).
      by_epoch: whether the percentile is that of each epoch's own losses, as
        for a mentor in use, instead of that of all losses, as in the original.

    Returns:
      [N, 4] float64: loss, its difference to the percentile, 0, epoch.
    """
    difference = self.loss - np.percentile(self.loss, percentile)
    if by_epoch:
      for epoch in np.unique(self.epoch):
        rows = self.epoch == epoch
        loss = self.loss[rows]
        difference[rows] = loss - np.percentile(loss, percentile)
    zeros = np.zeros_like(self.loss)
    return np.stack([self.loss, difference, zeros, self.epoch], axis=1)

  def target_weights(self) -> np.ndarray:
    """[N] float64: 1 where the noisy label is the clean one, else 0."""
    return (self.noisy_label == self.clean_label).astype(np.float64)


def read_loss_dump(
  path: str | Path, *, one_row_per_id: bool = False
) -> LossDump:
  """Reads a loss dump.

  Fields may be separated by spaces, tabs or commas; a line may hold several
  space-separated records with commas between them; a header line, blank lines
  and fields after the fifth are ignored.

  Args:
    path: the file, as `write_losses` and `append_losses` write it.
    one_row_per_id: whether to keep only the last row of each id, as the
      original does, instead of the last row of each (id, epoch).

  Raises:
    UserError: an empty file, a row with a missing column, with text in place of
      a number, or with a number out of range, naming the line.
    OSError: if the file cannot be read.
  """
  path = Path(path)
  chunks = [_Rows.empty()]
  line_number = 1
  with check_regular(path).open(encoding="utf-8", errors="replace") as file:
    while lines := file.readlines(_CHUNK_CHARACTERS):
      rows = _plain_rows(lines)
      if rows is None:
        seen_rows = any(len(chunk.loss) for chunk in chunks)
        rows = _any_rows(path, line_number, lines, seen_rows)
      chunks.append(rows)
      line_number += len(lines)
  rows = _Rows(*map(np.concatenate, zip(*chunks, strict=True)))
  if not len(rows.loss):
    raise UserError(
      f"{path}: expected rows of {' '.join(COLUMNS)}, got an empty file; "
      f"take {FILE_NAME} of a run with `record_losses`, or an evaluation's "
      "`output_csv_file`"
    )
  kept = _last_of_each(rows.example_id, None if one_row_per_id else rows.epoch)
  replaced = len(rows.loss) - len(kept)
  rows = _Rows(*(column[kept] for column in rows))
  return LossDump(path.stem, *rows, replaced_rows=replaced)


def write_losses(
  path: str | os.PathLike, percent: int, examples: Mapping[str, np.ndarray]
) -> None:
  """Writes the dump of N examples at one time, whole or not at all.

  Args:
    path: the file.
    percent: percentage of training, 0..99.
    examples: "id", "label", "clean_label" [N] int64 and "loss" [N] float32.
  """
  with replacing(path) as partial, partial.open("w") as file:
    file.writelines(_formatted(percent, examples))


def append_losses(
  path: str | os.PathLike,
  parts: Iterable[tuple[int, Mapping[str, np.ndarray]]],
) -> None:
  """Appends rows to a dump.

  Args:
    path: the file; created if it does not exist.
    parts: percentages of training with the examples that `write_losses` takes.
  """
  with naming(path), Path(path).open("a") as file:
    for percent, examples in parts:
      file.writelines(_formatted(percent, examples))


def truncate_losses(path: Path, count: int) -> None:
  """Shortens a dump to its first `count` rows.

  Raises:
    UserError: there are fewer, or one of them is damaged.
  """
  if not path.exists() and not count:
    return
  kept = 0
  with replacing(path) as partial, partial.open("w") as new:
    if path.exists():
      with check_regular(path).open(encoding="utf-8", errors="replace") as old:
        for line in itertools.islice(old, count):
          if not _is_written_row(line):
            raise UserError(
              f"{path}, line {kept + 1}: expected a whole row of "
              f"{' '.join(COLUMNS)}, got {line[:60]!r}; restore the file, or "
              "continue without `record_losses`"
            )
          new.write(line)
          kept += 1
    if kept < count:
      raise UserError(
        f"{path}: expected the {count} losses of the steps made so far, got "
        f"{kept}; `record_losses` has to be set from the beginning of a run: "
        "choose another training folder, or continue without it"
      )


def _is_written_row(line: str) -> bool:
  """Whether `append_losses` may have written the line, to its end."""
  return (
    line.count(" ") == len(COLUMNS) - 1
    and line.endswith("\n")
    and line.isascii()
    and line[:-1].isprintable()
  )


def _formatted(
  percent: int, examples: Mapping[str, np.ndarray]
) -> Iterator[str]:
  columns = (examples[name] for name in EXAMPLE_COLUMNS)
  for example_id, label, clean_label, loss in zip(*columns, strict=True):
    yield f"{example_id} {percent} {label} {clean_label} {loss:.6g}\n"


class _Rows(NamedTuple):
  """Columns as `LossDump` has them, including rows that are replaced later."""

  example_id: np.ndarray
  epoch: np.ndarray
  noisy_label: np.ndarray
  clean_label: np.ndarray
  loss: np.ndarray

  @classmethod
  def empty(cls) -> "_Rows":
    return cls.of([[] for _ in COLUMNS])

  @classmethod
  def of(cls, columns: Sequence[Sequence]) -> "_Rows":
    dtypes = (np.str_, np.float64, np.int64, np.int64, np.float64)
    return cls(*map(np.array, columns, dtypes))


def _last_of_each(
  example_id: np.ndarray, epoch: np.ndarray | None
) -> np.ndarray:
  """Index of the last row of each key, in the order of the keys' first rows."""
  # Epochs are compared as numbers, ids as text, as in the original.
  key = np.unique(example_id, return_inverse=True)[1].reshape(-1)
  if epoch is not None:
    epochs, epoch_index = np.unique(epoch, return_inverse=True)
    key = key * len(epochs) + epoch_index.reshape(-1)
  first = np.unique(key, return_index=True)[1]
  last = len(key) - 1 - np.unique(key[::-1], return_index=True)[1]
  return last[np.argsort(first)]


def _plain_rows(lines: list[str]) -> _Rows | None:
  """The rows of lines in the plain form; None if a line is in another."""
  if any("," in line for line in lines):
    return None
  fields = [row for row in map(str.split, lines) if row]
  if not fields or min(map(len, fields)) < len(COLUMNS):
    return None
  columns = zip(*(row[: len(COLUMNS)] for row in fields), strict=True)
  example_id, *texts = columns
  try:
    numbers = np.array(texts, np.float64)
  except ValueError:
    return None
  epoch, noisy_label, clean_label, loss = numbers
  labels = numbers[1:3]
  known_wrong = [np.zeros(len(loss), bool), clean_label == KNOWN_WRONG]
  if not (
    np.all((epoch >= 0) & (epoch <= 100))
    and np.all((labels >= 0) & (labels < _LABEL_LIMIT) | known_wrong)
    and np.all(labels == np.floor(labels))
    and np.all((loss >= 0) & (loss < np.inf))
  ):
    return None
  return _Rows.of([example_id, epoch, noisy_label, clean_label, loss])


def _any_rows(
  path: Path, line_number: int, lines: list[str], seen_rows: bool
) -> _Rows:
  """The rows of lines in any accepted form.

  Args:
    path: named in errors.
    line_number: number of the first of `lines`, counted from 1.
    lines: part of the file.
    seen_rows: whether rows were found before, so that no header may follow.

  Raises:
    UserError: a row that `read_loss_dump` refuses.
  """
  rows: list[tuple[str, float, int, int, float]] = []
  for number, line in enumerate(lines, line_number):
    for fields in _records(line):
      if not (rows or seen_rows) and _is_header(fields):
        continue
      rows.append(_parse(f"{path}, line {number}", fields))
  return _Rows.of(list(zip(*rows, strict=True))) if rows else _Rows.empty()


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


def _parse(place: str, fields: list[str]) -> tuple[str, float, int, int, float]:
  if len(fields) < len(COLUMNS):
    raise UserError(
      f"{place}: expected {len(COLUMNS)} fields ({' '.join(COLUMNS)}), got "
      f"{len(fields)}: {' '.join(fields)[:60]!r}; complete or remove the row"
    )
  values = []
  for name, text in zip(COLUMNS[1:], fields[1:], strict=False):
    if not _is_number(text):
      raise UserError(
        f"{place}: expected a number for {name}, got {shortened(text)!r}; "
        "correct or remove the row"
      )
    values.append(float(text))
  epoch, noisy_label, clean_label, loss = values
  if not 0 <= epoch <= 100:
    _refuse(place, "an epoch percentage in 0..100", fields[1])
  if not _is_label(noisy_label):
    _refuse(place, _EXPECTED_LABEL, fields[2])
  if not _is_label(clean_label) and clean_label != KNOWN_WRONG:
    _refuse(place, _EXPECTED_LABEL, fields[3])
  if not 0 <= loss < np.inf:
    _refuse(place, "a loss that is finite and >= 0", fields[4])
  return fields[0], epoch, int(noisy_label), int(clean_label), loss


def _is_label(value: float) -> bool:
  return 0 <= value < _LABEL_LIMIT and value.is_integer()


def _refuse(place: str, expected: str, got: str) -> None:
  raise UserError(
    f"{place}: expected {expected}, got {shortened(got)!r}; correct or remove "
    "the row"
  )
