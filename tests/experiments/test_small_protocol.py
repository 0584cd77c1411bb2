"""A small-scale comparison: its table, its runs, its program."""

import io

import numpy as np
import pytest
import tiny
from program_runs import run_program
from rich.console import Console

from mentornet_tf.errors import UserError
from mentornet_tf.experiments import small_protocol
from mentornet_tf.experiments.small_protocol import (
  Outcome,
  results_csv,
  results_table,
)
from mentornet_tf.internal.json_files import write_json
from mentornet_tf.runs.run_folder import MetricsWriter, RunFolder
from mentornet_tf.settings import TrainingSettings
from mentornet_tf.training import builders

_OUTCOMES = [
  Outcome("baseline", 0, 0.46, 0.40, 0.5, 100.0),
  Outcome("joint", 0, 0.53, 0.52, 0.9, 120.0),
  Outcome("oracle", 0, 0.60, 0.60, 1.0, 101.0),
  Outcome("baseline", 1, 0.48, 0.44, 0.5, 104.0),
  Outcome("joint", 1, 0.55, 0.54, 0.8, 124.0),
  Outcome("oracle", 1, 0.62, 0.62, 1.0, 99.0),
]


def test_the_table_has_means_deviations_and_the_share_of_the_gap():
  header, _, *rows = results_table(_OUTCOMES).splitlines()
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
    "| joint | 2 | 0.540 ± 0.014 | 0.530 ± 0.014 | 0.850 ± 0.071 "
    "| 0.58 | 122 |",
    "| oracle | 2 | 0.610 ± 0.014 | 0.610 ± 0.014 | 1.000 ± 0.000 "
    "| 1.00 | 100 |",
  ]


def test_without_both_ends_there_is_no_gap():
  table = results_table(_OUTCOMES[:2])
  assert table.splitlines()[-1] == (
    "| joint | 1 | 0.530 | 0.520 | 0.900 | – | 120 |"
  )


def test_the_share_of_the_gap_is_taken_over_common_seeds():
  outcomes = [*_OUTCOMES[:3], Outcome("baseline", 1, 0.9, 0.9, 0.5, 1.0)]
  rows = results_table(outcomes).splitlines()
  # (.52 - .40) / (.60 - .40): seed 1 of the baseline has no oracle.
  assert "| 0.60 |" in rows[3]
  assert rows[2].startswith("| baseline | 2 | ") and "| 0.00 |" in rows[2]


def test_the_results_are_a_table_of_runs():
  lines = results_csv(_OUTCOMES).splitlines()
  assert lines[0] == "method,seed,best,last,weight_auc,seconds"
  assert lines[2] == "joint,0,0.5300,0.5200,0.9000,120.0000"
  assert len(lines) == 7


@pytest.fixture
def cifar(tmp_path):
  """An archive of random images, 10 for each of its files."""
  folder = tmp_path / "cifar-10-batches-bin"
  folder.mkdir()
  rng = np.random.default_rng(0)
  for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
    records = rng.integers(0, 256, (10, 3073)).astype(np.uint8)
    records[:, 0] = np.arange(10)
    (folder / f"{name}.bin").write_bytes(records.tobytes())
  return folder


def test_the_table_holds_all_finished_runs(tmp_path, cifar, monkeypatch):
  monkeypatch.setattr(small_protocol, "_NUM_IMAGES", 40)
  settings = small_protocol._SETTINGS.changed(
    studentnet=tiny.STUDENT, batch_size=10
  )
  monkeypatch.setattr(small_protocol, "_SETTINGS", settings)

  def run(method, steps=4, seeds=(0,)):
    return small_protocol.run_small_protocol(
      tmp_path / "runs",
      cifar,
      methods=[method],
      seeds=seeds,
      max_number_of_steps=steps,
      console=Console(file=io.StringIO()),
    )

  run("oracle")
  run("self_paced", steps=5)
  outcomes = run("baseline", seeds=(1, 0))
  assert [(each.method, each.seed) for each in outcomes] == [
    ("baseline", 0),
    ("oracle", 0),
    ("baseline", 1),
  ]
  assert outcomes[1].weight_auc == 1
  assert all(0 <= each.last <= each.best <= 1 for each in outcomes)
  assert all(each.seconds > 0 for each in outcomes)
  table = (tmp_path / "runs" / "table.md").read_text()
  assert table == results_table(outcomes) + "\n"
  assert (tmp_path / "runs" / "results.csv").read_text() == results_csv(
    outcomes
  )
  assert (tmp_path / "runs" / "learning_curves.png").exists()
  # A finished run is not repeated, and its time does not grow.
  assert run("oracle") == outcomes


def test_runs_of_other_settings_are_not_in_the_table(tmp_path, monkeypatch):
  settings = small_protocol._settings("baseline", 0, 3000)
  for seed, changes in ((0, {}), (1, {"learning_rate": 0.2})):
    changed = settings.changed(seed=seed, **changes)
    folder = RunFolder(tmp_path / f"baseline-{seed}", changed.values(), {})
    write_json(folder.path / "seconds.json", {"step": 3000, "seconds": 1.0})
    writer = MetricsWriter(folder, ["test_accuracy", "weight_auc"])
    writer.write(3000, {"test_accuracy": 0.4, "weight_auc": 0.5})
    writer.close()
  (only,) = small_protocol.finished_runs(tmp_path)
  assert only == Outcome("baseline", 0, 0.4, 0.4, 0.5, 1.0)


@pytest.mark.parametrize("method", small_protocol.METHODS)
def test_every_method_can_be_built(method):
  settings = TrainingSettings.of(**small_protocol.METHODS[method])
  curriculum = builders.build_curriculum(settings)
  builders.build_mixing(settings)
  builders.build_updates(settings)
  weights = curriculum([0.1, 0.5, 2.0, 9.0], 50, [True, True, False, False])
  assert weights.shape == (4,)


def test_an_unknown_method_is_refused(tmp_path):
  with pytest.raises(UserError, match=r"methods: expected names among .*'pd'"):
    small_protocol.run_small_protocol(tmp_path, methods=["pd"])
  assert not list(tmp_path.iterdir())


def test_mistakes_of_the_program_are_one_line(tmp_path):
  for mistake, message in (
    ("--seeds=0,x", "expected whole numbers separated by commas"),
    (f"--source_dir={tmp_path}/none", "none"),
  ):
    result = run_program(
      "reproduce.py", mistake, f"--output_dir={tmp_path}/runs"
    )
    assert result.returncode != 0
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
