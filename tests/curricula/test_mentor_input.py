"""Which features a mentor takes, and the curriculum that it then needs."""

import keras
import numpy as np
import pytest

import mentornet_tf as mn
from mentornet_tf.curricula.memory_mentor import MemoryMentor
from mentornet_tf.curricula.mentor_input import takes_memory
from mentornet_tf.curricula.mentor_network import LogisticMentor
from mentornet_tf.curricula.registry import build_mentor_curriculum


def sequential(columns):
  return keras.Sequential([keras.Input((columns,)), keras.layers.Dense(1)])


@pytest.mark.parametrize(
  ("mentor", "expected"),
  [
    (MemoryMentor(), True),
    (sequential(8), True),
    (LogisticMentor(), False),
    (sequential(4), False),
    (keras.Sequential([keras.layers.Dense(1)]), False),
  ],
)
def test_a_mentor_tells_by_its_class_or_its_input(mentor, expected):
  assert takes_memory(mentor) is expected


@keras.saving.register_keras_serializable(package="test_mentor_input")
class OwnMentor(keras.Model):
  """Neither its class nor an input tells what it takes."""

  def __init__(self, **options):
    super().__init__(**options)
    self.num_features = 20  # means something else to its author
    self.hidden = keras.layers.Dense(4, "tanh")
    self.logits = keras.layers.Dense(1)

  def call(self, features):
    return self.logits(self.hidden(features))


@pytest.mark.parametrize(
  ("kind", "other", "columns"),
  [
    (mn.MemoryCurriculum, mn.MentorCurriculum, 8),
    (mn.MentorCurriculum, mn.MemoryCurriculum, 4),
  ],
)
def test_a_mentor_of_ones_own_takes_what_its_curriculum_gives(
  kind, other, columns, tmp_path
):
  mentor = OwnMentor()
  kind(mentor)
  assert mentor.hidden.kernel.shape == (columns, 4)
  assert takes_memory(mentor) is (columns == 8)
  assert type(build_mentor_curriculum(mentor)) is kind
  with pytest.raises(
    mn.UserError, match=rf"^mentor: expected .* {other.__name__}, got OwnMentor"
  ) as caught:
    other(mentor)
  assert "\n" not in str(caught.value)
  mentor.save(tmp_path / "own.keras")
  loaded = mn.load_mentor(tmp_path / "own.keras")
  assert takes_memory(loaded) is (columns == 8)
  features = np.ones((2, columns), np.float32)
  np.testing.assert_array_equal(loaded(features), mentor(features))
