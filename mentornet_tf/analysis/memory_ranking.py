"""A ranking of labels by what training remembers of its examples."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mentornet_tf.analysis.suspects import SuspectLabels
from mentornet_tf.datasets.reading.dataset import TrainingData
from mentornet_tf.datasets.reading.digests import data_digest
from mentornet_tf.errors import UserError
from mentornet_tf.training.memory.loading import load_memory
from mentornet_tf.training.memory.memory_files import memory_files
from mentornet_tf.training.memory.remembered import RememberedExamples

# More probabilities are held as float16.
_MOST_FLOATS = 2**26
_ROWS_AT_ONCE = 4096


def remembered_arrays(
  examples: RememberedExamples, positions: np.ndarray
) -> dict[str, Any]:
  """What `SuspectLabels.from_arrays` takes, of some examples.

  Args:
    examples: what training remembers.
    positions: [M] int64, of examples that had a visit.
  """
  number, num_classes = len(positions), examples.num_classes
  large = number * num_classes > _MOST_FLOATS
  pred_probs = np.empty(
    (number, num_classes), np.float16 if large else np.float32
  )
  for start in range(0, number, _ROWS_AT_ONCE):
    part = slice(start, start + _ROWS_AT_ONCE)
    pred_probs[part] = examples.rows(positions[part])
  return {
    "labels": examples.labels[positions],
    "pred_probs": pred_probs,
    "loss": examples.mean_loss[positions],
    "weight": examples.mean_weight[positions],
  }


def visited_positions(
  examples: RememberedExamples, print_line: Callable[[str], Any]
) -> np.ndarray:
  """[M] int64, the examples that had a visit; a line tells of others.

  Raises:
    UserError: none had.
  """
  positions = np.flatnonzero(examples.seen)
  if not len(positions):
    raise UserError(
      "source: expected a memory with visits of its examples, got one without; "
      "train first, or rank by evaluation"
    )
  missing = len(examples) - len(positions)
  if missing:
    print_line(
      f"note: {missing} of {len(examples)} examples were not visited in "
      "training and are not ranked; train for a whole pass"
    )
  return positions


def has_memory_of(
  train_log_dir: str | os.PathLike, data: TrainingData, digest: str | None
) -> bool:
  """Whether a training folder has a memory of `data`.

  Args:
    train_log_dir: the training folder.
    data: the data to rank.
    digest: of the data that the run was trained on.
  """
  return bool(memory_files(Path(train_log_dir))) and data_digest(data) == digest


def rank_by_memory(
  train_log_dir: str | os.PathLike,
  data: TrainingData,
  *,
  rank_by: str,
  print_line: Callable[[str], Any],
) -> tuple[SuspectLabels, TrainingData]:
  """A ranking of the data of a run by its memory, and the ranked data.

  Raises:
    UserError: the folder has no memory, or one of other data.
  """
  examples = load_memory(train_log_dir, digest=data_digest(data))
  positions = visited_positions(examples, print_line)
  _, clean_labels = data.labels()
  if len(positions) < len(data):
    data = data.take(positions)
  suspects = SuspectLabels.from_arrays(
    **remembered_arrays(examples, positions),
    ids=examples.ids[positions],
    clean_labels=clean_labels[positions],
    paths=data.paths(),
    class_names=data.class_names,
    rank_by=rank_by,
    source="memory",
  )
  print_line(
    f"step {examples.step}  memory of {len(positions)} examples, on average "
    f"{examples.visits[positions].mean():.1f} visits each"
  )
  return suspects, data
