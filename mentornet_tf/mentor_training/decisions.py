"""Examples whose targets are what a mentor decides about them."""

import dataclasses

import keras
import numpy as np

from mentornet_tf.curricula.mentor_base import NUM_FEATURES
from mentornet_tf.curricula.mentor_input import takes_memory
from mentornet_tf.errors import UserError
from mentornet_tf.mentor_training.examples import MentorExamples
from mentornet_tf.mentor_training.mentor_outputs import mentor_weights


def decided_examples(
  examples: MentorExamples,
  mentor: keras.Model,
  threshold: float,
  name: str | None = None,
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
    name: of the mentor, which the examples' origin tells.

  Raises:
    UserError: the mentor takes other features.
  """
  if takes_memory(mentor) != (examples.num_features > NUM_FEATURES):
    raise UserError(
      f"mentor: expected one that takes {examples.num_features} features, as "
      f"the examples have, got a {type(mentor).__name__}, which takes others; "
      "give one that was trained on such examples"
    )
  train, test = (
    (mentor_weights(mentor, features) > threshold).astype(np.float64)
    for features in (examples.train_features, examples.test_features)
  )
  origin = {
    "examples": examples.origin,
    "decisions_of": name,
    "decision_threshold": threshold,
  }
  return dataclasses.replace(
    examples, train_targets=train, test_targets=test, origin=origin
  )
