"""What a training step starts from, and what it computes."""

import dataclasses

from mentornet_tf.curricula.weighed_batch import WeighedBatch
from mentornet_tf.internal.typing import Tensor
from mentornet_tf.training.replicas import Part


@dataclasses.dataclass(frozen=True)
class TrainingBatch:
  """A mini-batch and what the student computed for it in training mode.

  With several replicas, b of the B examples of the global batch.

  Attributes:
    x: inputs [B, …], also in dicts and other structures.
    y: labels, in any form that the compiled loss takes.
    y_pred: predictions [B, …].
    penalty: scalar, the sum of the student's penalties.
    sample_weight: [B] or [B, …], the user's factors of the losses, or None.
    is_clean: [B] bool, whether each label is clean, or None where not known.
    part: which of the global batch its examples are.
  """

  x: Tensor
  y: Tensor
  y_pred: Tensor
  penalty: Tensor
  sample_weight: Tensor | None
  is_clean: Tensor | None
  part: Part


@dataclasses.dataclass(frozen=True)
class MentoredLoss:
  """The loss of one training step, and what it was computed from.

  All of it is that of the global batch, and the same on each replica. The
  gradient alone is the replica's own; those of all replicas add up to it.

  Attributes:
    total: scalar, what the student minimizes.
    weighted: scalar, its part without penalties: mean(ℓ·v).
    example_loss: [B] float32, the student's own losses ℓ of the batch.
    weighed: the weights v, and what they were computed from.
    prediction: [b, …] predictions that the curriculum's losses are of, those of
      the replica's own part.
  """

  total: Tensor
  weighted: Tensor
  example_loss: Tensor
  weighed: WeighedBatch
  prediction: Tensor
