"""The curricula to compare with: threshold, none at all, and the oracle."""

import keras
from keras import ops

from mentornet_tf.curricula.curriculum import Curriculum
from mentornet_tf.errors import UserError
from mentornet_tf.internal.typing import Tensor

_register = keras.saving.register_keras_serializable(package="mentornet_tf")


@_register
class ThresholdCurriculum(Curriculum):
  """Weight 1 where the loss lies below its batch percentile, else 0.

  The simplest mentor of MentorMix (arXiv 1911.09781, section 4).
  """

  def example_weights(
    self,
    loss: Tensor,
    loss_difference: Tensor,
    percentile_loss: Tensor,
    epoch: Tensor,
    is_clean: Tensor | None,
  ) -> Tensor:
    return ops.cast(loss < percentile_loss, "float32")


@_register
class UniformCurriculum(Curriculum):
  """Weight 1 for every example: training without a curriculum, the baseline."""

  uses_losses = False

  def example_weights(
    self,
    loss: Tensor,
    loss_difference: Tensor,
    percentile_loss: Tensor,
    epoch: Tensor,
    is_clean: Tensor | None,
  ) -> Tensor:
    return ops.ones_like(loss)


@_register
class OracleCurriculum(Curriculum):
  """Weight 1 exactly for clean labels: the upper bound of all curricula.

  Raises:
    UserError: a call without `is_clean`.
  """

  uses_losses = False

  def example_weights(
    self,
    loss: Tensor,
    loss_difference: Tensor,
    percentile_loss: Tensor,
    epoch: Tensor,
    is_clean: Tensor | None,
  ) -> Tensor:
    if is_clean is None:
      raise UserError(
        "oracle: expected `is_clean`, whether each label is clean, got None; "
        "train on data whose clean labels are known by the command line or "
        "weigh() the losses yourself, or choose another curriculum"
      )
    return ops.cast(is_clean, "float32")
