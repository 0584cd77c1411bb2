"""What the tables of a memory hold, and how exactly."""

import numpy as np
import pytest
from memory_fits import CLASSES
from memory_references import average

import mentornet_tf as mn


def test_averages_over_many_visits_keep_their_digits():
  memory = mn.TrainingMemory(2, CLASSES, decay=0.9999)
  visits = {
    "index": np.int32([0]),
    "labels": np.int32([1]),
    "probabilities": np.float32([[0.2, 0.5, 0.3]]),
  }
  losses = [0.7, 0.3, 2.0]
  for number, loss in enumerate(losses, 1):
    visit = {"loss": np.float32([loss]), **visits}
    seen = memory.preview(**visit)
    expected = average(losses[:number], 0.9999)
    np.testing.assert_allclose(seen.mean_loss, [expected], rtol=1e-6)
    np.testing.assert_allclose(seen.given_probability, [0.5], rtol=1e-6)
    memory.observe(weight=np.ones(1, np.float32), **visit)


def test_all_that_is_kept_of_an_example_counts_as_its_size():
  # Beside two probabilities there are loss, weight, and three counts.
  with pytest.raises(mn.UserError, match=r"at most 268435456, got 38347923 ex"):
    mn.TrainingMemory(2**28 // 7 + 1, 2)
