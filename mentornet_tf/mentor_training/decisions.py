"""Examples whose targets are what a mentor decides about them."""

import dataclasses

import keras
import numpy as np

from mentornet_tf.curricula.mentor_base import NUM_FEATURES
from mentornet_tf.curricula.mentor_input import takes_memory
from mentornet_tf.errors import UserError
from mentornet_tf.mentor_training.examples import MentorExamples


def decided_examples(
  examples: MentorExamples, mentor: keras.Model, threshold: float
) -> MentorExamples:
  """The examples, with target 1 where a mentor's weight is above a threshold.

  A mentor that learns which labels are clean answers with a probability. As a
  weight that is sound for a single step. Over many, however, a student
  memorizes even a noisy label of weight 0.3: its loss falls and its weight
  rises. A mentor that is trained on decisions gives such labels about 0.

  Args:
    examples: [N, F] features, whose targets are replaced.
    mentor: takes as many features.
    threshold: weight above which a label is kept.

  Raises:
    UserError: the mentor takes other features.
  """
  if takes_memory(mentor) != (examples.num_features > NUM_FEATURES):
    raise UserError(
      f"decisions_of: expected a mentor of {examples.num_features} features, "
      f"as the examples have, got a {type(mentor).__name__}, which takes "
      "others; give one that was trained on such examples"
    )
  train, test = (
    (mentor_weights(mentor, features) > threshold).astype(np.float64)
    for features in (examples.train_features, examples.test_features)
  )
  return dataclasses.replace(examples, train_targets=train, test_targets=test)


def mentor_weights(mentor: keras.Model, features: np.ndarray) -> np.ndarray:
  """[N] weights in 0..1 that a mentor gives to features [N, F]."""
  logits = mentor(features.astype(np.float32))
  return keras.ops.convert_to_numpy(keras.ops.sigmoid(logits))[:, 0]
