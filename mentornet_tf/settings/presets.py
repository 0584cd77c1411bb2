"""Settings of students and of published runs, as changes to the defaults."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from mentornet_tf.datasets.reading.preparation import (
  INCEPTION_AUGMENTATION,
  NO_AUGMENTATION,
  RESNET_AUGMENTATION,
  Augmentation,
)
from mentornet_tf.errors import UserError


@dataclasses.dataclass(frozen=True)
class StudentRecipe:
  """What differs between students in training.

  Attributes:
    momentum: of the optimiser; 0 is plain gradient descent.
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
