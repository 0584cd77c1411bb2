"""Keeping the memory of a run's examples, and saving it with checkpoints."""

import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from mentornet_tf.curricula.memory_decay import DECAY
from mentornet_tf.curricula.memory_features import RememberedBatch
from mentornet_tf.datasets.reading.dataset import TrainingData
from mentornet_tf.datasets.reading.in_memory import shuffled_index
from mentornet_tf.errors import UserError
from mentornet_tf.runs.run_folder import require_run
from mentornet_tf.training.loop import Action, Reports
from mentornet_tf.training.memory.averages import ExampleAverages
from mentornet_tf.training.memory.memory_files import (
  BYTES_PER_EXAMPLE,
  FOLDER,
  MemoryHeader,
  memory_files,
  memory_path,
  read_memory,
  write_memory,
)
from mentornet_tf.training.memory.probability_rows import (
  ENCODINGS,
  CompactRows,
  FloatRows,
  is_in_memory,
  make_rows,
  parts,
)

# What a step has to report of its examples, beside their probabilities.
EXAMPLE_COLUMNS = ("id", "label", "loss", "weight", "probabilities")

# Bytes of memory for the rows that are worked on, and what takes no room.
_BESIDE = 96 * 2**20

# Files that are there at most: those of two checkpoints, or one being written.
_MOST_FILES = 2


@dataclass(frozen=True)
class MemoryOf:
  """What a memory is of.

  Attributes:
    num_examples: N.
    num_classes: C.
    digest: of the data.
    batch_size: examples per step.
    seed: of their order.
    steps_per_call: the most steps whose reports come at a time.
  """

  num_examples: int
  num_classes: int
  digest: str
  batch_size: int
  seed: int
  steps_per_call: int = 1

  @classmethod
  def of_run(
    cls,
    folder: Path,
    data: TrainingData,
    batch_size: int,
    seed: int,
    steps_per_call: int,
  ) -> "MemoryOf":
    """That of a run whose folder is open."""
    digest = require_run(folder)["data"]["digest"]
    return cls(
      len(data), data.num_classes, digest, batch_size, seed, steps_per_call
    )

  @property
  def is_large(self) -> bool:
    """Whether probabilities are on disk, and not in memory."""
    return not is_in_memory(self.num_examples, self.num_classes)

  @property
  def encoding(self) -> str:
    """How probabilities are stored."""
    return (CompactRows if self.is_large else FloatRows).encoding

  @property
  def file_bytes(self) -> int:
    """Of one of its files."""
    row = ENCODINGS[self.encoding].itemsize * self.num_classes
    return self.num_examples * (row + BYTES_PER_EXAMPLE)

  @property
  def disk_bytes(self) -> int:
    """Of all its files at once."""
    num_files = _MOST_FILES + self.is_large
    return num_files * self.file_bytes

  @property
  def memory_bytes(self) -> int:
    """The most that it takes of the process's memory."""
    visits = self.steps_per_call * self.batch_size
    rows = 0 if self.is_large else self.num_examples
    # Reports of a call are stacked, copied, and held while the next ones come.
    probabilities = 4 * self.num_classes * (rows + 3 * visits)
    return BYTES_PER_EXAMPLE * self.num_examples + probabilities + _BESIDE


def keeps_memory(memory: bool | None, data: TrainingData) -> bool:
  """Whether a run with the option `memory` has one; None is for small data."""
  if memory is None:
    return is_in_memory(len(data), data.num_classes)
  return memory


class MemoryKeeper(Action):
  """Action that averages what steps report of their examples.

  An example is known by its position in the data, which follows from step and
  seed, so that ids may be any integers.

  Args:
    run_folder: the training folder.
    of: what the memory is of.
    start_step: where the run continues, with the memory of that checkpoint.
    print_line: told where there is none.

  Attributes:
    lacks: the file of the memory with which the run would have continued, where
      there is none, so that it begins anew; else None.

  Raises:
    UserError: the memory of the checkpoint is damaged, or is not of this data;
      or the disk has too little space for it.
  """

  def __init__(
    self,
    run_folder: Path,
    of: MemoryOf,
    *,
    start_step: int,
    print_line: Callable[[str], Any],
  ):
    self._run_folder = run_folder
    self._of = of
    folder = run_folder / FOLDER
    folder.mkdir(exist_ok=True)
    self._remove(lambda step: step > start_step)
    _check_space(folder, of)
    if of.is_large:
      print_line(
        f"the memory of {of.num_examples} examples of {of.num_classes} classes "
        f"takes {of.disk_bytes / 1e9:.1f} GB on disk and at most "
        f"{of.memory_bytes / 1e9:.1f} GB of memory"
      )
    rows = make_rows(of.num_examples, of.num_classes, folder)
    self._averages = ExampleAverages(of.num_examples, rows, DECAY)
    # Averages while the device makes the next steps.
    self._worker = ThreadPoolExecutor(1)
    self._averaging: Future[RememberedBatch] | None = None

    @tf.function
    def order(first: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
      sequence = first + tf.range(count, dtype=tf.int64)
      return shuffled_index(sequence, of.num_examples, of.seed)

    count = tf.TensorSpec((), tf.int64)
    self._order = order.get_concrete_function(count, count)
    path = memory_path(run_folder, start_step)
    self.lacks = path if start_step and not path.exists() else None
    if path.exists():
      self._restore(path)
    elif self.lacks:
      print_line(
        f"note: {folder} holds no memory of step {start_step}; it begins anew "
        "there"
      )

  def observe(self, step: int, reports: Reports) -> None:
    """Averages what was reported of the examples of the last steps."""
    columns = {
      name: reports[f"example/{name}"].reshape(
        -1, *reports[f"example/{name}"].shape[2:]
      )
      for name in EXAMPLE_COLUMNS
    }
    positions = self.positions(step, len(columns["loss"]))
    self.latest()
    self._averaging = self._worker.submit(self._average, positions, columns)

  def latest(self) -> RememberedBatch | None:
    """What is remembered at the last visits, once they are averaged.

    Returns:
      Of the M visits that were last observed, [M] float32; NaN where a step
      overflowed. None where nothing was observed.
    """
    return None if self._averaging is None else self._averaging.result()

  def _average(
    self, positions: np.ndarray, columns: dict[str, np.ndarray]
  ) -> RememberedBatch:
    # Steps that overflow in float16 leave nothing to remember.
    usable = np.isfinite(columns["loss"])
    usable &= np.isfinite(columns["probabilities"].sum(axis=1))
    if not usable.all():
      columns = {name: values[usable] for name, values in columns.items()}
    remembered = self._averages.observe(
      positions[usable],
      ids=columns["id"],
      labels=columns["label"],
      loss=columns["loss"],
      weight=columns["weight"],
      probabilities=columns["probabilities"],
    )
    of_all = np.full((len(remembered), len(positions)), np.nan, np.float32)
    of_all[:, usable] = remembered
    return RememberedBatch(*of_all)

  def positions(self, step: int, count: int) -> np.ndarray:
    """[M] int64: where in the data the examples are that lead up to `step`."""
    return self._order(
      tf.constant(step * self._of.batch_size - count, tf.int64),
      tf.constant(count, tf.int64),
    ).numpy()

  def save(self, step: int) -> None:
    """Writes the memory of `step`, before its checkpoint is written."""
    self.latest()
    path = memory_path(self._run_folder, step)
    older = [each for each in memory_files(self._run_folder) if each != step]
    kept = older[-(_MOST_FILES - 1) :]
    self._remove(lambda each: each != step and each not in kept)
    write_memory(path, self._header(step), self._averages)

  def _header(self, step: int) -> MemoryHeader:
    of = self._of
    return MemoryHeader(
      num_examples=of.num_examples,
      num_classes=of.num_classes,
      decay=self._averages.decay,
      encoding=of.encoding,
      digest=of.digest,
      step=step,
    )

  def _restore(self, path: Path) -> None:
    found = read_memory(path)
    step = int(path.stem.rpartition("-")[2])
    if found.header != self._header(step):
      raise UserError(
        f"{path}: expected the memory of this run, {self._header(step)}, got "
        f"that of another one, {found.header}; restore the file, or remove it, "
        "and the memory begins anew"
      )
    for name, values in found.columns.items():
      getattr(self._averages, name)[:] = values
    for part in parts(self._of.num_examples, self._of.num_classes):
      self._averages.rows.store(part, found.probabilities(part))

  def _remove(self, unwanted: Callable[[int], bool]) -> None:
    for step, path in memory_files(self._run_folder).items():
      if unwanted(step):
        path.unlink()


def _check_space(folder: Path, of: MemoryOf) -> None:
  there = sum(
    path.stat().st_size for path in memory_files(folder.parent).values()
  )
  free = shutil.disk_usage(folder).free + there
  if of.disk_bytes > free:
    raise UserError(
      f"memory: expected {of.disk_bytes / 1e9:.3f} GB of free space in "
      f"{folder} for {of.num_examples} examples of {of.num_classes} classes, "
      f"got {free / 1e9:.3f} GB; free some, or train without `memory`"
    )
