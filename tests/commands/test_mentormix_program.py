"""MentorMix on the command line: the original's defaults and its presets."""

from pathlib import Path

import pytest
from program_runs import run_program

from mentornet_tf.errors import UserError
from mentornet_tf.runs.run_folder import read_metrics, read_run
from mentornet_tf.settings import fitting_ema_decay, preset, preset_names

# CIFAR-10 and CIFAR-100 at noise .2, .4, .6, .8, as published: alpha, loss
# percentile, second reweight.
_PUBLISHED = {
  "cifar10": [(2, 0.8, False), (8, 0.6, False), (8, 0.6, True), (4, 0.2, True)],
  "cifar100": [
    (2, 0.7, False),
    (8, 0.5, False),
    (4, 0.3, True),
    (8, 0.1, True),
  ],
}


def test_the_presets_are_the_published_runs():
  assert len(preset_names()) == 8
  for dataset_name, runs in _PUBLISHED.items():
    for noise, (alpha, percentile, second) in zip(
      (20, 40, 60, 80), runs, strict=True
    ):
      assert preset(f"mentormix_{dataset_name}_{noise}") == {
        "curriculum": "mentormix",
        "dataset_name": dataset_name,
        "studentnet": "resnet32",
        "learning_rate_decay_factor": 0.9,
        "num_epochs_per_decay": 30,
        "max_number_of_steps": 200_000,
        "example_dropout_rates": "0.0, 100",
        "burn_in_epoch": 10,
        "ema_decay": 0.9999,
        "mixup_alpha": alpha,
        "loss_p_percentile": percentile,
        "second_reweight": second,
      }


def test_an_unknown_preset_is_refused():
  with pytest.raises(UserError, match="preset: expected one of mentormix_cif"):
    preset("mentormix_cifar10_30")


def test_a_preset_trains_with_what_is_given_going_first(
  digits_records, tmp_path, monkeypatch
):
  monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "helpers"))
  trained = run_program(
    "train_student.py",
    f"--data_dir={digits_records}",
    f"--eval_data_dir={digits_records}",
    f"--train_log_dir={tmp_path}",
    "--preset=mentormix_cifar10_60",
    "--dataset_name=digits",
    "--studentnet=tiny:student",
    "--max_number_of_steps=40",
    "--burn_in_epoch=0",
    "--ema_decay=0.5",
    "--batch_size=16",
  )
  assert trained.returncode == 0, trained.stderr
  settings = read_run(tmp_path)["settings"]
  expected = preset("mentormix_cifar10_60") | {
    "trained_mentornet_dir": "mentornet_pd",
    "dataset_name": "digits",
    "studentnet": "tiny:student",
    "max_number_of_steps": 40,
    "burn_in_epoch": 0,
    "ema_decay": 0.5,
  }
  assert {name: settings[name] for name in expected} == expected
  assert (tmp_path / "mentor.keras").exists()
  (row,) = read_metrics(tmp_path)
  assert 0 < float(row["data_util/batch_sum_v"]) < 16


def test_the_threshold_takes_no_mentor(tmp_path):
  places = ("--data_dir=no/such", f"--train_log_dir={tmp_path}")
  mixing = ("--curriculum=mentormix", "--mentormix_weights=threshold")
  result = run_program("train_student.py", *places, *mixing)
  assert "no/such does not exist" in result.stderr
  result = run_program(
    "train_student.py", *places, *mixing, "--trained_mentornet_dir=x"
  )
  assert result.stderr.startswith("error: --mentormix_weights, ")
  assert "got threshold and --trained_mentornet_dir=x" in result.stderr
  assert len(result.stderr.splitlines()) == 1


def test_an_average_slower_than_its_run_is_noted(tmp_path):
  arguments = (
    "--data_dir=no/such",
    f"--train_log_dir={tmp_path}",
    "--curriculum=mentormix",
  )
  note = "note: at the end of 40 steps an average with --ema_decay=0.9999 still"
  result = run_program(
    "train_student.py", *arguments, "--max_number_of_steps=40"
  )
  assert result.stdout.startswith(f"{note} holds 100 % of the first weights")
  assert result.stdout.endswith("forgets them, such as --ema_decay=0.9\n")
  result = run_program("train_student.py", *arguments)
  assert result.stdout == ""


def test_the_suggested_average_fits_the_training():
  suggested = {
    steps: fitting_ema_decay(steps)
    for steps in (1, 100, 1000, 9999, 10_000, 100_000, 10**9)
  }
  assert suggested == pytest.approx(
    dict(
      zip(suggested, (0.9, 0.9, 0.99, 0.99, 0.999, 0.9999, 0.9999), strict=True)
    )
  )


@pytest.mark.parametrize(
  ("flag", "message"),
  [
    ("--mixup_alpha=0", "expected a finite number > 0"),
    ("--ema_decay=1.5", "range [0, 1]"),
    ("--preset=best", "preset: expected one of mentormix_cifar10_20"),
  ],
)
def test_mistakes_are_one_line(flag, message):
  places = ("--data_dir=no/such", "--train_log_dir=no/run")
  result = run_program(
    "train_student.py", *places, "--curriculum=mentormix", flag
  )
  assert result.returncode != 0
  assert message in result.stderr
  assert len(result.stderr.splitlines()) == 1
