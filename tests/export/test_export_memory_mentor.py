"""Mentors that see the memory, in every format that they are written in."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import mentornet_tf as mn
from mentornet_tf.curricula.memory_columns import NAMES
from mentornet_tf.curricula.memory_mentor import MemoryMentor

FEATURES = np.random.default_rng(0).normal(size=(20, 8)).astype(np.float32)


@pytest.fixture
def mentor():
  mentor = MemoryMentor(seed=4)
  mentor.adapt(3 * FEATURES + 1)
  return mentor


@pytest.fixture
def weights(mentor):
  return keras.ops.convert_to_numpy(keras.ops.sigmoid(mentor(FEATURES)))[:, 0]


def by_name(features):
  return dict(zip(NAMES, features.T, strict=True))


def test_a_saved_model_takes_features_by_their_names(mentor, weights, tmp_path):
  mn.export_mentor(mentor, tmp_path / "m")
  served = tf.saved_model.load(tmp_path / "m").signatures["serving_default"]
  assert set(served.structured_input_signature[1]) == set(NAMES)
  tensors = {name: tf.constant(x) for name, x in by_name(FEATURES).items()}
  np.testing.assert_allclose(served(**tensors)["weights"], weights, atol=1e-6)
  assert np.ptp(weights) > 0.1


def test_tflite_gives_the_same(mentor, weights, tmp_path):
  mn.export_mentor(mentor, tmp_path / "m", file_format="tflite")
  interpreter = tf.lite.Interpreter(str(tmp_path / "m" / "mentor.tflite"))
  run = interpreter.get_signature_runner("serving_default")
  np.testing.assert_allclose(
    run(**by_name(FEATURES))["weights"], weights, atol=1e-5
  )


def test_a_keras_file_holds_the_mentor(mentor, tmp_path):
  mn.export_mentor(mentor, tmp_path / "m", file_format="keras")
  loaded = mn.load_mentor(tmp_path / "m" / "mentor.keras")
  np.testing.assert_array_equal(loaded(FEATURES), mentor(FEATURES))
