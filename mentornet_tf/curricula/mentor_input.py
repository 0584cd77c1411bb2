"""Which features a mentor takes: four, or the eight of those with memory."""

import keras

from mentornet_tf.curricula.memory_columns import NAMES
from mentornet_tf.curricula.mentor_base import NUM_FEATURES, Mentor
from mentornet_tf.internal.reasons import reason


def takes_memory(mentor: keras.Model) -> bool:
  """Whether a mentor takes the features of `memory_features`.

  Its class or its input tells. Where neither does, as with a subclass of
  `keras.Model`, it is one that has been built for no other features.
  """
  columns = declared_columns(mentor)
  if columns is not None:
    return columns == len(NAMES)
  # A call would build it, for whatever features come first.
  return (
    mentor.built
    and refusal(mentor, NUM_FEATURES) is not None
    and refusal(mentor, len(NAMES)) is None
  )


def declared_columns(mentor: keras.Model) -> int | None:
  """The columns that a mentor's class or input tells; None if neither does."""
  if isinstance(mentor, Mentor):
    return mentor.num_features
  shape = getattr(mentor, "input_shape", None)
  columns = shape[-1] if isinstance(shape, tuple) and shape else None
  return columns if isinstance(columns, int) else None


def refusal(mentor: keras.Model, columns: int) -> str | None:
  """Why a mentor takes no features [B, columns]; None where it does.

  A mentor without weights is built for them.
  """
  try:
    mentor(keras.KerasTensor((None, columns), "float32"))
  except (RuntimeError, TypeError, ValueError) as error:
    return reason(error)
  return None
