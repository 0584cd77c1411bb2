"""What a mentor answers to many examples at once."""

import keras
import numpy as np

_BATCH = 65_536


def mentor_logits(mentor: keras.Model, features: np.ndarray) -> np.ndarray:
  """[N] logits; unlike weights, they keep their order at saturation."""
  parts = [
    keras.ops.convert_to_numpy(
      mentor(features[start : start + _BATCH].astype(np.float32))
    )
    for start in range(0, len(features), _BATCH)
  ]
  return np.concatenate(parts)[:, 0]


def mentor_weights(mentor: keras.Model, features: np.ndarray) -> np.ndarray:
  """[N] weights in 0..1 that a mentor gives to features [N, F]."""
  logits = mentor_logits(mentor, features)
  return keras.ops.convert_to_numpy(keras.ops.sigmoid(logits))
