"""Suspect labels as files: a table, pictures, arrays and their quality."""

import csv
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mentornet_tf.analysis import plots
from mentornet_tf.analysis.contact_sheet import draw_suspects, reduced
from mentornet_tf.analysis.noise_estimates import LEAST_CONFIDENT
from mentornet_tf.analysis.suspects import RANKINGS, SuspectLabels
from mentornet_tf.datasets.labels.clean_labels import KNOWN_WRONG, is_checked
from mentornet_tf.datasets.reading.dataset import TrainingData, as_training_data
from mentornet_tf.datasets.records.schema import InMemoryDataset
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


def write_suspect_labels(
  suspects: SuspectLabels,
  data: InMemoryDataset | TrainingData | None,
  output_dir: str | os.PathLike,
  num_images: int = 48,
  digest: str | None = None,
) -> None:
  """Writes the ranking, each file whole or not at all.

  - `suspect_labels.csv`: a row per example, most suspect first.
  - `contact_sheet.png`: the most suspect images, "given → suggested".
  - `images.npz`: the same images, `images` [M, height, width, 3] uint8 and
    `ids` [M] int64, from which a report makes thumbnails.
  - `pred_probs.npz`: `labels` [N] int64, `pred_probs` [N, num_classes] float64
    and `ids` [N] int64 in the data's order, as cleanlab and similar tools take
    them.
  - `metrics.json`: what was ranked, the estimated label noise and, if clean
    labels are known, how well noisy ones are detected.
  - `weight_against_loss.png`, if clean labels are known.

  Args:
    suspects: the ranking.
    data: the images and class names; None writes neither pictures nor images.
    output_dir: created if it does not exist.
    num_images: how many images to draw.
    digest: that of `data`, by which a later ranking tells whether this one is
      of the same; None where it is not known, as with a model.
  """
  folder = atomic_files.writable_folder(output_dir)
  if data is not None:
    data = as_training_data(data)
  names = _class_names(suspects, data)
  with (
    atomic_files.replacing(folder / TABLE_FILE) as partial,
    partial.open("w", newline="", encoding="utf-8") as file,
  ):
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    writer.writerows(table_rows(suspects, names))
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
  if data is not None:
    _write_images(suspects, data, folder, num_images)
  known = is_checked(suspects.clean_labels)
  if known.any():
    figure = plots.draw_weight_against_loss(
      suspects.mean_loss[known],
      suspects.mean_weight[known],
      (suspects.labels == suspects.clean_labels)[known],
    )
    save_figure(figure, folder / WEIGHTS_FILE)
  estimate = suspects.summary()
  write_json(
    folder / METRICS_FILE,
    {
      "data": folder.name if data is None else data.name,
      "digest": digest,
      "num_examples": len(suspects.ids),
      "num_disagreeing": int(
        np.count_nonzero(suspects.predicted_labels != suspects.labels)
      ),
      "rank_by": suspects.rank_by,
      "source": suspects.source,
      "checkpoint_steps": list(suspects.steps),
      "noise_estimate": estimate.as_json() if estimate.is_known else None,
      "quality": suspects.quality(),
    },
  )


def _class_names(
  suspects: SuspectLabels, data: TrainingData | None
) -> Sequence[str]:
  if data is not None:
    return data.class_names
  return suspects.class_names or tuple(
    map(str, range(suspects.pred_probs.shape[1]))
  )


def _write_images(
  suspects: SuspectLabels, data: TrainingData, folder: Path, num_images: int
) -> None:
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


def describe(suspects: SuspectLabels) -> list[str]:
  """Readable lines: estimated noise, and how good the ranking is."""
  num_disagreeing = np.count_nonzero(
    suspects.predicted_labels != suspects.labels
  )
  lines = [
    *suspects.summary().lines(),
    f"{num_disagreeing} of {len(suspects.ids)} labels differ from the predicted"
    " class",
  ]
  quality = suspects.quality()
  if quality is None:
    return lines
  lines.append(
    f"{quality['num_wrong']} of {quality['num_known']} checked labels are noisy"
    + _beside_estimate(suspects, quality)
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


def _beside_estimate(suspects: SuspectLabels, quality: dict[str, Any]) -> str:
  """Whether the checked labels contradict the estimate; "" if they do not."""
  share = quality["num_wrong"] / quality["num_known"]
  estimate = suspects.summary()
  low, high = estimate.interval
  too_few = quality["num_known"] < LEAST_CONFIDENT or not estimate.is_known
  if too_few or low <= share <= high:
    return ""
  return (
    f", {100 * share:.1f} %, which is outside the interval above: believe "
    "these labels if they were checked at random"
  )


def table_rows(
  suspects: SuspectLabels, class_names: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
  """The values of `COLUMNS` for each label, most suspect first."""
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


def _clean_class(clean_label: int, class_names: Sequence[str]) -> str:
  if clean_label == KNOWN_WRONG:
    return KNOWN_WRONG_CLASS
  return class_names[clean_label] if clean_label >= 0 else ""
