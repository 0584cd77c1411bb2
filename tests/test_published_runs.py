"""The settings of the published runs, and the tables that print them."""

import re
from pathlib import Path

import pytest

from mentornet_tf.errors import UserError
from mentornet_tf.settings import TrainingSettings, preset, published_run

_PAGE = Path(__file__).resolve().parents[1] / "docs" / "original.md"


def table(first_cell):
  """Cells of the rows of the page's table whose header begins so."""
  lines = _PAGE.read_text().splitlines()
  start = next(
    i for i, line in enumerate(lines) if line.startswith(f"| {first_cell} |")
  )
  for line in lines[start + 2 :]:
    if not line.startswith("|"):
      return
    yield [cell.strip() for cell in line.strip("|").split("|")]


def documented_settings():
  """Curriculum -> percentiles, burn-in, fixed epoch, rates by student."""
  for names, percentiles, burn_in, fixed, rates in table("curriculum"):
    if percentiles == "–":
      continue
    percentiles = [float(x) for x in percentiles.split("/")]
    by_student = dict(re.findall(r"(\w+): ([\d.,]+\d)", rates)) or {
      "resnet101": rates,
      "inception": rates,
    }
    for name in names.split(", "):
      yield (
        name,
        (
          percentiles if len(percentiles) == 3 else 3 * percentiles,
          int(burn_in),
          fixed == "yes",
          by_student,
        ),
      )


@pytest.mark.parametrize("studentnet", ["resnet101", "inception"])
@pytest.mark.parametrize("dataset_name", ["cifar10", "cifar100"])
def test_published_runs_are_those_of_the_documents(studentnet, dataset_name):
  documented = dict(documented_settings())
  assert len(documented) == 4
  steps = {"resnet101": 39_000, "inception": 120_000}[studentnet]
  for name, (percentiles, burn_in, fixed, rates) in documented.items():
    for noise, percentile in zip((20, 40, 80), percentiles, strict=True):
      settings = TrainingSettings.of(
        **published_run(name, noise, studentnet, dataset_name)
      )
      assert settings.data.dataset_name == dataset_name
      assert settings.student.studentnet == studentnet
      assert settings.run.max_number_of_steps == steps
      assert settings.curriculum.curriculum == "mentornet"
      assert settings.curriculum.trained_mentornet_dir == name
      assert settings.curriculum.loss_p_percentile == percentile
      assert settings.curriculum.burn_in_epoch == burn_in
      assert settings.curriculum.fixed_epoch_after_burn_in == fixed
      assert settings.curriculum.example_dropout_rates == rates[studentnet]
      assert settings.optimizer.num_epochs_per_decay == (
        200 if studentnet == "inception" else 50
      )


def test_the_baseline_has_no_mentor():
  values = published_run("baseline", 80, "inception")
  assert {"curriculum", "trained_mentornet_dir"}.isdisjoint(values)
  assert TrainingSettings.of(**values).weighing == "none"


def test_mentormix_takes_its_preset_with_the_student_that_is_asked_for():
  assert published_run("mentormix", 60, "inception", "cifar100") == {
    **preset("mentormix_cifar100_60"),
    "studentnet": "inception",
    "trained_mentornet_dir": "mentornet_pd",
  }


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (("oracle", 40), "curriculum: expected one of baseline, self_paced"),
    (("baseline", 60), "noise_percent: expected one of 20, 40, 80, got 60"),
    (("baseline", 40, "resnet32"), "studentnet: expected one of resnet101"),
    (("baseline", 40, "inception", "digits"), "dataset_name: expected one of"),
    (("mentormix", 30), "preset: expected one of mentormix_cifar10_20"),
  ],
)
def test_runs_that_were_not_published_are_refused(arguments, message):
  with pytest.raises(UserError, match=message):
    published_run(*arguments)
