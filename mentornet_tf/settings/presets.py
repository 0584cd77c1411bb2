"""Settings of students and of published runs, as changes to the defaults."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from mentornet_tf.datasets.reading.preparation import (
  INCEPTION_AUGMENTATION,
  NO_AUGMENTATION,
  RESNET_AUGMENTATION,
  Augmentation,
)
from mentornet_tf.errors import UserError
from mentornet_tf.internal.choices import check_choice


@dataclasses.dataclass(frozen=True)
class StudentRecipe:
  """What differs between students in training.

  Attributes:
    momentum: of the optimizer; 0 is plain gradient descent.
    augmentation: what is done to training images.
    piecewise_under_curriculum: whether a curriculum's run takes the published
      piecewise schedule; all others take the staircase.
    defaults: of its settings where they are not the original's.
  """

  momentum: float
  augmentation: Augmentation
  piecewise_under_curriculum: bool = False
  defaults: Mapping[str, Any] = dataclasses.field(default_factory=dict)


STUDENT_RECIPES = {
  "inception": StudentRecipe(0.0, INCEPTION_AUGMENTATION),
  "resnet101": StudentRecipe(
    0.9, RESNET_AUGMENTATION, piecewise_under_curriculum=True
  ),
  # Our choice for 50 classes of WebVision; see docs/recipes/webvision.md.
  "inception_resnet_v2": StudentRecipe(
    0.9,
    NO_AUGMENTATION,  # its images are cut as `ImageSettings.crop` says
    defaults={
      "image_size": 299,
      "batch_size": 64,
      "learning_rate": 0.05,
      "num_epochs_per_decay": 30.0,
      "max_number_of_steps": 93_000,
    },
  ),
}
# For resnet32 and for students of the user's own.
_DEFAULT_RECIPE = StudentRecipe(0.9, RESNET_AUGMENTATION)


def student_recipe(studentnet: str) -> StudentRecipe:
  """The recipe of a student, the default one where it has none."""
  return STUDENT_RECIPES.get(studentnet, _DEFAULT_RECIPE)


# What the original's MentorMix program sets where its flags are not given.
MENTORMIX_DEFAULTS: Mapping[str, Any] = {
  "curriculum": "mentormix",
  "dataset_name": "cifar100",
  "studentnet": "resnet32",
  "learning_rate_decay_factor": 0.9,
  "num_epochs_per_decay": 3.0,
  "max_number_of_steps": 100_000,
  "example_dropout_rates": "0.0, 100",
  "ema_decay": 0.9999,
}

# Data set and noise rate in percent -> alpha, loss percentile, second reweight
# (arXiv 1911.09781, the published command lines).
# Of `refine_labels`: the EMA student guesses, and every example weighs 1.
REFINING_DEFAULTS: Mapping[str, Any] = {
  "weigh_by_average": True,
  "ema_decay": 0.99,
  "second_reweight": False,
}
_MENTORMIX_RUNS = {
  ("cifar10", 20): (2.0, 0.8, False),
  ("cifar10", 40): (8.0, 0.6, False),
  ("cifar10", 60): (8.0, 0.6, True),
  ("cifar10", 80): (4.0, 0.2, True),
  ("cifar100", 20): (2.0, 0.7, False),
  ("cifar100", 40): (8.0, 0.5, False),
  ("cifar100", 60): (4.0, 0.3, True),
  ("cifar100", 80): (8.0, 0.1, True),
}

_PRESETS = {
  f"mentormix_{dataset_name}_{noise_percent}": {
    **MENTORMIX_DEFAULTS,
    "dataset_name": dataset_name,
    "max_number_of_steps": 200_000,
    "burn_in_epoch": 10,
    "num_epochs_per_decay": 30.0,
    "mixup_alpha": alpha,
    "loss_p_percentile": percentile,
    "second_reweight": second_reweight,
  }
  for (dataset_name, noise_percent), (
    alpha,
    percentile,
    second_reweight,
  ) in _MENTORMIX_RUNS.items()
}


def preset_names() -> list[str]:
  """The names that `preset` knows."""
  return list(_PRESETS)


def preset(name: str) -> dict[str, Any]:
  """The settings of a published run where they are not the defaults, by name.

  Args:
    name: one of `preset_names()`, such as "mentormix_cifar10_40" for CIFAR-10
      with 40 % noise.

  Raises:
    UserError: an unknown name.
  """
  if name not in _PRESETS:
    raise UserError(
      f"preset: expected one of {', '.join(_PRESETS)}, got {name!r}; choose one"
    )
  return dict(_PRESETS[name])


# The published runs of the ICML 2018 paper's code (docs/original.md): curricula
# that follow a trained mentor -> loss percentile at 20, 40 and 80 % noise.
_PUBLISHED_PERCENTILES = {
  "self_paced": (0.7, 0.7, 0.7),
  "focal_loss": (0.7, 0.7, 0.7),
  "mentornet_pd": (0.75, 0.75, 0.5),
  "mentornet_dd": (0.8, 0.6, 0.5),
}
_PUBLISHED_NOISE = (20, 40, 80)
_PUBLISHED_CURRICULA = ("baseline", *_PUBLISHED_PERCENTILES, "mentormix")
# Method -> symmetric noise in percent -> test accuracy of CifarNet on CIFAR-10
# that the authors published for their TensorFlow 1 code (docs/original.md).
# MentorMix was published with another student.
PUBLISHED_ACCURACIES: Mapping[str, Mapping[int, float]] = {
  "baseline": {20: 0.775, 40: 0.72, 80: 0.29},
  "self_paced": {20: 0.784, 40: 0.733, 80: 0.272},
  "mentornet_pd": {20: 0.798, 40: 0.731, 80: 0.312},
  "mentornet_dd": {20: 0.8, 40: 0.763, 80: 0.461},
}
_PUBLISHED_LENGTHS: Mapping[str, Mapping[str, Any]] = {
  "resnet101": {"max_number_of_steps": 39_000},
  "inception": {"max_number_of_steps": 120_000, "num_epochs_per_decay": 200.0},
}


def published_run(
  curriculum: str,
  noise_percent: int,
  studentnet: str = "resnet101",
  dataset_name: str = "cifar10",
) -> dict[str, Any]:
  """The settings of a published run where they are not the defaults.

  Those of MentorMix were published for resnet32; with another student they stay
  as they are.

  Args:
    curriculum: "baseline", "self_paced", "focal_loss", "mentornet_pd",
      "mentornet_dd" or "mentormix".
    noise_percent: 20, 40 or 80; symmetric label noise.
    studentnet: "resnet101" or "inception", for MentorMix any student.
    dataset_name: "cifar10" or "cifar100".

  Raises:
    UserError: no such run was published.
  """
  check_choice("curriculum", curriculum, _PUBLISHED_CURRICULA)
  check_choice("dataset_name", dataset_name, ("cifar10", "cifar100"))
  if curriculum == "mentormix":
    values = preset(f"mentormix_{dataset_name}_{noise_percent}")
    values["trained_mentornet_dir"] = "mentornet_pd"
    return values | {"studentnet": studentnet}
  check_choice("studentnet", studentnet, tuple(_PUBLISHED_LENGTHS))
  if noise_percent not in _PUBLISHED_NOISE:
    raise UserError(
      "noise_percent: expected one of "
      f"{', '.join(map(str, _PUBLISHED_NOISE))}, got {noise_percent}; choose "
      "one"
    )
  values = {
    "dataset_name": dataset_name,
    "studentnet": studentnet,
    **_PUBLISHED_LENGTHS[studentnet],
  }
  if curriculum == "baseline":
    return values
  percentiles = _PUBLISHED_PERCENTILES[curriculum]
  values |= {
    "curriculum": "mentornet",
    "trained_mentornet_dir": curriculum,
    "loss_p_percentile": percentiles[_PUBLISHED_NOISE.index(noise_percent)],
    "example_dropout_rates": "0.0,100",
  }
  if curriculum == "mentornet_pd":
    values["example_dropout_rates"] = "0.5,17,0.05,83"
  if curriculum == "mentornet_dd":
    rates = {
      "resnet101": "0.5,17,0.05,78,0.9,5",
      "inception": "0.5,17,0.05,83",
    }
    values |= {
      "burn_in_epoch": 18,
      "fixed_epoch_after_burn_in": True,
      "example_dropout_rates": rates[studentnet],
    }
  return values


def fitting_ema_decay(steps: int) -> float:
  """An EMA decay that forgets the first weights in a training of `steps`.

  It averages over a hundredth to a tenth of the steps, and 10 at least: 0.99
  for 1,000 to 9,999 steps, up to the published 0.9999.

  Args:
    steps: length of training, at least 1.
  """
  nines = min(max(int(math.log10(steps)) - 1, 1), 4)
  return 1 - 10.0**-nines
