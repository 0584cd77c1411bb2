"""The comparison in small: its table, its runs, its program."""

import pytest
from test_train_student import run_program

from mentornet_tf import small_protocol
from mentornet_tf.errors import UserError
from mentornet_tf.small_protocol import Outcome, results_csv, results_table
from mentornet_tf.training import recipes

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
    "weight AUC",
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


@pytest.mark.parametrize("method", small_protocol.METHODS)
def test_every_method_can_be_built(method):
  settings = recipes.TrainingSettings(**small_protocol.METHODS[method])
  curriculum = recipes.build_curriculum(settings)
  recipes.build_mixing(settings)
  recipes.build_updates(settings)
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
