"""The curriculum of a mentor that sees what training remembers."""

from typing import Any

import keras
from keras import ops

from mentornet_tf.curricula import loss_statistics
from mentornet_tf.curricula.memory_columns import NAMES
from mentornet_tf.curricula.memory_features import (
  RememberedBatch,
  memory_features,
)
from mentornet_tf.curricula.memory_mentor import MemoryMentor
from mentornet_tf.curricula.mentor_curriculum import MentorCurriculum
from mentornet_tf.errors import UserError
from mentornet_tf.internal.typing import Tensor


@keras.saving.register_keras_serializable(package="mentornet_tf")
class MemoryCurriculum(MentorCurriculum):
  """Weights by a mentor that sees the memory of training.

  They are sigmoid(mentor(features)) of the features of `memory_features`. Only
  examples that training has visited can be weighed: a `MentoredModel` with a
  `TrainingMemory` hands over what it remembers of them, and otherwise it is the
  call argument `remembered`.

  Args:
    mentor: maps [B, 8] features to logits [B, 1], such as a `MemoryMentor`.
    **kwargs: further arguments of `MentorCurriculum`.

  Raises:
    UserError: a mentor of other features; in a call, no `remembered`.
  """

  uses_memory = True
  num_features = len(NAMES)

  def __init__(self, mentor: keras.Model, **kwargs: Any):
    super().__init__(mentor, **kwargs)
    self.mean_loss_moving_average = self.add_weight(
      name="mean_loss_moving_average",
      shape=(),
      dtype="float32",
      initializer="zeros",
      trainable=False,
    )

  @property
  def memory_decay(self) -> float | None:
    """Of the averages that the mentor was trained on; None if not known."""
    mentor = self.mentor
    return mentor.decay if isinstance(mentor, MemoryMentor) else None

  def _batch_weights(
    self,
    *seen: Tensor,
    mask: Tensor | None,
    remembered: RememberedBatch | None,
  ) -> Tensor:
    if remembered is None:
      return self.example_weights(*seen)
    loss, loss_difference, _, epoch, _ = seen
    # What overflows is not remembered, so that a first visit leaves zeros; and
    # a step that leaves the moving average of the loss leaves this one, too.
    percentile_loss = loss_statistics.nearest_percentile(
      loss, 100.0 * self.percentile, mask
    )
    counts = ops.isfinite(loss) & ops.isfinite(percentile_loss)
    if mask is not None:
      counts = counts & mask
    _, average = loss_statistics.follow_percentile(
      self.mean_loss_moving_average,
      remembered.mean_loss,
      self.percentile,
      self.loss_moving_average_decay,
      counts,
    )
    difference = remembered.mean_loss - average
    features = memory_features(
      loss, loss_difference, remembered, difference, epoch
    )
    return ops.sigmoid(self.mentor(features)[:, 0])

  def example_weights(
    self,
    loss: Tensor,
    loss_difference: Tensor,
    percentile_loss: Tensor,
    epoch: Tensor,
    is_clean: Tensor | None,
  ) -> Tensor:
    """Refuses: losses alone do not tell these weights.

    Raises:
      UserError: always.
    """
    raise UserError(
      "remembered: expected what training remembers of the examples beside "
      "their losses, since the mentor sees it, got none; train with `memory`, "
      "or give a RememberedBatch"
    )
