"""Features of a mentor that sees the memory, against plain NumPy."""

import numpy as np

from mentornet_tf.curricula.memory_columns import NAMES
from mentornet_tf.curricula.memory_features import (
  RememberedBatch,
  memory_features,
)


def test_the_columns_are_those_of_their_names():
  rng = np.random.default_rng(0)
  loss, difference, mean_difference = rng.normal(size=(3, 6))
  remembered = RememberedBatch(*rng.uniform(size=(4, 6)))
  columns = memory_features(loss, difference, remembered, mean_difference, 37)
  assert columns.dtype == "float32"
  expected = {
    "loss": loss,
    "loss_difference": difference,
    "mean_loss": remembered.mean_loss,
    "mean_loss_difference": mean_difference,
    "given_log_probability": np.log(remembered.given_probability + 0.001),
    "other_log_probability": np.log(remembered.other_probability + 0.001),
    "agreement": remembered.agreement,
    "epoch": np.full(6, 37),
  }
  assert tuple(expected) == NAMES
  np.testing.assert_allclose(columns, np.stack([*expected.values()], 1), 1e-6)


def test_probabilities_of_zero_and_epochs_per_example_are_finite_features():
  zeros, epochs = np.zeros(3, np.float32), np.int32([0, 50, 99])
  remembered = RememberedBatch(zeros, zeros, zeros, zeros)
  columns = np.asarray(memory_features(zeros, zeros, remembered, zeros, epochs))
  np.testing.assert_allclose(columns[:, 4:6], np.log(0.001), 1e-6)
  np.testing.assert_array_equal(columns[:, 7], epochs)
