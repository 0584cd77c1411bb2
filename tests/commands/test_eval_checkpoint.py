"""`mentornet evaluate --checkpoint` evaluates the one that it names."""

import csv

import pytest
import tiny
from converted_sets import run_command

from mentornet_tf.errors import UserError


def rows_of(file):
  with file.open(newline="") as opened:
    return list(csv.DictReader(opened))


@pytest.fixture(scope="module")
def run(digits_records, tmp_path_factory):
  """A training folder whose best checkpoint is not the last."""
  folder = tmp_path_factory.mktemp("kept") / "run"
  run_command(
    "train_student",
    f"--data_dir={digits_records}",
    f"--eval_data_dir={digits_records}",
    f"--train_log_dir={folder}",
    "--dataset_name=digits",
    f"--studentnet={tiny.STUDENT}",
    "--batch_size=32",
    # So large that the accuracy soon falls.
    "--learning_rate=0.5",
    "--max_number_of_steps=50",
    "--steps_per_call=10",
    "--log_interval_steps=10",
    "--eval_interval_steps=10",
    "--save_interval_steps=10",
    "--keep_best=test_accuracy",
  )
  return folder


def evaluated(run, records, checkpoint, folder):
  run_command(
    "eval_student",
    f"--data_dir={records}",
    f"--checkpoint_dir={run}",
    f"--eval_dir={folder / checkpoint}",
    f"--checkpoint={checkpoint}",
  )
  (row,) = rows_of(folder / checkpoint / "eval.csv")
  return row


def test_the_named_checkpoint_is_evaluated(run, digits_records, tmp_path):
  rows = [row for row in rows_of(run / "metrics.csv") if row["test_accuracy"]]
  best = max(rows, key=lambda row: float(row["test_accuracy"]))
  last, another = rows[-1], rows[-2]
  assert best["step"] not in (last["step"], another["step"])
  for name, expected in (
    ("best", best),
    ("last", last),
    (another["step"], another),
  ):
    row = evaluated(run, digits_records, name, tmp_path)
    assert row["step"] == expected["step"]
    for column in ("accuracy", "loss"):
      assert float(row[column]) == pytest.approx(
        float(expected[f"test_{column}"]), abs=1e-4
      )


def test_another_one_is_refused(run, digits_records, tmp_path):
  with pytest.raises(UserError, match=r"keeps \(best, last, .*, got '77'; ch"):
    evaluated(run, digits_records, "77", tmp_path)
  assert not (tmp_path / "77").exists()
