"""Mentors that see the memory: how they are trained, compared and drawn."""

import dataclasses

import numpy as np
import pytest

from mentornet_tf.curricula.memory_features import (
  RememberedBatch,
  memory_features,
)
from mentornet_tf.curricula.memory_mentor import MemoryMentor
from mentornet_tf.curricula.mentor_network import LogisticMentor
from mentornet_tf.curricula.mentors import load_mentor
from mentornet_tf.curricula.target_weights import get_formula
from mentornet_tf.errors import UserError
from mentornet_tf.mentor_training.examples import (
  data_driven_examples,
  predefined_examples,
)
from mentornet_tf.mentor_training.label_quality import compare_label_quality
from mentornet_tf.mentor_training.loss_dump import LossDump
from mentornet_tf.mentor_training.mentor_pictures import weight_surface
from mentornet_tf.mentor_training.mentor_trainer import (
  build_mentor,
  train_mentor,
)
from mentornet_tf.mentor_training.recipes import MentorRecipe

SHORT = MentorRecipe(steps=40, batch_size=64, warmup_steps=5)


def make_dump(count=600, seed=0):
  """Every other label is noisy: its loss fell, its mean loss tells of it."""
  rng = np.random.default_rng(seed)
  noisy = np.arange(count) % 2
  given = np.clip(0.7 - 0.4 * noisy + 0.2 * rng.normal(size=count), 0, 1)
  memory = [-np.log(given + 0.01) + 0.01, given, 1 - given, given > 0.5]
  return LossDump(
    name="losses",
    example_id=np.arange(count).astype(str),
    epoch=rng.choice([30.0, 60.0, 90.0], count),
    noisy_label=noisy,
    clean_label=np.zeros(count, int),
    loss=rng.exponential(0.2, count),
    memory=np.stack(memory, axis=1).astype(np.float64),
  )


@pytest.fixture(scope="module")
def examples():
  return data_driven_examples(make_dump(), 75, with_memory=True)


def train(examples, **arguments):
  mentor = build_mentor("memory", SHORT, seed=2)
  return train_mentor(mentor, examples, SHORT, seed=3, **arguments), mentor


def test_a_fresh_mentor_standardizes_by_its_training_examples(examples):
  report, mentor = train(examples)
  np.testing.assert_allclose(
    mentor.feature_mean, examples.train_features.mean(axis=0), rtol=1e-5
  )
  np.testing.assert_allclose(
    mentor.feature_scale, examples.train_features.std(axis=0), rtol=1e-5
  )
  weights = 1 / (1 + np.exp(-mentor(examples.test_features)))[:, 0]
  error = np.mean((weights - examples.test_targets) ** 2)
  assert report.test_mse == pytest.approx(error, rel=1e-3)
  # A constant has 0.25.
  assert error < 0.15


def test_a_trained_mentor_keeps_what_it_standardizes_by(examples):
  _, mentor = train(examples)
  before = np.array(mentor.feature_mean), np.array(mentor.feature_scale)
  shifted = dataclasses.replace(
    examples, train_features=examples.train_features + 1
  )
  train_mentor(mentor, shifted, SHORT)
  np.testing.assert_array_equal(mentor.feature_mean, before[0])
  np.testing.assert_array_equal(mentor.feature_scale, before[1])


def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path, examples):
  class Stopped(Exception):
    pass

  def stop(report):
    if report.step == 21:
      raise Stopped

  whole, first = train(examples, folder=tmp_path / "whole")
  with pytest.raises(Stopped):
    train(examples, folder=tmp_path / "parts", on_report=stop)
  parts, second = train(examples, folder=tmp_path / "parts")
  assert parts == whole
  for one, other in zip(first.weights, second.weights, strict=True):
    np.testing.assert_array_equal(one, other)
  loaded = load_mentor(tmp_path / "parts")
  assert isinstance(loaded, MemoryMentor)
  np.testing.assert_array_equal(
    loaded(examples.test_features), first(examples.test_features)
  )


def test_a_mentor_is_trained_on_its_own_features_only(examples):
  with pytest.raises(UserError) as caught:
    train_mentor(build_mentor("mlp", SHORT), examples, SHORT)
  assert str(caught.value).startswith(
    "form: expected memory for examples of 8 features, got a MLPMentor"
  )
  few = predefined_examples("self_paced", sample_size=10)
  with pytest.raises(UserError) as caught:
    train(few)
  assert str(caught.value).startswith(
    "form: expected mentornet, logistic, mlp for examples of 4 features, got a "
    "MemoryMentor"
  )


def test_mentors_of_both_kinds_are_compared_on_one_dump(examples):
  dump = make_dump(seed=1)
  _, mentor = train(examples)
  plain = LogisticMentor()
  plain.kernel.assign([[-1.0], [0], [0], [0]])
  mentors = {"memory": mentor, "plain": plain}
  quality = compare_label_quality(dump, mentors, percentile=75, resamples=5)
  clean = dump.noisy_label == dump.clean_label
  logits = np.asarray(mentor(dump.memory_features(75, by_epoch=True)))[:, 0]
  pairs = logits[clean][:, None] - logits[~clean]
  expected = np.mean((pairs > 0) + 0.5 * (pairs == 0))
  assert quality["memory"].auc == pytest.approx(expected, abs=1e-6)
  assert quality["memory"].auc > 0.85
  assert quality["plain"].auc == pytest.approx(quality["loss"].auc, abs=1e-6)
  with pytest.raises(UserError, match="with mean_loss, given_probability"):
    compare_label_quality(
      dataclasses.replace(dump, memory=None), mentors, percentile=75
    )


def test_a_surface_shows_examples_that_have_not_changed(examples):
  _, mentor = train(examples)
  surface = weight_surface(
    mentor, [0, 50], loss_bound=4, points=5, formula=get_formula("self_paced")
  )
  for e, row, d in [(0, 0, 0), (1, 3, 1), (1, 2, 4)]:
    loss, difference = surface.losses[[row]], surface.differences[[d]]
    given = np.exp(-loss)
    remembered = RememberedBatch(loss, given, 1 - given, 1.0 * (given > 0.5))
    logit = mentor(
      memory_features(
        loss, difference, remembered, difference, surface.epochs[e]
      )
    )
    expected = 1 / (1 + np.exp(-logit.numpy()[0, 0]))
    assert surface.weights[e, row, d] == pytest.approx(expected, rel=1e-5)
    assert surface.targets[e, row, d] == (difference[0] <= 0)
