"""Suspect labels as files: a table, pictures, arrays and their quality."""

import csv
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mentornet_tf.analysis import plots
from mentornet_tf.analysis.contact_sheet import draw_suspects, reduced
from mentornet_tf.analysis.label_scores import (
  RANKINGS,
  SuspectLabels,
  run_settings,
  suspect_labels,
)
from mentornet_tf.datasets.labels.clean_labels import KNOWN_WRONG, is_checked
from mentornet_tf.datasets.reading.dataset import TrainingData, as_training_data
from mentornet_tf.datasets.reading.open import open_data
from mentornet_tf.datasets.records.schema import InMemoryDataset
from mentornet_tf.errors import UserError
from mentornet_tf.internal import atomic_files
from mentornet_tf.internal.figures import save_figure
from mentornet_tf.internal.json_files import write_json

TABLE_FILE = "suspect_labels.csv"
PICTURE_FILE = "contact_sheet.png"
IMAGES_FILE = "images.npz"
WEIGHTS_FILE = "weight_against_loss.png"
ARRAYS_FILE = "pred_probs.npz"
METRICS_FILE = "metrics.json"
# Their folder within the training folder, unless another one is given.
DEFAULT_FOLDER = "suspect_labels"

COLUMNS = (
  "rank",
  "id",
  "given_label",
  "predicted_label",
  "given_class",
  "predicted_class",
  "given_probability",
  "predicted_probability",
  "mean_loss",
  "mean_weight",
  "score",
  "clean_class",
  "path",
)
# In place of the name of a clean class.
KNOWN_WRONG_CLASS = "known wrong"


def rank_labels(
  train_log_dir: str | os.PathLike,
  data_dir: str | os.PathLike,
  *,
  dataset_name: str | None = None,
  split: str = "train",
  output_dir: str | os.PathLike | None = None,
  checkpoints: int | None = None,
  checkpoint: str | int | None = None,
  rank_by: str = "loss",
  batch_size: int | None = None,
  num_images: int = 48,
  print_line: Callable[[str], Any] = print,
  max_damaged: int | None = None,
) -> SuspectLabels:
  """Ranks the labels of a record set by how suspect a training run finds them.

  The set is read like the run's own: into memory, or streamed if the run has an
  image size.

  Args:
    train_log_dir: the training folder.
    data_dir: folder of the TFRecord shards.
    dataset_name: name in the shards' file names; None takes the run's.
    split: split in the shards' file names.
    output_dir: folder for the files of `write_suspect_labels`; None writes
      none.
    checkpoints: how many of the last checkpoints to average over; None uses all
      that the folder keeps.
    checkpoint: a single one instead: "best" (that of `keep_best`), "last" or a
      step.
    rank_by: "loss" or "weight", see `suspect_labels`.
    batch_size: images per batch; None takes the run's for streamed images and
      500 for those in memory.
    num_images: how many of the most suspect images to draw.
    print_line: takes a line per checkpoint.
    max_damaged: how many damaged records may be passed over; None takes the
      run's number.

  Returns:
    The labels with their scores; `order` ranks them.

  Raises:
    UserError: run, data and arguments do not match, or the files cannot be
      written.
  """
  if num_images < 1:
    raise UserError(
      f"num_images: expected at least 1, got {num_images}; try 48"
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
  suspects = suspect_labels(
    train_log_dir,
    data,
    checkpoints=checkpoints,
    checkpoint=checkpoint,
    rank_by=rank_by,
    batch_size=batch_size,
    print_line=print_line,
  )
  if not suspects.names_files:
    print_line(
      f"note: the records of {data.name} name no files, so the column path is "
      "empty; write the records again with this version to have them named"
    )
  if output_dir is not None:
    write_suspect_labels(suspects, data, output_dir, num_images)
  return suspects


def write_suspect_labels(
  suspects: SuspectLabels,
  data: InMemoryDataset | TrainingData,
  output_dir: str | os.PathLike,
  num_images: int = 48,
) -> None:
  """Writes the ranking, each file whole or not at all.

  - `suspect_labels.csv`: a row per example, most suspect first.
  - `contact_sheet.png`: the most suspect images, "given → suggested".
  - `images.npz`: the same images, `images` [M, height, width, 3] uint8 and
    `ids` [M] int64, from which a report makes thumbnails.
  - `pred_probs.npz`: `labels` [N] int64, `pred_probs` [N, num_classes] float64
    and `ids` [N] int64 in the data's order, as cleanlab and similar tools take
    them.
  - `metrics.json`: what was ranked and, if clean labels are known, how well
    noisy ones are detected.
  - `weight_against_loss.png`, if clean labels are known.

  Args:
    suspects: the result of `suspect_labels` for `data`.
    data: the images and class names.
    output_dir: created if it does not exist.
    num_images: how many images to draw.
  """
  data = as_training_data(data)
  folder = atomic_files.writable_folder(output_dir)
  with (
    atomic_files.replacing(folder / TABLE_FILE) as partial,
    partial.open("w", newline="", encoding="utf-8") as file,
  ):
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    writer.writerows(_rows(suspects, data.class_names))
  with (
    atomic_files.replacing(folder / ARRAYS_FILE) as partial,
    partial.open("wb") as file,
  ):
    np.savez_compressed(
      file,
      labels=suspects.labels,
      pred_probs=suspects.pred_probs,
      ids=suspects.ids,
    )
  chosen = suspects.order[:num_images]
  images = reduced(data.pixels(chosen))
  save_figure(
    draw_suspects(suspects, data, chosen, images), folder / PICTURE_FILE
  )
  with (
    atomic_files.replacing(folder / IMAGES_FILE) as partial,
    partial.open("wb") as file,
  ):
    np.savez_compressed(file, images=images, ids=suspects.ids[chosen])
  known = is_checked(suspects.clean_labels)
  if known.any():
    figure = plots.draw_weight_against_loss(
      suspects.mean_loss[known],
      suspects.mean_weight[known],
      (suspects.labels == suspects.clean_labels)[known],
    )
    save_figure(figure, folder / WEIGHTS_FILE)
  write_json(
    folder / METRICS_FILE,
    {
      "data": data.name,
      "num_examples": len(data),
      "num_disagreeing": int(
        np.count_nonzero(suspects.predicted_labels != suspects.labels)
      ),
      "rank_by": suspects.rank_by,
      "checkpoint_steps": list(suspects.steps),
      "quality": suspects.quality(),
    },
  )


def describe(suspects: SuspectLabels) -> list[str]:
  """Readable lines: how many labels are suspect, and how reliable that is."""
  num_disagreeing = np.count_nonzero(
    suspects.predicted_labels != suspects.labels
  )
  lines = [
    f"{num_disagreeing} of {len(suspects.ids)} labels differ from the predicted"
    " class"
  ]
  quality = suspects.quality()
  if quality is None:
    return lines
  lines.append(
    f"{quality['num_wrong']} of {quality['num_known']} checked labels are noisy"
  )
  if quality["by_loss"]["roc_auc"] is None:
    return lines
  for rank_by in RANKINGS:
    found = quality[f"by_{rank_by}"]
    lines.append(
      f"ranked by {rank_by}: AUROC {found['roc_auc']:.4f}  average precision "
      f"{found['average_precision']:.4f}  precision among the first "
      f"{quality['num_wrong']} {found['precision_at_num_wrong']:.4f}"
    )
  if quality["suggestion_accuracy"] is not None:
    lines.append(
      "the predicted class is the clean label for "
      f"{quality['suggestion_accuracy']:.4f} of the noisy labels"
    )
  return lines


def _rows(
  suspects: SuspectLabels, class_names: tuple[str, ...]
) -> Iterator[tuple[Any, ...]]:
  everything = np.arange(len(suspects.ids))
  given = suspects.pred_probs[everything, suspects.labels]
  predicted = suspects.predicted_labels
  for rank, i in enumerate(suspects.order, 1):
    yield (
      rank,
      suspects.ids[i],
      suspects.labels[i],
      predicted[i],
      class_names[suspects.labels[i]],
      class_names[predicted[i]],
      f"{given[i]:.6g}",
      f"{suspects.pred_probs[i, predicted[i]]:.6g}",
      f"{suspects.mean_loss[i]:.6g}",
      f"{suspects.mean_weight[i]:.6g}",
      f"{suspects.score[i]:.6g}",
      _clean_class(int(suspects.clean_labels[i]), class_names),
      suspects.path(i),
    )


def _clean_class(clean_label: int, class_names: tuple[str, ...]) -> str:
  if clean_label == KNOWN_WRONG:
    return KNOWN_WRONG_CLASS
  return class_names[clean_label] if clean_label >= 0 else ""
