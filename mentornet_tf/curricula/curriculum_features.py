"""The features of a loss by which mentors and formulas weigh."""

from keras import ops

from mentornet_tf.internal.typing import Tensor


def curriculum_features(
  loss: Tensor, loss_difference: Tensor, epoch: Tensor
) -> Tensor:
  """φ: [B, 4] of loss, loss difference, label 0 and epoch (paper, section 3.2).

  The original trains every student with label 0: a mentor never sees classes.
  """
  epochs = ops.full_like(loss, 1.0) * ops.cast(epoch, loss.dtype)
  return ops.stack([loss, loss_difference, ops.zeros_like(loss), epochs], 1)
