"""Guesses in place of labels, against their formula in float64."""

import keras
import numpy as np
import pytest

import mentornet_tf as mn


def refined(**options):
  refining = mn.RefinedLabels(**options)
  refining.build(3)
  return refining


def batch(seed):
  rng = np.random.default_rng(seed)
  probabilities = rng.dirichlet(np.ones(3), 8)
  return probabilities, rng.integers(0, 3, 8)


def guessed(refining, probabilities, labels):
  return keras.ops.convert_to_numpy(
    refining.guess(probabilities.astype(np.float32), labels.astype(np.int32))
  )


@pytest.mark.parametrize("temperature", [0.25, 0.5, 1.0, 2.0])
def test_a_guess_is_the_sharpened_prediction(temperature):
  refining = refined(temperature=temperature, balance=False)
  probabilities, labels = batch(0)
  powers = probabilities ** (1 / temperature)
  expected = powers / powers.sum(1, keepdims=True)
  np.testing.assert_allclose(
    guessed(refining, probabilities, labels), expected, rtol=1e-5
  )


def test_guesses_keep_the_shares_of_the_given_labels():
  refining = refined(temperature=1.0, balance_decay=0.75)
  predicted, given = np.full(3, 1 / 3), np.full(3, 1 / 3)
  for seed in range(4):
    probabilities, labels = batch(seed)
    predicted = 0.75 * predicted + 0.25 * probabilities.mean(0)
    given = 0.75 * given + 0.25 * np.eye(3)[labels].mean(0)
    expected = probabilities * given / predicted
    expected /= expected.sum(1, keepdims=True)
    np.testing.assert_allclose(
      guessed(refining, probabilities, labels), expected, rtol=1e-5
    )
  np.testing.assert_allclose(refining.predicted_shares, predicted, rtol=1e-5)


def test_absent_examples_do_not_count():
  whole, masked = refined(balance_decay=0.5), refined(balance_decay=0.5)
  probabilities, labels = batch(0)
  mask = np.arange(8) % 2 > 0
  masked.guess(probabilities.astype(np.float32), labels.astype(np.int32), mask)
  guessed(whole, probabilities[mask], labels[mask])
  for one, other in zip(whole.variables, masked.variables, strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-6)
  before = keras.ops.convert_to_numpy(masked.given_shares)
  none = np.zeros(8, bool)
  masked.guess(probabilities.astype(np.float32), labels.astype(np.int32), none)
  np.testing.assert_array_equal(masked.given_shares, before)


def test_a_preferred_class_is_not_preferred_more():
  refining = refined(balance_decay=0.5)
  rng = np.random.default_rng(0)
  prior = np.array([0.6, 0.2, 0.2])
  for _ in range(8):
    probabilities = rng.dirichlet(10 * prior, 64)
    guess = guessed(refining, probabilities, np.arange(64) % 3)
  assert (
    abs(guess.mean(0) - 1 / 3).max() < 0.05 < probabilities.mean(0)[0] - 0.5
  )


def test_certain_predictions_give_finite_guesses():
  refining = refined(temperature=0.01)
  guess = guessed(refining, np.eye(3), np.arange(3))
  np.testing.assert_allclose(guess, np.eye(3), atol=1e-6)


def test_its_settings_are_saved():
  refining = mn.RefinedLabels(
    0.3, False, 0.9, augmenter=keras.layers.RandomFlip("horizontal")
  )
  config = keras.saving.serialize_keras_object(refining)
  again = keras.saving.deserialize_keras_object(config)
  assert again.get_config() == refining.get_config()
  assert again.augmenter.mode == "horizontal"


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"temperature": 0}, "temperature: expected a finite number > 0, got 0"),
    ({"temperature": float("inf")}, "temperature: expected"),
    ({"balance_decay": 1}, "balance_decay: expected a number in 0..1"),
    ({"augmenter": "flip"}, "augmenter: expected a Keras layer"),
  ],
)
def test_bad_settings_are_refused(options, message):
  with pytest.raises(mn.UserError, match=message):
    mn.RefinedLabels(**options)
