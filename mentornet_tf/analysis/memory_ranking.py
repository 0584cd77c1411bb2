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
from mentornet_tf.runs.run_folder import require_run
from mentornet_tf.training.memory.loading import load_memory
from mentornet_tf.training.memory.memory_files import memory_files
from mentornet_tf.training.memory.remembered import RememberedExamples

# With fewer per example, on average, checkpoints ranked better
# (docs/suspect_labels.md).
LEAST_VISITS = 20
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


def settled_memory(
  train_log_dir: str | os.PathLike,
  data: TrainingData,
  print_line: Callable[[str], Any],
) -> RememberedExamples | None:
  """A run's memory of `data`; None without one, or with few visits.

  Args:
    train_log_dir: the training folder.
    data: the data to rank.
    print_line: told why a memory that there is says nothing.

  Raises:
    UserError: the memory is damaged.
  """
  folder = Path(train_log_dir)
  trained_on = require_run(folder)["data"].get("digest")
  if not memory_files(folder):
    return None
  if data_digest(data) != trained_on:
    print_line(
      f"note: the memory of {folder} is of the data that it was trained on, "
      f"not of this {data.name}; ranking by checkpoints"
    )
    return None
  examples = load_memory(folder)
  visits = float(examples.visits.mean())
  if visits >= LEAST_VISITS:
    return examples
  print_line(
    f"note: the memory has {visits:.1f} visits per example, where fewer than "
    f"{LEAST_VISITS} say little; ranking by checkpoints"
  )
  return None


def rank_by_memory(
  examples: RememberedExamples,
  data: TrainingData,
  *,
  rank_by: str,
  print_line: Callable[[str], Any],
) -> tuple[SuspectLabels, TrainingData]:
  """A ranking of the data of a run by its memory, and the ranked data."""
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
    f"step {examples.step}  by the training's memory of {len(positions)} "
    f"examples, {examples.visits[positions].mean():.1f} visits each on average"
  )
  return suspects, data
