"""Results of a protocol's runs: tables of runs and methods, and pictures."""

import csv
import dataclasses
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mentornet_tf.analysis.comparison import summarize_run
from mentornet_tf.analysis.plots import (
  plot_learning_curves,
  plot_weights_of_labels,
)
from mentornet_tf.experiments.protocols import Protocol, run_name
from mentornet_tf.internal import atomic_files


@dataclasses.dataclass(frozen=True)
class Outcome:
  """The outcome of one run.

  Attributes:
    method: a name of the protocol's methods.
    seed: seed of weights, data order and example dropout.
    best: highest test accuracy of its evaluations.
    last: test accuracy at its end.
    weight_auc: label-noise detection AUROC of the last weights.
    seconds: wall time, including evaluations; NaN where it is not known.
  """

  method: str
  seed: int
  best: float
  last: float
  weight_auc: float
  seconds: float


@dataclasses.dataclass(frozen=True)
class MethodSummary:
  """The outcomes of a method: means and deviations over its seeds.

  Attributes:
    method: its name.
    seeds: how many runs there are.
    best, last, weight_auc: means of those of `Outcome`.
    best_deviation, last_deviation, weight_auc_deviation: sample standard
      deviations; None with one seed.
    share_of_gap: how much of the difference between the last accuracies of
      baseline and oracle the method recovers, over the seeds that all three
      have; None where there are none.
    seconds: mean.
    published: test accuracy that the method's authors published, or None.
  """

  method: str
  seeds: int
  best: float
  best_deviation: float | None
  last: float
  last_deviation: float | None
  weight_auc: float
  weight_auc_deviation: float | None
  share_of_gap: float | None
  seconds: float
  published: float | None


def outcome(
  method: str, seed: int, run_folder: Path, seconds: float
) -> Outcome:
  """The outcome of a finished run, from its training folder."""
  run = summarize_run(run_folder.name, run_folder)
  return Outcome(
    method,
    seed,
    best=_number(run.best("test_accuracy")),
    last=_number(run.last("test_accuracy")),
    weight_auc=_number(run.last("weight_auc")),
    seconds=seconds,
  )


def _number(value: float | None) -> float:
  """Columns are empty where a value is unknown."""
  return float("nan") if value is None else value


def method_summaries(
  protocol: Protocol, outcomes: Sequence[Outcome]
) -> list[MethodSummary]:
  """A summary of each method, in the order of the outcomes."""
  summaries = []
  for method in dict.fromkeys(each.method for each in outcomes):
    of_method = [each for each in outcomes if each.method == method]
    numbers: dict[str, Any] = {}
    for name in ("best", "last", "weight_auc"):
      values = [getattr(each, name) for each in of_method]
      numbers[name] = float(np.mean(values))
      numbers[f"{name}_deviation"] = (
        float(np.std(values, ddof=1)) if len(values) > 1 else None
      )
    summaries.append(
      MethodSummary(
        method=method,
        seeds=len(of_method),
        share_of_gap=_share_of_gap(of_method, outcomes),
        seconds=_mean_of_known([each.seconds for each in of_method]),
        published=protocol.published.get(method),
        **numbers,
      )
    )
  return summaries


def _mean_of_known(values: list[float]) -> float:
  known = [each for each in values if not math.isnan(each)]
  return float(np.mean(known)) if known else math.nan


def _share_of_gap(
  of_method: Sequence[Outcome], outcomes: Sequence[Outcome]
) -> float | None:
  """Over the seeds of the method that baseline and oracle also have."""
  lasts = {
    name: {each.seed: each.last for each in outcomes if each.method == name}
    for name in ("baseline", "oracle")
  }
  seeds = lasts["baseline"].keys() & lasts["oracle"].keys()
  common = [each for each in of_method if each.seed in seeds]
  if not common:
    return None
  baseline, oracle = (
    np.mean([by_seed[each.seed] for each in common])
    for by_seed in lasts.values()
  )
  if oracle == baseline:
    return None
  last = np.mean([each.last for each in common])
  return float((last - baseline) / (oracle - baseline))


def results_csv(outcomes: Sequence[Outcome]) -> str:
  """A CSV file with a row per run."""
  return _csv(Outcome, outcomes)


def table_csv(protocol: Protocol, outcomes: Sequence[Outcome]) -> str:
  """A CSV file with a row per method, the fields of `MethodSummary`."""
  return _csv(MethodSummary, method_summaries(protocol, outcomes))


def _csv(kind: Any, rows: Iterable[Any]) -> str:
  text = io.StringIO()
  writer = csv.writer(text, lineterminator="\n")
  writer.writerow(field.name for field in dataclasses.fields(kind))
  for row in rows:
    writer.writerow(_cell(value) for value in dataclasses.astuple(row))
  return text.getvalue()


def _cell(value: Any) -> Any:
  if not isinstance(value, float):
    return value
  return "" if math.isnan(value) else f"{value:.4f}"


def results_table(protocol: Protocol, outcomes: Sequence[Outcome]) -> str:
  """A Markdown table with a row per method, and what its columns mean."""
  header = [
    "run",
    "seeds",
    "test accuracy, best",
    "last",
    "label-noise detection AUROC",
    "share of the gap",
    "seconds",
  ]
  if protocol.published:
    header.append("published")
  lines = [_row(header), "|---" * len(header) + "|"]
  notes = []
  for each in method_summaries(protocol, outcomes):
    name = each.method
    if protocol.needs_clean_labels(name):
      name += " †"
      notes.append("† is told clean labels of training images")
    cells = [
      name,
      str(each.seeds),
      _mean(each.best, each.best_deviation),
      _mean(each.last, each.last_deviation),
      _mean(each.weight_auc, each.weight_auc_deviation),
      "–" if each.share_of_gap is None else f"{each.share_of_gap:.2f}",
      "–" if math.isnan(each.seconds) else f"{each.seconds:.0f}",
    ]
    if protocol.published:
      known = each.published
      cells.append("–" if known is None else f"{known:.3f}")
    lines.append(_row(cells))
  if protocol.published:
    notes.append(f"published: {protocol.published_note}")
  if protocol.mixed_precision != "float32":
    notes.append(f"trained in {protocol.mixed_precision}")
  if notes:
    lines += ["", "; ".join(dict.fromkeys(notes))]
  return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
  return f"| {' | '.join(cells)} |"


def _mean(mean: float, deviation: float | None) -> str:
  if math.isnan(mean):
    return "–"
  return f"{mean:.3f}" + ("" if deviation is None else f" ± {deviation:.3f}")


def write_results(
  folder: Path, protocol: Protocol, outcomes: Sequence[Outcome]
) -> None:
  """Writes the tables, and the pictures of the first seed's runs."""
  for name, text in (
    ("results.csv", results_csv(outcomes)),
    ("table.csv", table_csv(protocol, outcomes)),
    ("table.md", results_table(protocol, outcomes) + "\n"),
  ):
    atomic_files.write_bytes(folder / name, text.encode())
  first = outcomes[0].seed
  runs = [
    summarize_run(each.method, folder / run_name(each.method, each.seed))
    for each in outcomes
    if each.seed == first
  ]
  plot_learning_curves(runs, folder / "learning_curves.png")
  if any(run.columns.get("clean_weight") for run in runs):
    plot_weights_of_labels(runs, folder / "weights.png")
