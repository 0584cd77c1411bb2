"""Protocols as data."""

import numpy as np
import pytest
from command_modules import imported_command

from mentornet_tf.curricula.memory_features import RememberedBatch
from mentornet_tf.errors import UserError
from mentornet_tf.experiments.protocols import (
  PROTOCOLS,
  chosen_protocol,
  method_and_seed,
  run_name,
)
from mentornet_tf.settings import TrainingSettings, published_run
from mentornet_tf.training import builders

_ALL = [
  (protocol, method)
  for name, protocol in PROTOCOLS.items()
  for method in protocol.methods
  if name != "asymmetric"  # the methods of small
]


@pytest.mark.parametrize(
  ("protocol", "method"), _ALL, ids=[f"{p.name}-{m}" for p, m in _ALL]
)
def test_every_method_can_be_built(protocol, method):
  settings = protocol.settings(method, 0)
  curriculum = builders.build_curriculum(settings)
  builders.build_mixing(settings)
  builders.build_updates(settings)
  losses, half = np.float32([0.1, 0.5, 2.0, 9.0]), np.full(4, 0.5, np.float32)
  weights = curriculum(
    losses,
    50,
    [True, True, False, False],
    remembered=RememberedBatch(losses, half, half, half)
    if curriculum.uses_memory
    else None,
  )
  assert weights.shape == (4,)


def test_methods_that_are_told_clean_labels_are_known():
  for protocol in PROTOCOLS.values():
    told = {m for m in protocol.methods if protocol.needs_clean_labels(m)}
    names = {"joint", "joint_mentormix", "oracle", "oracle_flips"}
    assert told == names & {*protocol.methods}


def test_the_kinds_of_noise():
  human = chosen_protocol("human", human_labels="labels.pt")
  noise = human.label_noise()
  assert (noise.kind, noise.label_file) == ("file", "labels.pt")
  noise = PROTOCOLS["asymmetric"].label_noise()
  assert (noise.kind, noise.rate) == ("asymmetric", 0.4)
  # The percentile is the share of clean labels.
  labels = np.arange(10_000) % 10
  noisy, _ = noise.drawn_labels(labels, 10, "cifar10")
  percentile = PROTOCOLS["asymmetric"].changes["loss_p_percentile"]
  assert percentile == pytest.approx((noisy == labels).mean(), abs=0.02)


def test_medium_is_a_tenth_of_the_published_runs():
  medium = PROTOCOLS["medium"]
  assert medium.published == {
    "baseline": 0.72,
    "self_paced": 0.733,
    "mentornet_pd": 0.731,
    "mentornet_dd": 0.763,
  }
  assert medium.published.keys() <= medium.methods.keys()
  for method in ("self_paced", "mentornet_pd", "mentornet_dd"):
    published = TrainingSettings.of(**published_run(method, 40, "inception"))
    assert medium.settings(method, 0) == published.changed(
      max_number_of_steps=published.run.max_number_of_steps // 10,
      num_epochs_per_decay=published.optimizer.num_epochs_per_decay / 10,
    )


def test_a_noise_rate_comes_with_its_percentile():
  protocol = chosen_protocol("small", noise_rate=0.8)
  assert protocol.label_noise().rate == 0.8
  settings = protocol.settings("mentornet_pd", 2)
  assert settings == PROTOCOLS["small"].settings("mentornet_pd", 2).changed(
    loss_p_percentile=0.2
  )
  assert "80 %" in protocol.description
  same = chosen_protocol("small", noise_rate=0.4)
  assert same == PROTOCOLS["small"]


def test_students_may_train_in_another_precision():
  protocol = chosen_protocol("small", mixed_precision="mixed_bfloat16")
  assert protocol.settings("joint", 1) == PROTOCOLS["small"].settings(
    "joint", 1
  ).changed(mixed_precision="mixed_bfloat16")


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    ({"name": "large"}, "protocol: expected one of small, .*'large'"),
    ({"noise_rate": 1.5}, "noise_rate: expected a number in 0..1, got 1.5"),
    (
      {"name": "asymmetric", "noise_rate": 0.2},
      "noise_rate: expected a rate only with `protocol=small`, got 0.2 with "
      "`protocol=asymmetric`",
    ),
    (
      {"name": "human", "noise_rate": 0.2, "human_labels": "a.pt"},
      "noise_rate: expected a rate only with `protocol=small`",
    ),
    ({"name": "human"}, "human_labels: expected CIFAR-10N's file"),
    (
      {"human_labels": "a.pt"},
      "human_labels: expected a file only with `protocol=human`, got a.pt with "
      "`protocol=small`",
    ),
  ],
)
def test_settings_without_effect_are_refused(arguments, message):
  with pytest.raises(UserError, match=message):
    chosen_protocol(**arguments)


def test_the_command_knows_all_protocols():
  with imported_command("reproduce") as command:
    assert tuple(PROTOCOLS) == command.PROTOCOLS


def test_run_names_are_read_back():
  assert method_and_seed(run_name("mentornet_pd", 12)) == ("mentornet_pd", 12)
  for name in ("records", "oracle-", "oracle-007", "oracle-1-old"):
    assert method_and_seed(name) is None, name
