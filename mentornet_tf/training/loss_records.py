"""Writing the losses of examples as text, for learning a mentor from them.

One example at one time a row: `id epoch noisy_label clean_label loss`, as
`mentor_learning.loss_dump` reads them.
"""

import contextlib
import itertools
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from mentornet_tf.errors import UserError
from mentornet_tf.training.loop import Reports

FILE_NAME = "losses.csv"


def format_rows(
  epoch: int, examples: Mapping[str, np.ndarray]
) -> Iterable[str]:
  """Lines for N examples at one training percentage.

  Args:
    epoch: percentage of training done, 0..99.
    examples: "id", "label", "clean_label" [N] int64 and "loss" [N] float32.
  """
  columns = (examples[name] for name in ("id", "label", "clean_label", "loss"))
  for i, label, clean, loss in zip(*columns, strict=True):
    yield f"{i} {epoch} {label} {clean} {loss:.6g}\n"


def write_losses(
  path: str | os.PathLike, epoch: int, examples: Mapping[str, np.ndarray]
) -> None:
  """Writes the rows of N examples to a temporary name, then renames it."""
  path = Path(path)
  temporary = path.with_name(path.name + ".partial")
  with contextlib.ExitStack() as undo:
    undo.callback(temporary.unlink, missing_ok=True)
    with temporary.open("w") as file:
      file.writelines(format_rows(epoch, examples))
    os.replace(temporary, path)


class LossRecorder:
  """An action that appends the losses of every training step to a file.

  Args:
    path: the file; rows after `start_step`, left by a run that was interrupted
      later than its last checkpoint, are cut off.
    batch_size: rows that each step writes.
    total_steps: length of training.
    start_step: where the run continues.

  Raises:
    UserError: if the file holds fewer rows than the run has made steps.
  """

  def __init__(
    self, path: Path, *, batch_size: int, total_steps: int, start_step: int
  ):
    self._path = path
    self._total_steps = total_steps
    _keep_rows(path, start_step * batch_size)

  def next_due(self, step: int) -> None:
    """Asks for no stop of its own."""

  def __call__(self, step: int, reports: Reports) -> None:
    """Appends the rows of the steps that lead up to `step`."""
    first = step - len(reports["example/loss"])
    with self._path.open("a") as file:
      for i in range(step - first):
        epoch = 100 * (first + i) // self._total_steps
        examples = {
          name: reports[f"example/{name}"][i]
          for name in ("id", "label", "clean_label", "loss")
        }
        file.writelines(format_rows(epoch, examples))


def _keep_rows(path: Path, count: int) -> None:
  if not path.exists() and not count:
    return
  temporary = path.with_name(path.name + ".partial")
  kept = 0
  if path.exists():
    with path.open() as old, temporary.open("w") as new:
      for line in itertools.islice(old, count):
        new.write(line)
        kept += 1
  if kept < count:
    temporary.unlink(missing_ok=True)
    raise UserError(
      f"{path}: expected the {count} losses of the steps made so far, got "
      f"{kept}; recording losses has to start with the run: choose another "
      "training folder, or continue without it"
    )
  os.replace(temporary, path)
