"""Reads a dump of a student's losses: one example at one time a row.

Columns: sample id, epoch percentage, noisy label, clean label, loss in nats
(golden `data_driven`).
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mentornet_tf.errors import UserError

COLUMNS = ("id", "epoch", "noisy_label", "clean_label", "loss")

# Two commas enclose an empty field; two spaces do not.
_SEPARATOR = re.compile(r"\s*,\s*|\s+")


@dataclass(frozen=True)
class LossDump:
  """A student's losses with noisy and clean labels.

  Attributes:
    name: the file's name without its ending.
    example_id: [N] text, which example a row is about.
    epoch: [N] float64, percentage of the student's training done, 0..100.
    noisy_label: [N] int64, the label that was trained on.
    clean_label: [N] int64, the true label.
    loss: [N] float64, in nats.
    replaced_rows: how many rows a later row with the same key took the place
      of.
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
      percentile: 0..100, of the losses that differences are taken to,
        interpolated linearly (golden `data_driven`).
      by_epoch: take the percentile of each epoch's own losses, as a mentor in
        use follows them, instead of that of all losses, as the original does.

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
  """Reads a dump.

  Fields may be separated by spaces, tabs or commas; a line may hold several
  space-separated records with commas between them; a header line, blank lines
  and fields after the fifth are passed over.

  Args:
    path: the file, as `bin/eval_student.py --output_csv_file` writes it.
    one_row_per_id: keep only the last row of each id, as the original does,
      instead of the last row of each (id, epoch).

  Raises:
    UserError: an empty file, a row with a missing column, with text in place of
      a number, or with a number out of range, naming the line.
    OSError: if the file cannot be read.
  """
  path = Path(path)
  rows: dict[str | tuple[str, float], tuple] = {}
  count = 0
  with path.open(encoding="utf-8", errors="replace") as file:
    for number, line in enumerate(file, 1):
      for fields in _records(line):
        if count == 0 and _is_header(fields):
          continue
        row = _parse(f"{path}, line {number}", fields)
        count += 1
        # Epochs are compared as numbers, ids as text, as in the original.
        key = fields[0] if one_row_per_id else (fields[0], row[1])
        rows[key] = row
  if not rows:
    raise UserError(
      f"{path}: expected rows of {' '.join(COLUMNS)}, got an empty file; write "
      "it with bin/eval_student.py --output_csv_file"
    )
  columns = zip(*rows.values(), strict=True)
  example_id, epoch, noisy_label, clean_label, loss = columns
  return LossDump(
    name=path.stem,
    example_id=np.array(example_id),
    epoch=np.array(epoch, np.float64),
    noisy_label=np.array(noisy_label, np.int64),
    clean_label=np.array(clean_label, np.int64),
    loss=np.array(loss, np.float64),
    replaced_rows=count - len(rows),
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
  # "nan" and "inf" are numbers to Python, and names to nobody.
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
        f"{place}: expected a number for {name}, got {text!r}; correct or "
        "remove the row"
      )
    values.append(float(text))
  epoch, noisy_label, clean_label, loss = values
  if not 0 <= epoch <= 100:
    _refuse(place, "an epoch percentage in 0..100", fields[1])
  for value, text in ((noisy_label, fields[2]), (clean_label, fields[3])):
    if not (value >= 0 and value.is_integer()):
      _refuse(place, "a label, a whole number >= 0 (-1 is unknown)", text)
  if not 0 <= loss < np.inf:
    _refuse(place, "a loss that is finite and >= 0", fields[4])
  return fields[0], epoch, int(noisy_label), int(clean_label), loss


def _refuse(place: str, expected: str, got: str) -> None:
  raise UserError(
    f"{place}: expected {expected}, got {got!r}; correct or remove the row"
  )
