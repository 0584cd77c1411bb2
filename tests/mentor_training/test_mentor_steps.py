"""The original's optimiser steps against the recorded ones."""

import numpy as np
import pytest

from mentornet_tf.curricula.mentor_network import LogisticMentor, MentorNet
from mentornet_tf.curricula.tf1_checkpoint import VARIABLES
from mentornet_tf.mentor_training.mentor_steps import MentorSteps
from mentornet_tf.mentor_training.recipes import MentorRecipe, original_recipe

SNAPSHOTS = [1, 10, 50, 100, 150, 200]


def recorded_steps(recorded, run, **changes):
  """The steps of a recorded run from its initial weights, and its mentor."""
  kind, _, decay = run.partition("_decay")
  recipe = MentorRecipe(
    **{
      **vars(original_recipe()),
      "decay_steps": int(decay or 1000),
      **changes,
    }
  )
  mentor = MentorNet()
  for attribute, name in VARIABLES.items():
    getattr(mentor, attribute).assign(recorded[f"init/mentornet/{name}"])
  targets = recorded[f"targets_{kind}"].reshape(-1)
  loss_kind = recipe.loss_kind(set(np.unique(targets)) == {0.0, 1.0})
  assert loss_kind == {"binary": "cross_entropy", "real": "squared_error"}[kind]
  features = recorded["features"].reshape(-1, 4)
  return MentorSteps(mentor, features, targets, recipe, loss_kind), mentor


@pytest.mark.parametrize(
  ("run", "compile_steps"),
  [
    ("binary", True),
    pytest.param("real", True, marks=pytest.mark.slow),
    ("binary", False),
    ("real", False),
    ("binary_decay50", False),
    pytest.param("real_decay50", False, marks=pytest.mark.slow),
  ],
)
def test_the_originals_recipe_equals_golden(golden, figure, run, compile_steps):
  recorded = golden.npz("mentor_training")
  limits = golden.json("mentor_training")["runs"][run]
  steps, mentor = recorded_steps(recorded, run, compile_steps=compile_steps)
  batches = np.arange(200 * 32).reshape(200, 32)
  losses = []
  for start, end in zip([0, *SNAPSHOTS], SNAPSHOTS, strict=False):
    # Equal shapes, so that all parts share one compilation.
    losses.append(steps.run(np.roll(batches, -start, 0), end - start))
    steps.assign()
    limit = limits["largest_weight_change_under_perturbation_after_step"]
    for attribute, name in VARIABLES.items():
      expected = recorded[f"{run}/weights_step{end}/mentornet/{name}"]
      error = np.abs(np.asarray(getattr(mentor, attribute)) - expected)
      allowed = np.maximum(10 * limit[str(end)], 1e-4 * np.abs(expected))
      assert np.all(error <= allowed), (name, end, error.max())
  expected = recorded[f"{run}/loss"]
  allowed = np.maximum(
    10 * recorded[f"{run}/loss_sensitivity"], 1e-4 * expected
  )
  share = np.max(np.abs(np.concatenate(losses) - expected) / allowed)
  assert share <= 1
  figure("mentor learning, 200 losses, error as a share of its bound", share, 1)
  state = steps.state
  assert state.step == recorded[f"{run}/slots_step200/global_step"]
  for number in (1, 2):
    np.testing.assert_allclose(
      getattr(state, f"beta_{number}_power"),
      recorded[f"{run}/slots_step200/train/beta{number}_power"],
      rtol=1e-4,
    )


@pytest.mark.parametrize("run", ["binary", "real_decay50"])
def test_learning_rates_equal_golden(golden, run):
  recorded = golden.npz("mentor_training")
  steps, _ = recorded_steps(recorded, run)
  np.testing.assert_allclose(
    steps._recipe.learning_rates(0, 200),
    recorded[f"{run}/learning_rate"],
    rtol=2e-7,
  )


def test_clipping_acts_in_the_recorded_run(golden):
  # Guards the comparison above: without clipping it must fail.
  recorded = golden.npz("mentor_training")
  assert recorded["binary/grad_global_norm"].max() > 5
  steps, _ = recorded_steps(
    recorded, "binary", clip_norm=None, compile_steps=False
  )
  losses = steps.run(np.arange(6400).reshape(200, 32))
  assert np.abs(losses - recorded["binary/loss"]).max() > 1e-3


def test_split_calls_equal_one_call():
  generator = np.random.default_rng(0)
  features = generator.uniform(0, 1, (64, 4))
  targets = generator.integers(0, 2, 64).astype(float)
  batches = generator.integers(0, 64, (10, 8))
  recipe = MentorRecipe(steps=10)

  def steps():
    return MentorSteps(
      LogisticMentor(), features, targets, recipe, "cross_entropy"
    )

  whole, split = steps(), steps()
  losses = whole.run(batches)
  parts = [split.run(batches[:4]), split.run(np.roll(batches, -4, 0), 6)]
  np.testing.assert_array_equal(np.concatenate(parts), losses)
  np.testing.assert_array_equal(split.state.weights, whole.state.weights)
  assert split.state.step == whole.state.step == 10
