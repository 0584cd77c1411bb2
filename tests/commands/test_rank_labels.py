"""The program that ranks labels."""

import os
import subprocess
from pathlib import Path

import pytest
import tiny
from scripts import run_script

import mentornet_tf as mn
from mentornet_tf.analysis import written_ranking
from mentornet_tf.datasets.labels.label_noise import LabelNoise
from mentornet_tf.datasets.writing.in_memory import (
  NoisyRecords,
  write_noisy_records,
)
from mentornet_tf.errors import UserError

_TESTS = Path(__file__).resolve().parents[1]


def program(name, *flags, cwd) -> subprocess.CompletedProcess:
  return run_script(
    _TESTS.parent / "bin" / name,
    *flags,
    cwd=cwd,
    env=os.environ | {"PYTHONPATH": str(_TESTS / "helpers")},
  )


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> tuple[Path, Path]:
  """A folder of records and one of a short run on them."""
  folder = tmp_path_factory.mktemp("digits")
  write_noisy_records(
    NoisyRecords(folder, noise=LabelNoise(kind="symmetric", rate=0.4, seed=0))
  )
  result = program(
    "train_student.py",
    f"--data_dir={folder}",
    "--train_log_dir=run",
    "--dataset_name=digits",
    f"--studentnet={tiny.STUDENT}",
    "--curriculum=self_paced",
    "--batch_size=32",
    "--max_number_of_steps=60",
    "--learning_rate=0.05",
    cwd=folder,
  )
  assert result.returncode == 0, result.stderr
  return folder, folder / "run"


def test_the_program_ranks_and_says_how_well(digits):
  data_dir, run = digits
  arguments = (f"--train_log_dir={run}", f"--data_dir={data_dir}")
  result = program("rank_labels.py", *arguments, cwd=data_dir)
  assert result.returncode == 0, result.stderr
  assert result.stderr == ""
  assert "507 of 1442 checked labels are noisy" in result.stdout
  assert "ranked by loss: AUROC 0." in result.stdout
  metrics = written_ranking.read_ranking_metrics(run / "suspect_labels")
  assert metrics["quality"]["num_wrong"] == 507
  assert metrics["quality"]["by_loss"]["roc_auc"] > 0.7

  lines = []
  suspects = mn.rank_labels(
    run, data_dir, rank_by="weight", print_line=lines.append
  )
  assert len(suspects.ids) == 1442 and lines[1].startswith("step 60  loss ")
  with pytest.raises(UserError, match="digits_val-"):
    mn.rank_labels(run, data_dir, split="val")
  with pytest.raises(
    UserError, match="with that of digits_train; choose another one for"
  ):
    mn.rank_labels(
      run, data_dir, split="test", output_dir=run / "suspect_labels"
    )


@pytest.mark.parametrize(
  ("flags", "message"),
  [
    ([], "--data_dir"),
    (["--train_log_dir=a", "--data_dir=b", "--rank_by=size"], "loss|weight"),
    (["--train_log_dir=a", "--data_dir=b", "--checkpoints=0"], "--checkpoints"),
    (["--train_log_dir=a", "--data_dir=b", "--num_images=900"], "[1, 400]"),
    (["--train_log_dir=a", "--data_dir=b"], "a: expected a training folder"),
  ],
)
def test_mistakes_are_one_line(tmp_path, flags, message):
  result = program("rank_labels.py", *flags, cwd=tmp_path)
  assert result.returncode == 1
  assert message in result.stderr
  assert result.stderr.startswith("error: ")
  assert len(result.stderr.splitlines()) == 1
  assert list(tmp_path.iterdir()) == []
