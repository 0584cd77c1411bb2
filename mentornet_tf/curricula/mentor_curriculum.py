"""The curriculum that a mentor network has learned."""

from typing import Any

import keras
from keras import ops

from mentornet_tf.curricula.curriculum import Curriculum, curriculum_features
from mentornet_tf.curricula.mentor_network import MENTORS
from mentornet_tf.errors import UserError
from mentornet_tf.internal.keras_saving import deserialize


@keras.saving.register_keras_serializable(package="mentornet_tf")
class MentorCurriculum(Curriculum):
  """Weights learned by a mentor network: sigmoid(mentor([ℓ, d, 0, epoch])).

  Args:
    mentor: maps [B, 4] features (loss, loss difference, label, epoch) to
      logits [B, 1]; see `load_mentor`.
    loss_p_percentile: see `Curriculum`, as for all further arguments.
    example_dropout_rates: by default that of the published mentornet_pd runs.
    **kwargs: further arguments of `Curriculum`.
  """

  def __init__(
    self,
    mentor: keras.Model,
    *,
    loss_p_percentile: float = 0.75,
    example_dropout_rates: str = "0.5,17,0.05,83",
    **kwargs,
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
    self.mentor = mentor
    if not mentor.built:
      mentor.build((None, 4))

  def example_weights(
    self, loss, loss_difference, percentile_loss, epoch, is_clean
  ):
    features = curriculum_features(loss, loss_difference, epoch)
    return ops.sigmoid(self.mentor(features)[:, 0])

  def _twin_arguments(self) -> dict[str, Any]:
    return super()._twin_arguments() | {"mentor": self.mentor}

  def get_config(self) -> dict[str, Any]:
    mentor = keras.saving.serialize_keras_object(self.mentor)
    return {**super().get_config(), "mentor": mentor}

  @classmethod
  def from_config(cls, config):
    return cls(deserialize(config.pop("mentor"), MENTORS), **config)
