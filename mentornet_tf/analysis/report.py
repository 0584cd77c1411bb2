"""A report on one or more training runs: a single, self-contained HTML file."""

import dataclasses
import json
import os
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from mentornet_tf.analysis import html_parts, plots
from mentornet_tf.analysis.comparison import (
  RunSummary,
  comparison_rows,
  settings_differences,
  summarize_run,
)
from mentornet_tf.analysis.report_suspects import suspects_section
from mentornet_tf.analysis.weight_history import (
  WeightHistory,
  read_weight_history,
)
from mentornet_tf.curricula.mentors import MENTOR_FILE, load_mentor
from mentornet_tf.curricula.training_percent import training_percent
from mentornet_tf.datasets.labels.label_noise import describe_noisy_labels
from mentornet_tf.errors import UserError
from mentornet_tf.internal import atomic_files
from mentornet_tf.internal.figures import png_bytes
from mentornet_tf.mentor_training.mentor_pictures import (
  draw_update,
  weight_surface,
)
from mentornet_tf.runs.run_folder import require_run
from mentornet_tf.training.joint.loop_action import LOSS_BOUND, updated_mentors

_WEIGHT_METRICS = {
  "weight_auc": "label-noise detection AUROC",
  "label_precision": "share of clean labels among the selected",
  "label_recall": "share of selected among the clean labels",
}

# Characters of a digest that tell data from others at a glance.
_DIGEST_LENGTH = 12


@dataclasses.dataclass(frozen=True)
class RunRecord:
  """The content of one training folder that a report shows.

  Attributes:
    name: the run's name in the report.
    folder: the training folder.
    run: the content of run.json.
    summary: the metrics.
    weights: the distribution of the weights; None if there are no events.
  """

  name: str
  folder: Path
  run: dict[str, Any]
  summary: RunSummary
  weights: WeightHistory | None

  @property
  def has_curriculum(self) -> bool:
    """Whether examples were weighed."""
    return self.run["settings"].get("curriculum") != "none"


def write_report(
  folders: Sequence[str | os.PathLike],
  output: str | os.PathLike,
  num_suspects: int = 20,
) -> None:
  """Writes a report on training folders.

  It includes the suspect labels that `ranking.rank_labels` wrote to the folder
  `suspect_labels` of a training folder.

  Args:
    folders: one or more training folders.
    output: the HTML file; written whole or not at all.
    num_suspects: rows per table of suspect labels.

  Raises:
    UserError: a folder is not a training folder, or the file cannot be written.
  """
  if not folders:
    raise UserError("expected at least one training folder, got none")
  output = atomic_files.writable_file(output)
  records = [
    read_record(name, Path(folder))
    for name, folder in zip(_names(folders), folders, strict=True)
  ]
  page = _page(records, num_suspects).encode()
  try:
    atomic_files.write_bytes(output, page)
  except OSError as error:
    raise UserError(
      f"{output}: expected a file that can be written, got: {error.strerror}; "
      "choose another path"
    ) from error


def read_record(name: str, folder: Path) -> RunRecord:
  """Reads one training folder.

  Raises:
    UserError: there is no run, or it has not reported any metrics yet.
  """
  return RunRecord(
    name,
    folder,
    require_run(folder),
    summarize_run(name, folder),
    read_weight_history(folder),
  )


def _names(folders: Sequence[str | os.PathLike]) -> list[str]:
  """The folders' own names, or their whole paths if two names are the same."""
  paths = [Path(folder) for folder in folders]
  names = [path.resolve().name for path in paths]
  if len(set(names)) == len(names):
    return names
  names = [str(path) for path in paths]
  if len(set(names)) < len(names):
    raise UserError(
      f"expected different training folders, got {', '.join(names)}; give each "
      "once"
    )
  return names


def _page(records: Sequence[RunRecord], num_suspects: int) -> str:
  names = ", ".join(record.name for record in records)
  title = f"Training report: {names}"
  summaries = [record.summary for record in records]
  parts = [f"<h1>{escape(title)}</h1>"]
  parts += _settings(records)
  parts += ["<h2>Outcome</h2>", html_parts.table(*comparison_rows(summaries))]
  parts += _curves(summaries)
  for record in records:
    parts += _one_run(record, num_suspects)
  return html_parts.page(title, parts)


def _settings(records: Sequence[RunRecord]) -> list[str]:
  """The settings that differ between the runs, then all, folded away."""
  by_run = {
    record.name: _flat(record.run["data"], "data: ") | record.run["settings"]
    for record in records
  }
  names = list(by_run)
  parts = ["<h2>Settings</h2>"]
  if len(records) > 1:
    differences = settings_differences(by_run)
    parts.append(
      html_parts.table(
        ("differs in", *names),
        (
          (setting, *(_shortened(setting, each) for each in values.values()))
          for setting, values in differences.items()
        ),
      )
      if differences
      else '<p class="note">All settings are the same.</p>'
    )
  everything = sorted({setting for each in by_run.values() for setting in each})
  parts.append(
    "<details><summary>All settings</summary>"
    + html_parts.table(
      ("setting", *names),
      (
        (setting, *(_plain(each.get(setting)) for each in by_run.values()))
        for setting in everything
      ),
    )
    + "</details>"
  )
  return parts


def _curves(summaries: Sequence[RunSummary]) -> list[str]:
  parts = ["<h2>Learning curves</h2>"]
  if any(run.columns.get("test_accuracy") for run in summaries):
    parts.append(
      html_parts.picture(
        png_bytes(plots.draw_learning_curves(summaries)),
        "Accuracy on the evaluated images during training, by the labels that "
        "they have, with the last value of every run.",
      )
    )
  else:
    parts.append('<p class="note">No run was evaluated during training.</p>')
  parts.append(
    html_parts.picture(
      png_bytes(
        plots.draw_metric_curves(
          summaries, {"mentornet/orig_loss": "training loss (nats)"}
        )
      ),
      "Mean loss of the training examples, before weighting.",
    )
  )
  measured = {
    metric: label
    for metric, label in _WEIGHT_METRICS.items()
    if any(run.columns.get(metric) for run in summaries)
  }
  if measured:
    parts += [
      "<h2>Label-noise detection by the weights</h2>",
      html_parts.picture(
        png_bytes(plots.draw_metric_curves(summaries, measured)),
        "Compared with the known clean labels; an example is selected if its "
        "weight exceeds 0.5. Without a curriculum the AUROC is 0.5.",
      ),
    ]
  return parts


def _one_run(record: RunRecord, num_suspects: int) -> list[str]:
  data = record.run["data"]
  student, curriculum, total_steps = (
    record.run["settings"].get(name)
    for name in ("studentnet", "curriculum", "max_number_of_steps")
  )
  facts = [
    f"{student} on {data.get('num_examples')} images of "
    f"{data.get('name')} ({data.get('num_classes')} classes)",
    describe_noisy_labels(data) or "clean labels not known",
    f"curriculum: {curriculum}",
    f"step {record.summary.steps[-1]} of {total_steps}",
  ]
  parts = [
    f"<h2>{escape(record.name)}</h2>",
    f"<p>{escape('; '.join(facts))}.</p>",
    "<h3>Weights</h3>",
  ]
  if not record.has_curriculum:
    parts.append('<p class="note">No curriculum: all weights are 1.</p>')
  elif record.weights is None:
    parts.append('<p class="note">There are no TensorBoard events.</p>')
  else:
    parts.append(
      html_parts.picture(
        png_bytes(plots.draw_weight_history(record.weights)),
        "Distribution of the training examples' weights during training.",
      )
    )
  return [
    *parts,
    *_mentor_updates(record.folder, total_steps),
    "<h3>Suspect labels</h3>",
    *suspects_section(record.folder, num_suspects),
  ]


def _mentor_updates(folder: Path, total_steps: int) -> list[str]:
  """The curriculum before and after every update of the mentor."""
  mentors = updated_mentors(folder)
  if not mentors:
    return []
  parts = ["<h3>The mentor's curriculum before and after its updates</h3>"]
  before = load_mentor(folder / MENTOR_FILE)
  for step, path in mentors.items():
    after = load_mentor(path)
    percent = training_percent(step, total_steps)
    figure = draw_update(
      *(
        weight_surface(mentor, [percent], loss_bound=LOSS_BOUND)
        for mentor in (before, after)
      )
    )
    parts.append(
      html_parts.picture(
        png_bytes(figure), f"Weights by loss and loss difference, step {step}."
      )
    )
    before = after
  return parts


def _flat(values: dict[str, Any], prefix: str) -> dict[str, Any]:
  """Nested settings under names such as "data: noise: kind"."""
  flat: dict[str, Any] = {}
  for name, value in values.items():
    if isinstance(value, dict):
      flat |= _flat(value, f"{prefix}{name}: ")
    else:
      flat[prefix + name] = value
  return flat


def _shortened(setting: str, value: Any) -> str:
  """A value in a table whose columns stand side by side."""
  text = _plain(value)
  is_digest = setting.endswith("digest") and len(text) > _DIGEST_LENGTH
  return f"{text[:_DIGEST_LENGTH]}…" if is_digest else text


def _plain(value: Any) -> str:
  if value is None:
    return "–"
  return value if isinstance(value, str) else json.dumps(value)
