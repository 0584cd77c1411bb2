"""Published settings by name, as changes to the defaults of training."""

from typing import Any

from mentornet_tf.errors import UserError

# What the original's MentorMix program sets where its flags are not given.
MENTORMIX_DEFAULTS = {
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
  f"mentormix_{dataset_name}_{noise_percent}": MENTORMIX_DEFAULTS
  | {
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
  """The fields of `TrainingSettings` that a published run sets.

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
