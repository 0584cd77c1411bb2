"""Loss dumps: the losses of a student's examples over its training, as text.

A row holds the loss of one example at one time. Columns: example id, percentage
of training, noisy label, clean label, loss in nats (golden `data_driven`); and
where training remembers its examples, averages over the visits of the example
so far, this one included: of its loss, of the probabilities of its noisy label
and of the most probable other class, and the share of visits at which the
noisy label was predicted.
"""

import itertools
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mentornet_tf.curricula.memory_columns import memory_columns
from mentornet_tf.errors import UserError
from mentornet_tf.internal.atomic_files import naming, replacing
from mentornet_tf.internal.regular_files import check_regular
from mentornet_tf.mentor_training.loss_rows import (
  COLUMNS,
  MEMORY_COLUMNS,
  RowReader,
  Rows,
  formatted_rows,
  written_columns,
)

# Where a run writes its dump, in the training folder.
FILE_NAME = "losses.csv"

# Characters read at a time: rows as Python objects take many times the memory
# of the columns.
_CHUNK_CHARACTERS = 1 << 18


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
    memory: [N, 4] float64, what training remembered of the example, as
      `MEMORY_COLUMNS` names it; None where the file has no such columns.
  """

  name: str
  example_id: np.ndarray
  epoch: np.ndarray
  noisy_label: np.ndarray
  clean_label: np.ndarray
  loss: np.ndarray
  replaced_rows: int = 0
  memory: np.ndarray | None = None

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
    difference = self._from_percentile(self.loss, percentile, by_epoch)
    zeros = np.zeros_like(self.loss)
    return np.stack([self.loss, difference, zeros, self.epoch], axis=1)

  def memory_features(
    self, percentile: float, *, by_epoch: bool = False
  ) -> np.ndarray:
    """Features of every row for a mentor that sees the memory.

    Args:
      percentile: see `features`; also that of the mean losses.
      by_epoch: see `features`.

    Returns:
      [N, 8] float64, as `curricula.memory_columns` names them.

    Raises:
      UserError: the dump has no columns of what training remembered.
    """
    if self.memory is None:
      raise UserError(
        f"{self.name}: expected a loss dump with {', '.join(MEMORY_COLUMNS)} "
        f"in its rows, got {', '.join(COLUMNS)} only; take {FILE_NAME} of a "
        "run with `record_losses` and `memory`"
      )
    remembered = dict(zip(MEMORY_COLUMNS, self.memory.T, strict=True))
    mean_loss = remembered["mean_loss"]
    columns = memory_columns(
      loss=self.loss,
      loss_difference=self._from_percentile(self.loss, percentile, by_epoch),
      mean_loss_difference=self._from_percentile(
        mean_loss, percentile, by_epoch
      ),
      epoch=self.epoch,
      log=np.log,
      **remembered,
    )
    return np.stack(columns, axis=1)

  def _from_percentile(
    self, values: np.ndarray, percentile: float, by_epoch: bool
  ) -> np.ndarray:
    """[N] differences to the percentile of all values, or of each epoch's."""
    if not by_epoch:
      return values - np.percentile(values, percentile)
    difference = np.empty_like(values)
    for epoch in np.unique(self.epoch):
      rows = self.epoch == epoch
      difference[rows] = values[rows] - np.percentile(values[rows], percentile)
    return difference

  def target_weights(self) -> np.ndarray:
    """[N] float64: 1 where the noisy label is the clean one, else 0."""
    return (self.noisy_label == self.clean_label).astype(np.float64)


def read_loss_dump(
  path: str | Path, *, one_row_per_id: bool = False
) -> LossDump:
  """Reads a loss dump.

  Fields may be separated by spaces, tabs or commas; a line may hold several
  space-separated records with commas between them; a header line and blank
  lines are ignored. Rows of nine fields hold what training remembered; of other
  rows the fields after the fifth are ignored.

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
  reader, parts = RowReader(path), []
  with check_regular(path).open(encoding="utf-8", errors="replace") as file:
    while lines := file.readlines(_CHUNK_CHARACTERS):
      part = reader.read(lines)
      if len(part.loss):
        parts.append(part)
  if not parts:
    raise UserError(
      f"{path}: expected rows of {' '.join(COLUMNS)}, got an empty file; "
      f"take {FILE_NAME} of a run with `record_losses`, or an evaluation's "
      "`output_csv_file`"
    )
  rows = Rows(*map(np.concatenate, zip(*parts, strict=True)))
  kept = _last_of_each(rows.example_id, None if one_row_per_id else rows.epoch)
  replaced = len(rows.loss) - len(kept)
  rows = Rows(*(column[kept] for column in rows))
  return LossDump(
    path.stem,
    *rows[:-1],
    replaced_rows=replaced,
    memory=rows.memory if rows.memory.shape[1] else None,
  )


def write_losses(
  path: str | os.PathLike, percent: int, examples: Mapping[str, np.ndarray]
) -> None:
  """Writes the dump of N examples at one time, whole or not at all.

  Args:
    path: the file.
    percent: percentage of training, 0..99.
    examples: "id", "label", "clean_label" [N] int64 and "loss" [N] float32, and
      where training remembers them, `MEMORY_COLUMNS`, each [N] float32.
  """
  with replacing(path) as partial, partial.open("w") as file:
    file.writelines(formatted_rows(percent, examples))


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
      file.writelines(formatted_rows(percent, examples))


def truncate_losses(path: Path, count: int) -> tuple[str, ...] | None:
  """Shortens a dump to its first `count` rows.

  Returns:
    The columns of these rows; None where `count` is 0.

  Raises:
    UserError: there are fewer, or one of them is damaged.
  """
  if not path.exists() and not count:
    return None
  kept, columns = 0, None
  with replacing(path) as partial, partial.open("w") as new:
    if path.exists():
      with check_regular(path).open(encoding="utf-8", errors="replace") as old:
        for line in itertools.islice(old, count):
          found = written_columns(line)
          columns = columns or found
          if found is None or found != columns:
            raise UserError(
              f"{path}, line {kept + 1}: expected a whole row of "
              f"{' '.join(columns or COLUMNS)}, got {line[:60]!r}; restore the "
              "file, or continue without `record_losses`"
            )
          new.write(line)
          kept += 1
    if kept < count:
      raise UserError(
        f"{path}: expected the {count} losses of the steps made so far, got "
        f"{kept}; `record_losses` has to be set from the beginning of a run: "
        "choose another training folder, or continue without it"
      )
  return columns


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
