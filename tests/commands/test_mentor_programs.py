"""The mentor programs as a user starts them, end to end and gone wrong."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from scripts import run_script

from mentornet_tf.curricula.mentors import load_mentor
from mentornet_tf.mentor_training.example_files import load_examples
from mentornet_tf.mentor_training.examples import (
  EXAMPLES_FILE,
  predefined_examples,
)

BIN = Path(__file__).parents[2] / "bin"


def run(program, *flags, cwd):
  environment = {
    name: value for name, value in os.environ.items() if name != "PYTHONPATH"
  }
  return run_script(BIN / f"{program}.py", *flags, cwd=cwd, env=environment)


def succeeds(program, *flags, cwd):
  result = run(program, *flags, cwd=cwd)
  assert result.returncode == 0, result.stderr
  assert result.stderr == ""
  return result.stdout


def fails(program, *flags, cwd):
  result = run(program, *flags, cwd=cwd)
  assert result.returncode != 0
  lines = result.stderr.strip().splitlines()
  assert len(lines) == 1, result.stderr
  return lines[0]


def test_a_curriculum_is_generated_trained_on_and_plotted(tmp_path):
  output = succeeds(
    "generate_mentor_data",
    "--vstar_fn=vstar_spcl_linear",
    "--vstar_gamma=2",
    "--sample_size=2000",
    "--seed=3",
    "--outdir=data",
    cwd=tmp_path,
  )
  assert "1600 examples for training, 400 for testing" in output
  expected = predefined_examples("spcl_linear", 2.0, sample_size=2000, seed=3)
  examples = load_examples(tmp_path / "data")
  np.testing.assert_array_equal(examples.train_targets, expected.train_targets)
  output = succeeds(
    "train_mentor",
    "--data_path=data",
    "--train_dir=mentor",
    "--max_step_train=3e2",
    "--mini_batch_size=64",
    cwd=tmp_path,
  )
  assert output.splitlines()[-1].startswith("mentor: trained a mentor in")
  summary = json.loads((tmp_path / "mentor" / "training.json").read_text())
  assert summary["recipe"]["steps"] == 300
  assert summary["recipe"]["batch_size"] == 64
  assert summary["final"]["test_mse"] < 0.02
  mentor = load_mentor(tmp_path / "mentor")
  assert mentor(np.float32([[1, 0, 0, 0]])).shape == (1, 1)
  output = succeeds(
    "plot_mentor",
    "--model_dir=mentor",
    "--style=both",
    "--epoch_ranges=0,99",
    cwd=tmp_path,
  )
  names = ["weights.png", "epoch_00.png", "epoch_99.png", "epochs.gif"]
  assert output.split() == [f"mentor/{name}" for name in names]
  for name in names:
    assert (tmp_path / "mentor" / name).stat().st_size > 1000


def test_a_loss_dump_becomes_a_folder_a_percentile(golden, tmp_path):
  output = succeeds(
    "generate_mentor_data",
    "--vstar_fn=data_driven",
    f"--input_csv_filename={golden.folder / 'data_driven.csv'}",
    "--outdir=data",
    cwd=tmp_path,
  )
  assert "500 rows" in output
  assert "0 rows were replaced" in output
  subfolders = golden.json("data_driven")["subfolders"]
  assert sorted(os.listdir(tmp_path / "data")) == sorted(subfolders)
  for subfolder in subfolders:
    assert load_examples(tmp_path / "data" / subfolder).train_targets.size


def test_a_mentor_is_trained_on_what_a_run_remembered(tmp_path):
  rng = np.random.default_rng(0)
  (tmp_path / "losses.csv").write_text(
    "".join(
      f"{i} {i % 100} {i % 2} 0 {rng.exponential():.4g} {1 + i % 2} "
      f"{0.5 - i % 2 / 4} 0.25 {i % 3 / 2}\n"
      for i in range(200)
    )
  )
  succeeds(
    "generate_mentor_data",
    "--vstar_fn=data_driven",
    "--with_memory",
    "--input_csv_filename=losses.csv",
    "--outdir=data",
    cwd=tmp_path,
  )
  data = "--data_path=data/losses_percentile_75"
  line = fails("train_mentor", data, "--train_dir=mentor", cwd=tmp_path)
  assert "--mentor_form: expected memory for examples of 8 features" in line
  assert not (tmp_path / "mentor").exists()
  succeeds(
    "train_mentor",
    data,
    data,  # twice, as those of two trainings
    "--train_dir=mentor",
    "--mentor_form=memory",
    "--max_step_train=60",
    cwd=tmp_path,
  )
  mentor = load_mentor(tmp_path / "mentor")
  examples = load_examples(tmp_path / "data" / "losses_percentile_75")
  errors = (mentor(examples.test_features)[:, 0] > 0) != examples.test_targets
  assert not np.any(errors)
  output = succeeds(
    "plot_mentor", "--model_dir=mentor", "--epoch_ranges=0,99", cwd=tmp_path
  )
  assert output.split() == ["mentor/weights.png"]


def test_a_function_of_the_users_own_is_found(tmp_path):
  (tmp_path / "mine.py").write_text(
    "def half(features):\n  return 0 * features[:, 0] + 0.5\n"
  )
  environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
  result = run_script(
    BIN / "generate_mentor_data.py",
    "--vstar_fn=mine:half",
    "--sample_size=10",
    "--outdir=data",
    cwd=tmp_path,
    env=environment,
  )
  assert result.returncode == 0, result.stderr
  assert set(load_examples(tmp_path / "data").train_targets) == {0.5}


def test_a_mentor_is_trained_on_the_decisions_of_another(tmp_path):
  examples = predefined_examples("spcl_linear", 2.0, sample_size=4000, seed=3)
  examples.save(tmp_path / "data")
  command = ["train_mentor", "--data_path=data", "--train_dir=decisions"]
  command += ["--decisions_of=mentornet_dd", "--max_step_train=300"]
  output = succeeds(*command, "--decision_threshold=.6", cwd=tmp_path)
  assert output.startswith("mentornet_dd keeps ")
  features = examples.test_features.astype("float32")
  probabilities, decisions = (
    1 / (1 + np.exp(-np.asarray(load_mentor(mentor)(features))[:, 0]))
    for mentor in ("mentornet_dd", tmp_path / "decisions")
  )
  kept = probabilities > 0.6
  assert np.mean((decisions > 0.5) == kept) > 0.97
  # Decisions are sure where probabilities are not.
  assert decisions[~kept].mean() < probabilities[~kept].mean() / 2
  summary = json.loads((tmp_path / "decisions" / "training.json").read_text())
  assert summary["examples"]["decisions_of"] == "mentornet_dd"
  assert summary["examples"]["decision_threshold"] == 0.6
  # Another threshold is another run.
  line = fails(*command, cwd=tmp_path)
  assert "expected a run with examples" in line


@pytest.mark.parametrize(
  ("mentor", "message"),
  [
    ("baseline", "expected weights above and below 0.7 (--decision_threshold)"),
    ("mentornet_memory", "expected one that takes 4 features"),
    ("", "expected a name or a path, got ''"),
  ],
)
def test_a_mentor_that_cannot_decide_is_refused(tmp_path, mentor, message):
  examples = predefined_examples("spcl_linear", 2.0, sample_size=100, seed=3)
  examples.save(tmp_path / "data")
  line = fails(
    "train_mentor",
    "--data_path=data",
    "--train_dir=decisions",
    f"--decisions_of={mentor}",
    cwd=tmp_path,
  )
  assert f"--decisions_of: {message}" in line
  assert os.listdir(tmp_path) == ["data"]


@pytest.mark.parametrize(
  ("program", "flags", "message"),
  [
    ("generate_mentor_data", [], "--outdir, --vstar_fn: expected a value"),
    ("generate_mentor_data", ["--outdir=x"], "--vstar_fn: expected a value"),
    (
      "generate_mentor_data",
      ["--outdir=x", "--vstar_fn=nosuch"],
      "expected a known curriculum, got 'nosuch'; use baseline",
    ),
    (
      "generate_mentor_data",
      ["--outdir=x", "--vstar_fn=focal_loss", "--vstar_gamma=-1"],
      "gamma: expected a number > 0 for focal_loss, got -1.0",
    ),
    (
      "generate_mentor_data",
      ["--outdir=x", "--vstar_fn=spcl_linear", "--vstar_gamma=two"],
      "--vstar_gamma: expected a number or nothing, got 'two'",
    ),
    (
      "generate_mentor_data",
      ["--outdir=x", "--vstar_fn=self_paced", "--sample_size=1"],
      "sample_size",
    ),
    (
      "generate_mentor_data",
      ["--outdir=x", "--vstar_fn=data_driven"],
      "--input_csv_filename: expected a loss dump",
    ),
    (
      "generate_mentor_data",
      ["--outdir=x", "--vstar_fn=data_driven", "--input_csv_filename=no.csv"],
      "no.csv: No such file",
    ),
    (
      "generate_mentor_data",
      ["--outdir=x", "--vstar_fn=self_paced", "--with_memory"],
      "--with_memory: expected --vstar_fn=data_driven beside it, got self",
    ),
    ("train_mentor", [], "--train_dir, --data_path: expected a value"),
    (
      "train_mentor",
      ["--data_path=.", "--train_dir=x"],
      f"expected a folder with {EXAMPLES_FILE}",
    ),
    (
      "train_mentor",
      ["--data_path=.", "--train_dir=x", "--max_step_train=1.5"],
      "--max_step_train=1.5: expected a whole number",
    ),
    (
      "train_mentor",
      ["--data_path=.", "--train_dir=x", "--learning_rate=0"],
      "--learning_rate=0.0: expected a finite number > 0",
    ),
    ("train_mentor", ["--mini_batch_size=0"], "mini_batch_size"),
    (
      "train_mentor",
      ["--data_path=.", "--train_dir=x", "--decision_threshold=0.5"],
      "--decision_threshold: expected --decisions_of beside it",
    ),
    (
      "train_mentor",
      ["--data_path=.", "--train_dir=x", "--decision_threshold=1"],
      "--decision_threshold=1.0: expected a number above 0 and below 1",
    ),
    ("train_mentor", ["--mentor_form=tree"], "mentornet|logistic|mlp"),
    ("plot_mentor", [], "--model_dir: expected a value, got none"),
    (
      "plot_mentor",
      ["--model_dir=x", "--loss_bound=0"],
      "--loss_bound=0.0: expected a finite number > 0",
    ),
    (
      "plot_mentor",
      ["--model_dir=x", "--epoch_ranges=0,100"],
      "--epoch_ranges=0,100: expected whole numbers in 0..99",
    ),
    ("plot_mentor", ["--model_dir=nosuch"], "--outdir: expected a folder"),
    (
      "plot_mentor",
      ["--model_dir=nosuch", "--vstar_gamma=1", "--outdir=x"],
      "--vstar_gamma: expected --vstar_fn beside it",
    ),
    (
      "plot_mentor",
      ["--model_dir=nosuch", "--outdir=x"],
      "--model_dir: expected a shipped mentor",
    ),
  ],
)
def test_mistakes_are_one_clear_line(tmp_path, program, flags, message):
  assert message in fails(program, *flags, cwd=tmp_path)
  assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("", "dump.csv: expected rows of id epoch noisy_label clean_label loss"),
    ("1 2 3 4\n", "dump.csv, line 1: expected 5 fields"),
    ("1 2 3 4 high\n", "dump.csv, line 1: expected a number for loss"),
    ("1 2 3 4 nan\n", "dump.csv, line 1: expected a loss that is finite"),
  ],
)
def test_malformed_dumps_are_one_clear_line(tmp_path, text, message):
  (tmp_path / "dump.csv").write_text(text)
  line = fails(
    "generate_mentor_data",
    "--outdir=x",
    "--vstar_fn=data_driven",
    "--input_csv_filename=dump.csv",
    cwd=tmp_path,
  )
  assert message in line
  assert os.listdir(tmp_path) == ["dump.csv"]


@pytest.mark.parametrize(
  "program", ["generate_mentor_data", "train_mentor", "plot_mentor"]
)
def test_help_shows_an_example_and_every_flag(tmp_path, program):
  result = run(program, "--help", cwd=tmp_path)
  assert f"bin/{program}.py --" in result.stdout
  flag = {"plot_mentor": "loss_bound"}.get(program, "seed")
  assert f"--{flag}" in result.stdout
