"""The training and evaluation programs, run as a user runs them."""

import contextlib
import io

import pytest
from command_modules import imported_command, run_without_data
from program_runs import run_program

from mentornet_tf.runs.run_folder import read_metrics, read_run
from mentornet_tf.settings import DECISION_THRESHOLD
from mentornet_tf.training import builders

_DROPOUT = {
  "resnet101": "0.5,17,0.05,78,0.9,5",
  "inception": "0.5,17,0.05,83",
}


def test_an_original_command_line_trains_and_is_evaluated(
  digits_records, tmp_path, golden
):
  run_folder = tmp_path / "run"
  trained = run_program(
    "train_student.py",
    f"--data_dir={digits_records}",
    f"--train_log_dir={run_folder}",
    "--dataset_name=digits",
    "--studentnet=inception",
    "--device_id=0",
    "--num_epochs_per_decay=200",
    "--max_number_of_steps=3",
    f"--trained_mentornet_dir={golden.folder / 'mentor_mentornet_pd'}",
    "--loss_p_precentile=0.75",
    "--burn_in_epoch=0",
    "--nofixed_epoch_after_burn_in",
    "--loss_moving_average_decay=0.5",
    "--example_dropout_rates=0.5,17,0.05,83",
    "--batch_size=16",
    "--ps_tasks=0",
  )
  assert trained.returncode == 0, trained.stderr
  assert "step 3/3" in trained.stdout
  assert "--ps_tasks belongs to TensorFlow 1 clusters" in trained.stdout
  assert trained.stderr == ""
  settings = read_run(run_folder)["settings"]
  assert settings["curriculum"] == "mentornet"
  assert settings["loss_p_percentile"] == 0.75
  assert len(read_metrics(run_folder)) == 1

  evaluated = run_program(
    "eval_student.py",
    f"--data_dir={digits_records}",
    f"--checkpoint_dir={run_folder}",
    f"--eval_dir={tmp_path / 'eval'}",
    "--dataset_name=digits",
    "--split_name=test",
    "--eval_interval_secs=600",
    "--device_id=0",
  )
  assert evaluated.returncode == 0, evaluated.stderr
  assert evaluated.stdout.startswith("digits_test  step 3  accuracy 0.")
  assert (tmp_path / "eval" / "eval.csv").exists()


def published_command_lines():
  for dataset in ("cifar10", "cifar100"):
    for student in ("resnet101", "inception"):
      common = [
        f"--dataset_name={dataset}",
        f"--studentnet={student}",
        "--device_id=0",
      ]
      if student == "inception":
        common += ["--max_number_of_steps=120000", "--num_epochs_per_decay=200"]
      yield common
      for mentor in ("self_paced", "focal_loss"):
        yield [
          *common,
          f"--trained_mentornet_dir=mentornet_models/models/{mentor}",
          "--loss_p_precentile=0.7",
          "--burn_in_epoch=0",
          "--example_dropout_rates=0.0,100",
        ]
      for percentile in (0.75, 0.5):
        yield [
          *common,
          "--trained_mentornet_dir=mentornet_models/models/mentornet_pd",
          f"--loss_p_precentile={percentile}",
          "--burn_in_epoch=0",
          "--example_dropout_rates=0.5,17,0.05,83",
        ]
      for percentile in (0.8, 0.6, 0.5):
        yield [
          *common,
          "--trained_mentornet_dir=mentornet_models/models/mentornet_dd",
          f"--loss_p_precentile={percentile}",
          "--burn_in_epoch=18",
          "--fixed_epoch_after_burn_in",
          f"--example_dropout_rates={_DROPOUT[student]}",
        ]


def build(command, line):
  """What a line describes; the command gets as far as missing the data."""
  printed = io.StringIO()
  with contextlib.redirect_stdout(printed):
    run_without_data(command, line)
  settings = command.training_settings()
  curriculum = builders.build_curriculum(settings)
  optimizer = builders.build_optimizer(settings, 50_000)
  schedule = optimizer.get_config()["learning_rate"]
  return {
    "dataset": settings.data.dataset_name,
    "student": settings.student.studentnet,
    "steps": settings.run.max_number_of_steps,
    "curriculum": type(curriculum).__name__,
    "percentile": curriculum.loss_p_percentile,
    "burn_in": curriculum.burn_in_epoch,
    "fixed": curriculum.fixed_epoch_after_burn_in,
    "dropout": curriculum.example_dropout_rates,
    "optimizer": type(optimizer).__name__,
    "schedule": schedule["class_name"],
    "decay_steps": schedule["config"].get("decay_steps"),
    "padding": settings.augmentation.padding,
    "decision_threshold": settings.joint.update_decision_threshold,
    "weights": curriculum([0.1, 0.5, 2.0, 9.0], 99).shape[0],
    "notes": printed.getvalue(),
  }


def build_all(lines):
  with imported_command("train_student") as command:
    return [build(command, line) for line in lines]


def with_recorded_mentor(line, golden):
  # The one recorded mentor of the data-driven form has no name of its own.
  mentors = {"mentornet_dd": "mentor_random"}
  flag = "--trained_mentornet_dir="
  for number, given in enumerate(line):
    if given.startswith(flag):
      name = given.rpartition("/")[2]
      folder = golden.folder / mentors.get(name, f"mentor_{name}")
      return [*line[:number], f"{flag}{folder}", *line[number + 1 :]]
  return line


_CURRICULUM_FLAGS = ["--burn_in_epoch=5", "--loss_p_precentile=0.6"]


def test_every_published_command_line_is_understood(golden):
  published = list(published_command_lines())
  assert len(published) == 32
  lines = [with_recorded_mentor(line, golden) for line in published]
  # Beside them: the two that are called baseline, and two with updates.
  updated = ["--trained_mentornet_dir=mentornet_pd", "--update_mentor_at=0.5"]
  lines += [
    ["--curriculum=none", *_CURRICULUM_FLAGS],
    ["--curriculum=baseline", *_CURRICULUM_FLAGS],
    updated,
    [*updated, "--update_decision_threshold=0"],
  ]
  *all_built, none, formula, deciding, undecided = build_all(lines)
  assert len(all_built) == 32
  for line, built in zip(published, all_built, strict=True):
    given = dict(flag[2:].partition("=")[::2] for flag in line)
    residual = given["studentnet"] == "resnet101"
    mentored = "trained_mentornet_dir" in given
    assert built["dataset"] == given["dataset_name"]
    assert built["student"] == given["studentnet"]
    assert built["steps"] == (39_000 if residual else 120_000)
    assert built["optimizer"] == ("Momentum" if residual else "SGD")
    assert built["padding"] == (2 if residual else 8)
    assert built["weights"] == 4
    # Golden learning_rates.json: 390 steps a pass over 50,000 images.
    assert built["decay_steps"] == (
      (None if mentored else 19_500) if residual else 78_000
    )
    assert built["schedule"] == (
      "PiecewiseConstantDecay" if residual and mentored else "ExponentialDecay"
    )
    assert built["curriculum"] == (
      "MentorCurriculum" if mentored else "UniformCurriculum"
    )
    if mentored:
      assert built["percentile"] == float(given["loss_p_precentile"])
      assert built["burn_in"] == int(given["burn_in_epoch"])
      assert built["fixed"] == ("fixed_epoch_after_burn_in" in given)
      assert built["dropout"] == given["example_dropout_rates"]
    assert built["notes"] == ""
    assert built["decision_threshold"] == 0

  assert deciding["decision_threshold"] == DECISION_THRESHOLD
  assert undecided["decision_threshold"] == 0
  assert none["curriculum"] == "UniformCurriculum"
  assert none["schedule"] == "ExponentialDecay"
  assert none["notes"].splitlines() == [
    "note: without a curriculum every example weighs 1, whatever the value of "
    "--loss_p_percentile, --burn_in_epoch; give --trained_mentornet_dir or "
    "--curriculum"
  ]
  assert formula["curriculum"] == "FormulaCurriculum"
  assert formula["schedule"] == "PiecewiseConstantDecay"
  assert (formula["burn_in"], formula["percentile"]) == (5, 0.6)
  assert formula["notes"] == ""


_PLACES = ("--data_dir=no/such", "--train_log_dir=no/run")


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    ([], "--data_dir"),
    ([*_PLACES, "--batch_size=0"], "--batch_size=0"),
    ([*_PLACES, "--loss_p_percentile=1.2"], "range [0, 1]"),
    ([*_PLACES, "--loss_p_percentile=aut"], "range [0, 1], or auto"),
    ([*_PLACES, "--burn_in_epoch=101"], "range [0, 100]"),
    ([*_PLACES, "--bogus=1"], "--bogus"),
    ([*_PLACES, "extra"], "expected only flags, got the argument 'extra'"),
    (
      [*_PLACES, "--example_dropout_rates=0.5,50"],
      "--example_dropout_rates=0.5,50: expected",
    ),
    ([*_PLACES, "--example_dropout_rates=0.5,50"], "got the sum 50"),
    (
      [*_PLACES, "--trained_mentornet_dir=x", "--curriculum=self_paced"],
      "expected mentornet together with a mentor",
    ),
    (
      [*_PLACES, "--curriculum=mentornet"],
      "expected mentornet together with a mentor",
    ),
    ([*_PLACES, "--vstar_gamma=two"], "--vstar_gamma=two: expected a number"),
    (
      [*_PLACES, "--keep_best=test_accuracy"],
      "--keep_best: expected images to evaluate on",
    ),
    (
      [*_PLACES, "--keep_best=accuracy", "--eval_data_dir=no/such"],
      "expected one of test_accuracy, test_loss, got 'accuracy'",
    ),
    (
      [*_PLACES, "--keep_best=test_accuracy", "--eval_sets=a:val,b:val"],
      "one of a_val/accuracy, a_val/top5_accuracy, a_val/loss, b_val/accuracy",
    ),
    ([*_PLACES, "--seed=-1"], "range [0, 4294967295]"),
    ([*_PLACES, "--seed=4294967296"], "range [0, 4294967295]"),
    ([*_PLACES, "--learning_rate=nan"], "=nan: expected a finite number"),
    ([*_PLACES, "--learning_rate=inf"], "=inf: expected a finite number"),
    (
      [*_PLACES, "--learning_rate_decay_factor=nan"],
      "--learning_rate_decay_factor=nan: expected a finite number",
    ),
    ([*_PLACES, "--num_epochs_per_decay=inf"], "expected a finite number"),
    ([*_PLACES, "--loss_p_percentile=nan"], "expected a finite number"),
    ([*_PLACES, "--loss_moving_average_decay=nan"], "expected a finite number"),
    ([*_PLACES, "--save_interval_secs=nan"], "expected a finite number"),
    ([*_PLACES, "--save_summaries_secs=inf"], "expected a finite number"),
    (
      [*_PLACES, "--update_decision_threshold=1"],
      "expected a finite number in the range [0, 1)",
    ),
    (
      [*_PLACES, "--update_decision_threshold=0.5"],
      "expected --update_mentor_at with it, got none",
    ),
  ],
)
def test_mistakes_in_flags_are_one_line(arguments, message):
  result = run_program("train_student.py", *arguments)
  assert result.returncode != 0
  assert message in result.stderr
  assert result.stderr.startswith("error: ")
  assert len(result.stderr.splitlines()) == 1


def test_mistakes_in_data_are_one_line(tmp_path):
  for program, folder_flag in (
    ("train_student.py", "train_log_dir"),
    ("eval_student.py", "checkpoint_dir"),
  ):
    result = run_program(
      program, f"--data_dir={tmp_path}", f"--{folder_flag}={tmp_path}"
    )
    assert result.returncode != 0
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.splitlines()) == 1


def test_help_tells_the_job_and_the_flags():
  result = run_program("train_student.py", "--help")
  assert result.returncode == 0
  assert "Trains a student network" in result.stdout
  assert "--loss_p_percentile" in result.stdout
