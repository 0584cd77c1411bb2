"""What a curriculum computes for a batch."""

import dataclasses

from keras import ops

from mentornet_tf.curricula.memory_features import RememberedBatch
from mentornet_tf.internal.typing import Tensor


@dataclasses.dataclass(frozen=True)
class WeighedBatch:
  """All that a curriculum computed for one batch of B examples.

  Attributes:
    epoch: int32 scalar 0..99, the percentage of training used for every look-up
      (capped at the end of burn-in when the epoch is fixed after it).
    loss: [B] float32, in nats.
    percentile: float32 scalar 0..1, the percentile that is followed.
    percentile_loss: float32 scalar, the loss percentile of this batch.
    loss_moving_average: float32 scalar, updated with this batch.
    loss_difference: [B] float32, `loss − loss_moving_average`.
    curriculum_weight: [B] float32, of the curriculum proper, before burn-in.
    weight_before_dropout: [B] float32, after burn-in.
    dropout_rate: float32 scalar, the share of examples dropped.
    weight: [B] float32, the final weight.
    mask: [B] bool, which examples count, or None where all do. Those that do
      not have weight 0 and enter no statistic.
    remembered: what is remembered of the examples; None where not known.
  """

  epoch: Tensor
  loss: Tensor
  percentile: Tensor
  percentile_loss: Tensor
  loss_moving_average: Tensor
  loss_difference: Tensor
  curriculum_weight: Tensor
  weight_before_dropout: Tensor
  dropout_rate: Tensor
  weight: Tensor
  mask: Tensor | None = None
  remembered: RememberedBatch | None = None

  @property
  def mean_weight(self) -> Tensor:
    """Σv / B, a float32 scalar; B counts the examples of the mask alone."""
    if self.mask is None:
      return ops.mean(self.weight)
    count = ops.sum(ops.cast(self.mask, "float32"))
    return ops.divide_no_nan(ops.sum(self.weight), count)
