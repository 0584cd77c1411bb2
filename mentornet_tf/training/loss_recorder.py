"""Writing the losses of examples as text, for learning a mentor from them.

One example at one time a row: `id epoch noisy_label clean_label loss`, as
`mentor_learning.loss_dump` reads them.
"""

import itertools
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from mentornet_tf.errors import UserError
from mentornet_tf.internal.atomic_files import replacing
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
  """Writes the rows of N examples as a whole."""
  with replacing(path) as partial, partial.open("w") as file:
    file.writelines(format_rows(epoch, examples))


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
  kept = 0
  with replacing(path) as partial, partial.open("w") as new:
    if path.exists():
      with path.open() as old:
        for line in itertools.islice(old, count):
          new.write(line)
          kept += 1
    if kept < count:
      raise UserError(
        f"{path}: expected the {count} losses of the steps made so far, got "
        f"{kept}; recording losses has to start with the run: choose another "
        "training folder, or continue without it"
      )
