"""The mentor that sees the memory: logits against NumPy, saving, refusals."""

import keras
import numpy as np
import pytest

from mentornet_tf.curricula.memory_mentor import MemoryMentor
from mentornet_tf.curricula.mentors import load_mentor
from mentornet_tf.errors import UserError


@pytest.fixture
def features():
  rng = np.random.default_rng(3)
  scale = np.array([2, 1, 1, 1, 3, 3, 0.3, 30])
  return (rng.normal(size=(40, 8)) * scale + scale).astype(np.float32)


@pytest.fixture
def mentor(features):
  mentor = MemoryMentor(hidden_nodes=5, seed=1)
  mentor.adapt(features)
  for number, weight in enumerate(mentor.trainable_variables):
    weight.assign(weight + 0.1 * (number + 1))
  return mentor


def test_logits_are_those_of_numpy(mentor, features):
  x = features.astype(np.float64)
  x = (x - x.mean(0)) / x.std(0)
  kernel, bias, output, offset = (
    np.asarray(w, np.float64) for w in mentor.trainable_variables
  )
  expected = np.tanh(x @ kernel + bias) @ output + offset
  np.testing.assert_allclose(mentor(features), expected, rtol=1e-4, atol=1e-5)
  np.testing.assert_allclose(mentor(features[3:4]), expected[3:4], rtol=1e-4)


def test_until_it_is_adapted_the_epoch_alone_is_scaled():
  mentor = MemoryMentor(seed=2)
  row = np.float32([[0.5, -1, 0.2, 0.1, -2, -1, 0.5, 60]])
  scaled = row / [1, 1, 1, 1, 1, 1, 1, 100]
  hidden = np.tanh(scaled @ np.asarray(mentor.hidden_kernel))
  expected = hidden @ np.asarray(mentor.output_kernel)
  np.testing.assert_allclose(mentor(row), expected, rtol=1e-5)


def test_a_column_that_is_the_same_throughout_is_shifted_alone(features):
  features[:, 7] = 99.1
  mentor = MemoryMentor()
  mentor.adapt(features)
  assert float(mentor.feature_scale[7]) == 1
  np.testing.assert_allclose(mentor.feature_mean[7], 99.1, rtol=1e-6)
  assert np.isfinite(mentor(features)).all()


def test_the_standardization_is_not_trained(mentor):
  names = [w.name for w in mentor.trainable_variables]
  assert names == [
    "hidden_kernel",
    "hidden_bias",
    "output_kernel",
    "output_bias",
  ]
  assert len(mentor.weights) == 6


def test_a_saved_mentor_comes_back(tmp_path, mentor, features):
  path = tmp_path / "mentor.keras"
  mentor.save(path)
  loaded = load_mentor(path)
  assert type(loaded) is MemoryMentor
  assert loaded.get_config() == mentor.get_config()
  np.testing.assert_array_equal(loaded(features), mentor(features))


def test_a_mentor_knows_whether_it_is_adapted(tmp_path):
  mentor = MemoryMentor(decay=0.9)
  assert not mentor.is_adapted
  centred = np.float32([[-1] * 8, [1] * 8])
  mentor.adapt(centred)  # their mean is 0
  assert mentor.is_adapted
  mentor.save(tmp_path / "mentor.keras")
  restored = MemoryMentor()
  restored.set_weights(mentor.get_weights())
  assert (
    restored.is_adapted and load_mentor(tmp_path / "mentor.keras").is_adapted
  )


def test_a_mentor_of_before_has_the_decay_of_then(mentor, features):
  config = mentor.get_config()
  del config["decay"]
  old = MemoryMentor.from_config(config)
  assert old.decay == 0.95
  old.set_weights(mentor.get_weights())
  np.testing.assert_array_equal(old(features), mentor(features))


def test_a_model_of_eight_features_loads(tmp_path):
  path = tmp_path / "own.keras"
  model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1)])
  model.save(path)
  row = np.ones((1, 8), np.float32)
  np.testing.assert_array_equal(load_mentor(path)(row), model(row))


@pytest.mark.parametrize("shape", [(8,), (2, 4), (2, 8, 1)])
def test_other_shapes_are_refused(shape):
  with pytest.raises(UserError) as caught:
    MemoryMentor().call(np.zeros(shape, np.float32))
  assert "expected features [B, 8] (loss, loss_difference" in str(caught.value)
  assert str(list(shape)) in str(caught.value)


@pytest.mark.parametrize(
  ("features", "message"),
  [
    (np.zeros((3, 4)), r"expected \[N, 8\], got shape \[3, 4\]"),
    (np.zeros((0, 8)), "got none"),
    (np.full((2, 8), np.nan), "got others"),
  ],
)
def test_features_that_tell_nothing_are_refused(features, message):
  with pytest.raises(UserError, match=message):
    MemoryMentor().adapt(features)
