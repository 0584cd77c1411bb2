"""The comparisons that can be run: which images, noise, settings and methods.

A protocol is data; `protocol_runs` trains it. The paper's own grid at published
length takes a GPU: benchmarks/paper_grid.py of a checkout.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mentornet_tf.curricula.argument_checks import check_range
from mentornet_tf.datasets.labels.label_noise import LabelNoise
from mentornet_tf.errors import UserError
from mentornet_tf.internal.choices import check_choice
from mentornet_tf.settings import (
  DECISION_THRESHOLD,
  PUBLISHED_ACCURACIES,
  REFINING_DEFAULTS,
  RunOptions,
  TrainingSettings,
  published_run,
)

# Settings by their names.
Changes = Mapping[str, Any]

_NO_DROPOUT = {"example_dropout_rates": "0.0,100"}
_PD_DROPOUT = {"example_dropout_rates": "0.5,17,0.05,83"}
_PD = {"curriculum": "mentornet", "trained_mentornet_dir": "mentornet_pd"}
_MENTORMIX = {
  "curriculum": "mentormix",
  "trained_mentornet_dir": "mentornet_pd",
  "burn_in_epoch": 10,
  "second_reweight": False,
  "ema_decay": 0.99,
  **_NO_DROPOUT,
}
_REFINED = {"refine_labels": True, **REFINING_DEFAULTS}
_FLIPS = {"augment": True, "crop_padding": 0}
_METHODS: dict[str, Changes] = {
  "baseline": {},
  "self_paced": {"curriculum": "self_paced", **_NO_DROPOUT},
  "mentornet_pd_formula": {"curriculum": "mentornet_pd", **_PD_DROPOUT},
  "mentornet_pd": {**_PD, **_PD_DROPOUT},
  "mentornet_dd": {
    "curriculum": "mentornet",
    "trained_mentornet_dir": "mentornet_dd",
    "burn_in_epoch": 18,
    "fixed_epoch_after_burn_in": True,
    **_PD_DROPOUT,
  },
  "joint": {
    **_PD,
    "update_mentor_at": "0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9",
    "clean_fraction": 0.1,
    "update_decision_threshold": DECISION_THRESHOLD,
    "weigh_by_average": True,
    "ema_decay": 0.99,
    **_PD_DROPOUT,
  },
  "mentormix": _MENTORMIX,
  "mentormix_flips": {**_MENTORMIX, "mixup_alpha": 2.0, **_FLIPS},
  "mentormix_memory": {
    **_MENTORMIX,
    "trained_mentornet_dir": "mentornet_memory",
    "mixup_alpha": 2.0,
    **_FLIPS,
  },
  "joint_mentormix": {
    **_MENTORMIX,
    "update_mentor_at": "0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9",
    "clean_fraction": 0.1,
  },
  "refined": {**_PD, "burn_in_epoch": 10, **_NO_DROPOUT, **_REFINED},
  "refined_mentormix": {**_MENTORMIX, **_REFINED},
  "oracle": {"curriculum": "oracle", **_NO_DROPOUT},
  "oracle_flips": {"curriculum": "oracle", **_NO_DROPOUT, **_FLIPS},
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Protocol:
  """A comparison of methods on the same noisy labels of CIFAR-10.

  Attributes:
    name: how the command line calls it.
    description: one line.
    noise: arguments of `LabelNoise`.
    num_images: how many of the training images, the first; None for all.
    changes: settings of every run where they are not the defaults.
    methods: name of a method -> the settings that it changes.
    options: how often runs evaluate and save.
    published: method -> the test accuracy that its authors published.
    published_note: what these were measured on.
  """

  name: str
  description: str
  noise: Mapping[str, Any]
  num_images: int | None
  changes: Changes
  methods: Mapping[str, Changes]
  options: RunOptions
  published: Mapping[str, float] = dataclasses.field(default_factory=dict)
  published_note: str = ""

  @property
  def max_number_of_steps(self) -> int:
    """The length of its runs, unless a shorter one is asked for."""
    return self.changes["max_number_of_steps"]

  @property
  def mixed_precision(self) -> str:
    """Dtype policy of the students of all its runs."""
    return self.changes.get("mixed_precision", "float32")

  def settings(
    self, method: str, seed: int, max_number_of_steps: int | None = None
  ) -> TrainingSettings:
    """The settings of one run.

    Args:
      method: a name of `methods`.
      seed: of weights, data order and example dropout.
      max_number_of_steps: another length, for a trial.
    """
    settings = TrainingSettings.of(**self.changes)
    steps = max_number_of_steps or self.max_number_of_steps
    return settings.changed(
      max_number_of_steps=steps, seed=seed, **self.methods[method]
    )

  def label_noise(self) -> LabelNoise:
    """The noise of the training labels, the same for every run."""
    return LabelNoise(**self.noise, seed=0)

  def shipped_mentor(self, method: str) -> str | None:
    """The mentor that a method's runs begin with; None without, or unknown."""
    if method not in self.methods:
      return None
    return self.settings(method, 0).curriculum.trained_mentornet_dir

  def needs_clean_labels(self, method: str) -> bool:
    """Whether a method is told clean labels of training images."""
    settings = self.settings(method, 0)
    return settings.weighing == "oracle" or bool(
      settings.joint.update_mentor_at
    )


_SMALL = Protocol(
  name="small",
  description="10,000 images, 40 % of which get a random label",
  noise={"kind": "symmetric", "rate": 0.4},
  num_images=10_000,
  changes={
    "studentnet": "inception",
    "augment": False,
    "max_number_of_steps": 3000,
    "num_epochs_per_decay": 30.77,  # 2,400 steps, at 78 per pass
    "loss_p_percentile": 0.6,
  },
  methods=_METHODS,
  options=RunOptions(eval_interval_steps=300, save_interval_steps=150),
)
_HUMAN = dataclasses.replace(
  _SMALL,
  name="human",
  description="10,000 images with labels that people gave",
  noise={"kind": "file", "label_key": "worse_label"},
  # Nobody knows the share of clean labels beforehand.
  changes={**_SMALL.changes, "loss_p_percentile": "auto"},
)
_ASYMMETRIC = dataclasses.replace(
  _SMALL,
  name="asymmetric",
  description="10,000 images, 40 % of five classes get that of a similar one",
  noise={"kind": "asymmetric", "rate": 0.4},
  # 40 % of half the classes: 80 % of all labels are clean.
  changes={**_SMALL.changes, "loss_p_percentile": 0.8},
)


def _as_published(method: str) -> Changes:
  """A published run's settings, but for its length and what all share."""
  values = published_run(method, 40, "inception")
  for name in ("max_number_of_steps", "num_epochs_per_decay"):
    del values[name]
  return values


_MEDIUM = Protocol(
  name="medium",
  description="all 50,000 images, augmented, 40 % of which get a random label",
  noise={"kind": "symmetric", "rate": 0.4},
  num_images=None,
  changes={
    "studentnet": "inception",
    "max_number_of_steps": 12_000,
    "num_epochs_per_decay": 20.0,  # a tenth of the published runs', too
    "loss_p_percentile": 0.6,
  },
  methods={
    **{
      method: _as_published(method)
      for method in ("baseline", "self_paced", "mentornet_pd", "mentornet_dd")
    },
    **{
      method: _METHODS[method]
      for method in (
        "joint",
        "mentormix",
        "refined",
        "refined_mentormix",
        "oracle",
      )
    },
    # Which it crops and flips like all others.
    "mentormix_memory": {
      **_METHODS["mentormix_memory"],
      "crop_padding": None,
    },
  },
  options=RunOptions(eval_interval_steps=1200, save_interval_steps=600),
  published={
    method: by_noise[40] for method, by_noise in PUBLISHED_ACCURACIES.items()
  },
  published_note="by the authors' TensorFlow 1 code after 120,000 steps",
)
PROTOCOLS = {each.name: each for each in (_SMALL, _HUMAN, _ASYMMETRIC, _MEDIUM)}


def run_name(method: str, seed: int) -> str:
  """The name of a run and of its training folder."""
  return f"{method}-{seed}"


def method_and_seed(name: str) -> tuple[str, int] | None:
  """What `run_name` was given, or None for another name."""
  method, _, seed = name.rpartition("-")
  is_run = seed.isdecimal() and name == run_name(method, int(seed))
  return (method, int(seed)) if is_run else None


def chosen_protocol(
  name: str = "small",
  *,
  noise_rate: float | None = None,
  human_labels: str | Path | None = None,
  mixed_precision: str | None = None,
) -> Protocol:
  """A protocol of the table, with what it leaves open.

  Args:
    name: one of `PROTOCOLS`.
    noise_rate: another rate for "small", 0..1; the loss percentile becomes
      1 - noise_rate.
    human_labels: for "human", CIFAR-10N's file of labels or another one with
      labels of CIFAR-10's images.
    mixed_precision: of the students, see `StudentSettings`; None for float32.

  Raises:
    UserError: an unknown name, a missing file, or one without effect.
  """
  check_choice("protocol", name, tuple(PROTOCOLS))
  protocol = PROTOCOLS[name]
  if mixed_precision is not None:
    protocol = dataclasses.replace(
      protocol,
      changes={**protocol.changes, "mixed_precision": mixed_precision},
    )
  if noise_rate is not None:
    check_range("noise_rate", noise_rate, 0, 1)
    if name != "small":
      raise UserError(
        "noise_rate: expected a rate only with `protocol=small`, got "
        f"{noise_rate:g} with `protocol={name}`; leave it out"
      )
    protocol = dataclasses.replace(
      protocol,
      description=(
        f"10,000 images, {100 * noise_rate:g} % of which get a random label"
      ),
      noise={**protocol.noise, "rate": noise_rate},
      changes={
        **protocol.changes,
        "loss_p_percentile": round(1 - noise_rate, 6),
      },
    )
  from_file = protocol.noise["kind"] == "file"
  if human_labels and not from_file:
    raise UserError(
      "human_labels: expected a file only with `protocol=human`, got "
      f"{human_labels} with `protocol={name}`; leave it out"
    )
  if from_file:
    if not human_labels:
      raise UserError(
        f"human_labels: expected CIFAR-10N's file of labels with "
        f"`protocol={name}`, got none; give CIFAR-10_human.pt, for instance"
      )
    protocol = dataclasses.replace(
      protocol, noise={**protocol.noise, "label_file": human_labels}
    )
  return protocol
