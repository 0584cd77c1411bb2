"""The curriculum that a trained mentor network is."""

import base64
import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from mentornet_tf.curricula.curriculum import Curriculum
from mentornet_tf.curricula.curriculum_features import curriculum_features
from mentornet_tf.curricula.mentor_base import NUM_FEATURES
from mentornet_tf.curricula.mentor_input import declared_columns, refusal
from mentornet_tf.curricula.mentor_network import MENTORS
from mentornet_tf.errors import UserError
from mentornet_tf.internal.keras_saving import deserialize
from mentornet_tf.internal.typing import Tensor


@keras.saving.register_keras_serializable(package="mentornet_tf")
class MentorCurriculum(Curriculum):
  """Weights by a trained mentor: sigmoid(mentor([ℓ, d, 0, epoch])).

  Its configuration holds the mentor's weights, so that clones and copies weigh
  as it does.

  Args:
    mentor: maps [B, 4] features (loss, loss difference, label, epoch) to
      logits [B, 1]; see `load_mentor`.
    loss_p_percentile: see `Curriculum`, as for all further arguments.
    example_dropout_rates: by default that of the published mentornet_pd runs.
    **kwargs: further arguments of `Curriculum`.
  """

  # Columns of what the mentor sees.
  num_features = NUM_FEATURES

  def __init__(
    self,
    mentor: keras.Model,
    *,
    loss_p_percentile: float | str = 0.75,
    example_dropout_rates: str = "0.5,17,0.05,83",
    **kwargs: Any,
  ):
    super().__init__(
      loss_p_percentile=loss_p_percentile,
      example_dropout_rates=example_dropout_rates,
      **kwargs,
    )
    if not isinstance(mentor, keras.Model):
      raise UserError(
        "mentor: expected a Keras model, for instance "
        f'load_mentor("mentornet_pd"), got {mentor!r}'
      )
    self._check_features(mentor)
    self.mentor = mentor
    if not mentor.built:
      mentor.build((None, self.num_features))

  def _check_features(self, mentor: keras.Model) -> None:
    columns = declared_columns(mentor)
    if columns == self.num_features:
      return
    expected = f"{self.num_features} features under {type(self).__name__}"
    if columns is not None:
      raise UserError(
        f"mentor: expected one of {expected}, got {type(mentor).__name__} of "
        f"{columns}; weigh by it under "
        f"{'Mentor' if self.uses_memory else 'Memory'}Curriculum"
      )
    refused = refusal(mentor, self.num_features)
    if refused is not None:
      raise UserError(
        f"mentor: expected one of {expected}, got {type(mentor).__name__}, "
        f"which refuses them ({refused}); give a mentor that takes them, or "
        "another curriculum"
      )

  def example_weights(
    self,
    loss: Tensor,
    loss_difference: Tensor,
    percentile_loss: Tensor,
    epoch: Tensor,
    is_clean: Tensor | None,
  ) -> Tensor:
    features = curriculum_features(loss, loss_difference, epoch)
    return ops.sigmoid(self.mentor(features)[:, 0])

  def get_config(self) -> dict[str, Any]:
    return {
      **super().get_config(),
      "mentor": keras.saving.serialize_keras_object(self.mentor),
      "mentor_weights": [_encode(w) for w in self.mentor.get_weights()],
    }

  @classmethod
  def from_config(cls, config: dict[str, Any]) -> "MentorCurriculum":
    config = dict(config)
    mentor = deserialize(config.pop("mentor"), MENTORS)
    weights = config.pop("mentor_weights", None)
    curriculum = cls(mentor, **config)
    if weights is None:
      warnings.warn(
        "MentorCurriculum: this configuration comes from an earlier version "
        "and holds no mentor weights; the mentor is random until weights are "
        "loaded",
        stacklevel=2,
      )
    else:
      mentor.set_weights(_decode(weights, mentor.get_weights()))
    return curriculum


def _encode(weight: np.ndarray) -> str:
  return base64.b64encode(weight.astype("<f4").tobytes()).decode("ascii")


def _decode(
  weights: Sequence[str], like: Sequence[np.ndarray]
) -> list[np.ndarray]:
  """The encoded weights in the shapes of `like`."""
  values = [base64.b64decode(weight) for weight in weights]
  if [len(v) for v in values] != [4 * w.size for w in like]:
    raise UserError(
      f"mentor_weights: expected the {len(like)} weights of the mentor, got "
      f"{len(values)}, or others; use the configuration as it was saved"
    )
  return [
    np.frombuffer(v, "<f4").reshape(w.shape)
    for v, w in zip(values, like, strict=True)
  ]
