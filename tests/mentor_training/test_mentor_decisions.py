"""Examples whose targets are a mentor's decisions."""

import numpy as np
import pytest

from mentornet_tf.curricula.mentors import load_mentor
from mentornet_tf.errors import UserError
from mentornet_tf.mentor_training.decisions import decided_examples
from mentornet_tf.mentor_training.examples import predefined_examples


@pytest.fixture(scope="module")
def examples():
  return predefined_examples("spcl_linear", 2.0, sample_size=500, seed=0)


@pytest.mark.parametrize("threshold", [0.3, 0.7])
def test_labels_above_the_threshold_are_kept(examples, threshold):
  mentor = load_mentor("mentornet_dd")
  decided = decided_examples(examples, mentor, threshold)
  logits = np.asarray(mentor(examples.test_features.astype("float32")))[:, 0]
  expected = logits > np.log(threshold / (1 - threshold))
  np.testing.assert_array_equal(decided.test_targets, expected)
  assert 0 < decided.train_targets.mean() < 1
  np.testing.assert_array_equal(decided.train_features, examples.train_features)


def test_the_origin_tells_of_the_decisions_alone(examples):
  mentor = load_mentor("mentornet_dd")
  decided = decided_examples(examples, mentor, 0.7, "mentornet_dd")
  assert decided.origin == {
    "examples": examples.origin,
    "decisions_of": "mentornet_dd",
    "decision_threshold": 0.7,
  }
  assert examples.origin["curriculum"] == "spcl_linear"


def test_the_lower_the_threshold_the_more_are_kept(examples):
  mentor = load_mentor("mentornet_dd")
  kept = [
    decided_examples(examples, mentor, threshold).train_targets
    for threshold in (0.5, 0.9)
  ]
  assert kept[0].sum() > kept[1].sum()
  assert (kept[0] >= kept[1]).all()


def test_a_mentor_of_other_features_is_refused(examples):
  with pytest.raises(
    UserError, match=r"expected .* 4 features.* got a MemoryMentor"
  ):
    decided_examples(examples, load_mentor("mentornet_memory"), 0.7)
