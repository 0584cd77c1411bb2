"""A ranking of labels by a training folder: its memory or its checkpoints."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mentornet_tf.analysis.label_scores import run_settings, suspect_labels
from mentornet_tf.analysis.memory_ranking import (
  rank_by_memory,
  settled_memory,
)
from mentornet_tf.analysis.ranking import write_suspect_labels
from mentornet_tf.analysis.suspects import RANKINGS, SuspectLabels
from mentornet_tf.analysis.written_ranking import read_ranking_metrics
from mentornet_tf.datasets.reading.digests import data_digest
from mentornet_tf.datasets.reading.open import open_data
from mentornet_tf.errors import UserError
from mentornet_tf.internal import atomic_files
from mentornet_tf.internal.choices import check_choice
from mentornet_tf.training.memory.loading import load_memory

SOURCES = ("auto", "memory", "checkpoints")


def rank_run(
  train_log_dir: str | os.PathLike,
  data_dir: str | os.PathLike | None,
  *,
  output_dir: str | os.PathLike | None,
  rank_by: str | None,
  batch_size: int | None,
  print_line: Callable[[str], Any],
  source: str = "auto",
  dataset_name: str | None = None,
  split: str = "train",
  checkpoints: int | None = None,
  checkpoint: str | int | None = None,
  num_images: int = 48,
  max_damaged: int | None = None,
) -> SuspectLabels:
  """Ranks a record set, read like the run's own: in memory or streamed.

  The arguments are those of `rank_labels.rank_labels`.
  """
  if num_images < 1:
    raise UserError(
      f"num_images: expected at least 1, got {num_images}; try 48"
    )
  check_choice("source", source, SOURCES)
  if rank_by is not None:
    check_choice("rank_by", rank_by, RANKINGS)
  by_checkpoints = checkpoints is not None or checkpoint is not None
  if source == "memory" and by_checkpoints:
    raise UserError(
      "checkpoints, checkpoint: expected none with the `source` 'memory', got "
      f"{checkpoint if checkpoints is None else checkpoints}; leave out either"
    )
  if data_dir is None:
    raise UserError(
      "x: expected the folder of the records beside a training folder, got "
      "none; give the records to rank"
    )
  run = run_settings(train_log_dir)
  dataset_name = dataset_name or run.data.dataset_name
  if output_dir is not None:
    output_dir = atomic_files.writable_folder(output_dir)
  if max_damaged is None:
    max_damaged = run.data.max_damaged
  data = open_data(
    Path(data_dir),
    dataset_name,
    split,
    run.images.crop,
    max_damaged=max_damaged,
  )
  digest = data_digest(data)
  if output_dir is not None:
    _check_same_data(output_dir, data.name, digest)
  memory = None
  if source == "memory":
    memory = load_memory(train_log_dir, digest=digest)
  elif source == "auto" and not by_checkpoints:
    memory = settled_memory(train_log_dir, data, print_line)
  if memory is not None:
    suspects, data = rank_by_memory(
      memory,
      data,
      rank_by=rank_by or "self_confidence",
      print_line=print_line,
    )
  else:
    suspects = suspect_labels(
      train_log_dir,
      data,
      checkpoints=checkpoints,
      checkpoint=checkpoint,
      rank_by=rank_by or "loss",
      batch_size=batch_size,
      print_line=print_line,
    )
  if not suspects.names_files:
    print_line(
      f"note: the records of {data.name} name no files, so the column path is "
      "empty; write the records again with this version to have them named"
    )
  if output_dir is not None:
    write_suspect_labels(suspects, data, output_dir, num_images, digest)
  return suspects


def _check_same_data(output_dir: Path, data_name: str, digest: str) -> None:
  """Raises UserError where the folder holds a run's ranking of other data."""
  try:
    metrics = read_ranking_metrics(output_dir)
  except UserError:  # damaged: this ranking replaces it
    return
  if metrics is None:
    return
  name = metrics["data"]
  if "digest" in metrics:
    # That of a model tells nothing of its data.
    is_same = metrics["digest"] in (digest, None)
  else:
    is_same = name == data_name
  if not is_same:
    other = f"other images or labels of {name}" if name == data_name else name
    raise UserError(
      "output_dir: expected a folder without a ranking of other data, got "
      f"{output_dir} with that of {other}; choose another one for {data_name}"
    )
