"""The section of a report on a run's suspect labels."""

from html import escape
from pathlib import Path
from typing import Any

from mentornet_tf.analysis import html_parts, ranking

_QUALITY_NAMES = {
  "roc_auc": "AUROC",
  "average_precision": "average precision",
  "precision_at_num_wrong": "precision at the number of noisy labels",
}
_RANKING_NAMES = {"by loss": "by_loss", "by weight": "by_weight"}
_TABLE_COLUMNS = (
  "rank",
  "id",
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
  metrics = ranking.read_ranking_metrics(folder)
  if metrics is None:
    return [
      '<p class="note">The labels have not been ranked by this run yet.</p>'
    ]
  steps = ", ".join(str(step) for step in metrics["checkpoint_steps"])
  rows = ranking.read_suspect_table(folder / ranking.TABLE_FILE, num_rows)
  return [
    f"<p>{metrics['num_disagreeing']} of the {metrics['num_examples']} labels "
    f"of {escape(metrics['data'])} differ from the predicted class. Ranked by "
    f"{escape(metrics['rank_by'])}, over the checkpoints of step {steps}.</p>",
    *_quality(metrics["quality"]),
    *(
      html_parts.picture((folder / file).read_bytes(), caption)
      for file, caption in _PICTURES
      if (folder / file).exists()
    ),
    f"<details><summary>The {len(rows)} most suspect labels</summary>",
    html_parts.table(
      [name.replace("_", " ") for name in _TABLE_COLUMNS],
      ([row[name] for name in _TABLE_COLUMNS] for row in rows),
    ),
    "</details>",
  ]


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
