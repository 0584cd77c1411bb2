"""The section of a report on a run's suspect labels."""

import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mentornet_tf.analysis import html_parts, ranking
from mentornet_tf.analysis.written_ranking import (
  read_ranking_metrics,
  read_suspect_images,
  read_suspect_table,
)

_QUALITY_NAMES = {
  "roc_auc": "AUROC",
  "average_precision": "average precision",
  "precision_at_num_wrong": "precision at the number of noisy labels",
}
_RANKING_NAMES = {"by loss": "by_loss", "by weight": "by_weight"}
_TABLE_COLUMNS = (
  "rank",
  "id",
  "path",
  "given_class",
  "predicted_class",
  "given_probability",
  "predicted_probability",
  "mean_loss",
  "mean_weight",
)
_PICTURES = (
  (ranking.WEIGHTS_FILE, "Mean weight of every example over its mean loss."),
  (ranking.PICTURE_FILE, "The most suspect images, given → suggested label."),
)


def suspects_section(train_log_dir: Path, num_rows: int) -> list[str]:
  """HTML of the ranking that `ranking.rank_labels` wrote to a training folder.

  Args:
    train_log_dir: the training folder.
    num_rows: how many labels the table shows.

  Raises:
    UserError: the ranking's files hold something else.
  """
  folder = train_log_dir / ranking.DEFAULT_FOLDER
  metrics = read_ranking_metrics(folder)
  if metrics is None:
    return [
      '<p class="note">The labels have not been ranked by this run yet.</p>'
    ]
  rows = read_suspect_table(folder / ranking.TABLE_FILE, num_rows)
  thumbnails = _thumbnails(folder / ranking.IMAGES_FILE, rows)
  is_named = any(row.get("path") for row in rows)
  columns = [name for name in _TABLE_COLUMNS if name != "path" or is_named]
  return [
    f"<p>{metrics['num_disagreeing']} of the {metrics['num_examples']} labels "
    f"of {escape(metrics['data'])} differ from the predicted class. Ranked by "
    f"{escape(metrics['rank_by'])}{_origin(metrics)}.</p>",
    *_quality(metrics["quality"]),
    *(
      html_parts.picture((folder / file).read_bytes(), caption)
      for file, caption in _PICTURES
      if (folder / file).exists()
    ),
    f"<details><summary>The {len(rows)} most suspect labels</summary>",
    html_parts.table(
      [*(["image"] if thumbnails else []), *_titles(columns)],
      (
        [*thumbnails[number : number + 1], *(row[name] for name in columns)]
        for number, row in enumerate(rows)
      ),
    ),
    "</details>",
  ]


def _origin(metrics: Mapping[str, Any]) -> str:
  """What the ranking rests on; "" where it names nothing."""
  if steps := metrics["checkpoint_steps"]:
    return f", over the checkpoints of step {', '.join(map(str, steps))}"
  if metrics.get("source") == "memory":
    return ", from the memory of the training"
  return ""


def _titles(columns: Sequence[str]) -> list[str]:
  return [name.replace("_", " ") for name in columns]


def _thumbnails(
  file: Path, rows: Sequence[dict[str, str]]
) -> list[html_parts.Html]:
  """A cell for each row, empty where no image was kept; [] without images."""
  if not file.exists():
    return []  # earlier versions kept none
  images = read_suspect_images(file)
  return [
    html_parts.thumbnail(
      _png(images[int(row["id"])]), row.get("path") or f"id {row['id']}"
    )
    if int(row["id"]) in images
    else html_parts.Html()
    for row in rows
  ]


def _png(image: np.ndarray) -> bytes:
  file = io.BytesIO()
  Image.fromarray(image).save(file, "PNG")
  return file.getvalue()


def _quality(quality: dict[str, Any] | None) -> list[str]:
  if not quality or quality["by_loss"]["roc_auc"] is None:
    return []
  table = [
    html_parts.table(
      (f"detecting the {quality['num_wrong']} noisy labels", *_RANKING_NAMES),
      (
        (
          title,
          *(f"{quality[key][name]:.4f}" for key in _RANKING_NAMES.values()),
        )
        for name, title in _QUALITY_NAMES.items()
      ),
    )
  ]
  if quality["suggestion_accuracy"] is None:
    return table
  return [
    *table,
    "<p>The predicted class is the clean label for "
    f"{100 * quality['suggestion_accuracy']:.1f} % of the noisy labels.</p>",
  ]
