"""Tables and pictures of a protocol's runs."""

import csv
import math

from mentornet_tf.analysis.comparison import RunSummary
from mentornet_tf.analysis.plots import draw_weights_of_labels
from mentornet_tf.experiments.protocol_tables import (
  Outcome,
  results_csv,
  results_table,
  table_csv,
)
from mentornet_tf.experiments.protocols import PROTOCOLS, chosen_protocol

_SMALL = PROTOCOLS["small"]
_OUTCOMES = [
  Outcome("baseline", 0, 0.46, 0.40, 0.5, 100.0),
  Outcome("joint", 0, 0.53, 0.52, 0.9, 120.0),
  Outcome("oracle", 0, 0.60, 0.60, 1.0, 101.0),
  Outcome("baseline", 1, 0.48, 0.44, 0.5, 104.0),
  Outcome("joint", 1, 0.55, 0.54, 0.8, 124.0),
  Outcome("oracle", 1, 0.62, 0.62, 1.0, 99.0),
]


def test_the_table_has_means_deviations_and_the_share_of_the_gap():
  lines = results_table(_SMALL, _OUTCOMES).splitlines()
  header, _, *rows, empty, note = lines
  assert [cell.strip() for cell in header.split("|")[1:-1]] == [
    "run",
    "seeds",
    "test accuracy, best",
    "last",
    "label-noise detection AUROC",
    "share of the gap",
    "seconds",
  ]
  assert rows == [
    # (.42 - .42) / (.61 - .42), and so on.
    "| baseline | 2 | 0.470 ± 0.014 | 0.420 ± 0.028 | 0.500 ± 0.000 "
    "| 0.00 | 102 |",
    "| joint † | 2 | 0.540 ± 0.014 | 0.530 ± 0.014 | 0.850 ± 0.071 "
    "| 0.58 | 122 |",
    "| oracle † | 2 | 0.610 ± 0.014 | 0.610 ± 0.014 | 1.000 ± 0.000 "
    "| 1.00 | 100 |",
  ]
  assert (empty, note) == ("", "† is told clean labels of training images")
  faster = chosen_protocol("small", mixed_precision="mixed_bfloat16")
  *_, notes = results_table(faster, _OUTCOMES).splitlines()
  assert notes == f"{note}; trained in mixed_bfloat16"


def test_without_both_ends_there_is_no_gap():
  table = results_table(_SMALL, _OUTCOMES[:2])
  assert table.splitlines()[3] == (
    "| joint † | 1 | 0.530 | 0.520 | 0.900 | – | 120 |"
  )


def test_the_share_of_the_gap_is_taken_over_common_seeds():
  outcomes = [*_OUTCOMES[:3], Outcome("baseline", 1, 0.9, 0.9, 0.5, 1.0)]
  rows = results_table(_SMALL, outcomes).splitlines()
  # (.52 - .40) / (.60 - .40): seed 1 of the baseline has no oracle.
  assert "| 0.60 |" in rows[3]
  assert rows[2].startswith("| baseline | 2 | ") and "| 0.00 |" in rows[2]


def test_the_results_are_a_table_of_runs():
  lines = results_csv(_OUTCOMES).splitlines()
  assert lines[0] == "method,seed,best,last,weight_auc,seconds"
  assert lines[2] == "joint,0,0.5300,0.5200,0.9000,120.0000"
  assert len(lines) == 7


def test_published_numbers_stand_beside_those_of_the_same_method():
  lines = results_table(PROTOCOLS["medium"], _OUTCOMES).splitlines()
  cells = [[c.strip() for c in line.strip("|").split("|")] for line in lines]
  assert cells[0][-1] == "published"
  published = {row[0]: row[-1] for row in cells[2:5]}
  assert published == {"baseline": "0.720", "joint †": "–", "oracle †": "–"}
  assert lines[-1].endswith(
    "published: by the authors' TensorFlow 1 code after 120,000 steps"
  )


def test_the_table_is_a_file_of_numbers_too():
  text = table_csv(PROTOCOLS["medium"], _OUTCOMES[:3])
  baseline, joint, _ = csv.DictReader(text.splitlines())
  assert joint["method"] == "joint" and joint["seeds"] == "1"
  assert joint["last"] == "0.5200" and joint["last_deviation"] == ""
  assert math.isclose(float(joint["share_of_gap"]), 0.6)
  assert (baseline["published"], joint["published"]) == ("0.7200", "")
  (both,) = csv.DictReader(table_csv(_SMALL, _OUTCOMES[::3]).splitlines())
  assert both["best_deviation"] == "0.0141" and both["share_of_gap"] == ""


def test_weights_of_clean_and_noisy_labels_are_drawn_for_each_run():
  weights = {
    "clean_weight": [(10, 1.0), (20, 0.9)],
    "noisy_weight": [(10, 1.0), (20, 0.2)],
  }
  runs = [
    RunSummary(name, (10, 20), columns)
    for name, columns in (("pd", weights), ("older", {}), ("dd", weights))
  ]
  figure = draw_weights_of_labels(runs)
  panels = {axes.get_title(): axes for axes in figure.axes}
  assert panels.keys() == {"pd", "dd"}
  clean, noisy = panels["pd"].lines
  assert list(clean.get_ydata()) == [1.0, 0.9]
  assert list(noisy.get_ydata()) == [1.0, 0.2]
  assert list(noisy.get_xdata()) == [10, 20]
