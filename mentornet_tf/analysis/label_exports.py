"""Rankings as plain files for cleanlab's Datalab and for FiftyOne."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mentornet_tf.errors import UserError
from mentornet_tf.internal import atomic_files
from mentornet_tf.internal.json_files import write_json

if TYPE_CHECKING:
  from mentornet_tf.analysis.suspects import SuspectLabels

DATALAB_FILE = "datalab.json"
DATALAB_PROBABILITIES = "datalab_pred_probs.npy"
FIFTYONE_FILE = "fiftyone.json"


def write_datalab(
  suspects: "SuspectLabels", output_dir: str | os.PathLike
) -> Path:
  """Writes `datalab.json` and `datalab_pred_probs.npy`.

  The first holds columns in the order of the data: "id", "label" (numbers) and,
  where files are known, "path"; the second [N, K] float32.

  Returns:
    The path of the first.

  Raises:
    UserError: a class has no label, or the files cannot be written.
  """
  num_classes = suspects.pred_probs.shape[1]
  counts = np.bincount(suspects.labels, minlength=num_classes)
  if not counts.all():
    raise UserError(
      "labels: expected some of every class for Datalab, which numbers the "
      f"classes that it finds, got none of {int(counts.argmin())}; leave out "
      "the class, or use pred_probs.npz"
    )
  folder = atomic_files.writable_folder(output_dir)
  columns: dict[str, Any] = {
    "id": suspects.ids.tolist(),
    "label": suspects.labels.tolist(),
  }
  if suspects.names_files:
    columns["path"] = [suspects.path(i) for i in range(len(suspects.ids))]
  with (
    atomic_files.replacing(folder / DATALAB_PROBABILITIES) as partial,
    partial.open("wb") as file,
  ):
    np.save(file, np.asarray(suspects.pred_probs, np.float32))
  write_json(folder / DATALAB_FILE, columns)
  return folder / DATALAB_FILE


def write_fiftyone(
  suspects: "SuspectLabels",
  output_dir: str | os.PathLike,
  image_dir: str | os.PathLike = "",
) -> Path:
  """Writes `fiftyone.json`, whose "samples" are most suspect first.

  A sample has a "filepath", the classifications "given_label" and
  "predicted_label" with their probabilities as "confidence", and the numbers
  "rank", "example_id", "suspicion" (the ranking's score) and "mean_loss".

  Args:
    suspects: a ranking that names the file of every label.
    output_dir: created if it does not exist.
    image_dir: the folder below which the files lie.

  Returns:
    The path of the file.

  Raises:
    UserError: a file is not known, or the list cannot be written.
  """
  unknown = [i for i in suspects.order if not suspects.path(i)]
  if unknown:
    raise UserError(
      "paths: expected the file of every label for FiftyOne, got none for "
      f"{len(unknown)} of {len(suspects.ids)}; rank records that name their "
      "files, or give `paths`"
    )
  folder = atomic_files.writable_folder(output_dir)
  write_json(
    folder / FIFTYONE_FILE, {"samples": list(_samples(suspects, image_dir))}
  )
  return folder / FIFTYONE_FILE


def _samples(
  suspects: "SuspectLabels", image_dir: str | os.PathLike
) -> Iterator[dict[str, Any]]:
  names = suspects.class_names or range(suspects.pred_probs.shape[1])
  predicted, score = suspects.predicted_labels, suspects.score
  for rank, i in enumerate(suspects.order, 1):
    given_label, predicted_label = (
      {
        "_cls": "Classification",
        "label": str(names[label]),
        "confidence": float(suspects.pred_probs[i, label]),
      }
      for label in (suspects.labels[i], predicted[i])
    )
    yield {
      "filepath": str(Path(image_dir, suspects.path(i))),
      "rank": rank,
      "example_id": int(suspects.ids[i]),
      "given_label": given_label,
      "predicted_label": predicted_label,
      "suspicion": float(score[i]),
      "mean_loss": float(suspects.mean_loss[i]),
    }
