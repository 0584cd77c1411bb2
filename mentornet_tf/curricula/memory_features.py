"""The features of a mentor that sees what training remembers of its examples.

An example that is memorized has a small loss, whatever its label. What its
student answered at earlier visits still tells a noisy label then.
"""

from typing import Any, NamedTuple

from keras import ops

from mentornet_tf.curricula.memory_columns import memory_columns
from mentornet_tf.errors import UserError
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


def remembered_tensors(remembered: Any, loss: Tensor) -> RememberedBatch:
  """The same as float32 tensors, through which no gradient flows.

  Args:
    remembered: of the examples of a batch.
    loss: [B], their losses.

  Raises:
    UserError: no `RememberedBatch`, or one of other examples.
  """
  if not isinstance(remembered, RememberedBatch):
    raise UserError(
      "remembered: expected a RememberedBatch, got "
      f"{type(remembered).__name__}; give the four columns by their names"
    )
  columns = [ops.convert_to_tensor(each, "float32") for each in remembered]
  for name, column in zip(RememberedBatch._fields, columns, strict=True):
    shapes = tuple(column.shape), tuple(loss.shape)
    if len(shapes[0]) != 1 or _differ(shapes[0][0], shapes[1][0]):
      raise UserError(
        f"remembered: expected {name} of the shape of the losses, "
        f"{list(shapes[1])}, got {list(shapes[0])}; give what is remembered of "
        "the same examples"
      )
  return RememberedBatch(*map(ops.stop_gradient, columns))


def _differ(size: int | None, other: int | None) -> bool:
  return size is not None and other is not None and size != other


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
