"""The features of a mentor that sees what training remembers of its examples.

An example that is memorized has a small loss, whatever its label. What its
student answered at earlier visits still tells a noisy label then.
"""

from typing import NamedTuple

import keras
from keras import ops

from mentornet_tf.curricula.memory_columns import NAMES, memory_columns
from mentornet_tf.internal.typing import Tensor


class RememberedBatch(NamedTuple):
  """What is remembered of the examples of a batch, the present visit included.

  Attributes:
    mean_loss: [B] float32, average loss, in nats.
    given_probability: [B] float32, average probability of the given label.
    other_probability: [B] float32, the greatest of the average probabilities of
      the other classes.
    agreement: [B] float32, share of visits at which the given label was the
      predicted class.
  """

  mean_loss: Tensor
  given_probability: Tensor
  other_probability: Tensor
  agreement: Tensor

  def as_tensors(self) -> "RememberedBatch":
    """The same as float32 tensors, through which no gradient flows."""
    return RememberedBatch(
      *(
        ops.stop_gradient(ops.convert_to_tensor(each, "float32"))
        for each in self
      )
    )


def memory_features(
  loss: Tensor,
  loss_difference: Tensor,
  remembered: RememberedBatch,
  mean_loss_difference: Tensor,
  epoch: Tensor,
) -> Tensor:
  """The features [B, 8] float32 whose columns are `memory_columns.NAMES`.

  Args:
    loss: [B] present losses, in nats.
    loss_difference: [B], from the moving average of their percentile.
    remembered: of the same examples.
    mean_loss_difference: [B], of `remembered.mean_loss` from the moving average
      of its percentile.
    epoch: scalar or [B], the percentage of training done, 0..99.
  """
  loss = ops.convert_to_tensor(loss, "float32")
  columns = memory_columns(
    loss=loss,
    loss_difference=loss_difference,
    mean_loss_difference=mean_loss_difference,
    epoch=ops.broadcast_to(ops.cast(epoch, "float32"), ops.shape(loss)),
    log=ops.log,
    **remembered._asdict(),
  )
  return ops.stack([ops.cast(each, "float32") for each in columns], axis=1)


def takes_memory(mentor: keras.Model) -> bool:
  """Whether a mentor takes these features, as its class or its input tells."""
  shape = getattr(mentor, "input_shape", None)
  columns = shape[-1] if isinstance(shape, tuple) else None
  return getattr(mentor, "num_features", columns) == len(NAMES)
