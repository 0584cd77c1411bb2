"""Losses of single examples: Keras' own, before their reduction."""

import dataclasses

import keras
from keras import ops

from mentornet_tf.errors import UserError
from mentornet_tf.internal.keras_internals import (
  compiled_losses,
  get_keras_mask,
)
from mentornet_tf.internal.typing import Shape, Tensor
from mentornet_tf.training import replicas


@dataclasses.dataclass(frozen=True)
class ExampleLosses:
  """The losses of a batch of B examples.

  Attributes:
    values: [B] float32, the mean over all further axes of what the loss
      returns, in nats for a cross-entropy.
    mask: [B] bool, which examples have a label (`ignore_class`, masks of Keras)
      and a sample weight other than 0; None where all have.
    rank: of what the loss returns, 1 unless examples have several predictions.
    counted: [B] or [B, …] bool, the losses over which Keras takes its mean;
      None for all of them.
    is_mean: whether Keras takes a mean at all, and not the sum.
  """

  values: Tensor
  mask: Tensor | None
  rank: int
  counted: Tensor | None
  is_mean: bool

  @property
  def present(self) -> Tensor:
    """[B] float32, 1 for the examples of the mask, 0 for others."""
    if self.mask is None:
      return ops.ones_like(self.values)
    return ops.cast(self.mask, "float32")

  def sample_weights(
    self, weight: Tensor, sample_weight: Tensor | None = None
  ) -> Tensor:
    """What Keras takes as sample weights.

    Args:
      weight: [B] float32, the curriculum's.
      sample_weight: [B] or [B, …] of any dtype, the user's; None for 1.

    Returns:
      float32, [B] or in the rank of the loss: the product of both.
    """
    weight = _expand(weight, self.rank)
    if sample_weight is None:
      return weight
    given = ops.cast(_leaf(sample_weight), "float32")
    while len(given.shape) > self.rank:  # [B, 1] for losses [B]
      if given.shape[-1] != 1:
        raise UserError(
          f"sample_weight: expected one per loss, of {self.rank} axes, got the "
          f"shape {list(given.shape)}; give one weight per example"
        )
      given = ops.squeeze(given, axis=-1)
    return weight * _expand(given, self.rank)

  def term_of_mean(self, loss: Tensor) -> Tensor:
    """A replica's term of the compiled loss of the global batch.

    Args:
      loss: scalar, the compiled loss of the replica's B examples.

    Returns:
      float32 scalar; with one replica, `loss`.
    """
    loss = ops.cast(loss, "float32")
    if not self.is_mean or replicas.num_replicas() == 1:
      return loss
    if self.counted is None:
      return replicas.weighted_mean(loss, ops.shape(self.values)[0])
    count = ops.sum(ops.cast(self.counted, "float32"))
    return replicas.weighted_mean(loss, count)


def pack_labels(y: Tensor, y_pred: Tensor) -> Tensor:
  """Labels in the structure of the predictions, where both are one tensor."""
  leaves = keras.tree.flatten(y)
  if y is None or len(leaves) != 1 or len(keras.tree.flatten(y_pred)) != 1:
    return y  # refused by `single_loss`
  return keras.tree.pack_sequence_as(y_pred, leaves)


def single_loss(
  model: keras.Model, y: Tensor, y_pred: Tensor
) -> keras.losses.Loss:
  """The one loss that `model` was compiled with.

  Raises:
    UserError: none or several losses, outputs or labels, or a reduction that
      has no place for example weights.
  """
  if y is None:
    raise UserError(
      "y: expected labels, got none; a curriculum weighs examples by the "
      "losses of their labels"
    )
  for name, value in (("student", y_pred), ("y", y)):
    count = len(keras.tree.flatten(value))
    if count != 1:
      what = "output" if name == "student" else "set of labels"
      raise UserError(
        f"{name}: expected one {what}, got {count}; train a model with one "
        "output, since an example has one weight"
      )
  losses = compiled_losses(model, y, y_pred)
  if len(losses) != 1:
    raise UserError(
      f"loss: expected one, got {len(losses) or 'none'}; compile the model "
      "with a single loss, since an example is weighed by one"
    )
  (loss,) = losses
  if loss.reduction not in ("sum_over_batch_size", "mean", "sum"):
    raise UserError(
      'loss: expected the reduction "sum_over_batch_size" or "sum", got '
      f"{loss.reduction!r}; with another one example weights would cancel out "
      "or never be summed"
    )
  return loss


def example_losses(
  loss: keras.losses.Loss,
  y: Tensor,
  y_pred: Tensor,
  sample_weight: Tensor | None = None,
) -> ExampleLosses:
  """What `loss` computes for each example, before any reduction.

  Args:
    loss: as `single_loss` returns it.
    y: labels in any form that `loss` takes, with the batch first.
    y_pred: predictions [B, …].
    sample_weight: [B] or [B, …]; an example whose weights are all 0 is not
      there.

  Raises:
    UserError: `loss` does not return one value per prediction.
  """
  y, y_pred = _leaf(y), _leaf(y_pred)
  values = loss.call(
    ops.convert_to_tensor(y, loss.dtype),
    ops.convert_to_tensor(y_pred, loss.dtype),
  )
  _check_shape(values.shape, y_pred.shape)
  counted = _both(get_keras_mask(y_pred), get_keras_mask(values))
  mask = counted
  if sample_weight is not None:
    used = ops.cast(_leaf(sample_weight), "bool")
    mask = _both(mask, used)
  rank, is_mean = len(values.shape), loss.reduction != "sum"
  values = ops.cast(values, "float32")
  if mask is None:
    per_example = _mean_per_example(values)
    return ExampleLosses(per_example, None, rank, counted, is_mean)
  mask = _like(mask, values)
  valid = _sum_per_example(ops.cast(mask, "float32"))
  total = _sum_per_example(ops.where(mask, values, 0.0))
  per_example = ops.divide_no_nan(total, valid)
  return ExampleLosses(per_example, valid > 0, rank, counted, is_mean)


def _check_shape(got: Shape, predictions: Shape) -> None:
  if len(got) == 0 and len(predictions) == 1:
    raise UserError(
      "student: expected predictions [batch, …], got the shape "
      f"{list(predictions)} without an axis of outputs; give the student an "
      "output of the shape [batch, 1]"
    )
  if len(got) == 0:
    raise UserError(
      "loss: expected one value for each example, got a single number; give "
      "a loss whose `call` returns the shape [batch]"
    )
  one_output = len(predictions) == 2 and predictions[1] == 1
  spread = one_output and len(got) > 1 and got[1] != 1
  if spread or (
    None not in (got[0], predictions[0]) and got[0] != predictions[0]
  ):
    raise UserError(
      f"loss: expected one value for each example, got the shape {list(got)} "
      f"for predictions {list(predictions)}; give labels of the same shape as "
      "the predictions, or a loss that brings them together"
    )


def _leaf(value: Tensor) -> Tensor:
  (leaf,) = keras.tree.flatten(value)
  return leaf


def _both(a: Tensor | None, b: Tensor | None) -> Tensor | None:
  """`a & b` over the axes that they share; None stands for all True."""
  if a is None or b is None:
    return a if b is None else b
  a, b = ops.cast(a, "bool"), ops.cast(b, "bool")
  rank = max(len(a.shape), len(b.shape))
  return _expand(a, rank) & _expand(b, rank)


def _expand(value: Tensor, rank: int) -> Tensor:
  for _ in range(rank - len(value.shape)):
    value = ops.expand_dims(value, -1)
  return value


def _like(mask: Tensor, values: Tensor) -> Tensor:
  """A mask [B, …] broadcast to the shape of `values`."""
  rank = len(values.shape)
  for _ in range(len(mask.shape) - rank):  # a column [B, 1] for values [B]
    mask = ops.any(mask, axis=-1)
  return ops.broadcast_to(_expand(mask, rank), ops.shape(values))


def _mean_per_example(values: Tensor) -> Tensor:
  return values if len(values.shape) == 1 else ops.mean(_flat(values), axis=1)


def _sum_per_example(values: Tensor) -> Tensor:
  return values if len(values.shape) == 1 else ops.sum(_flat(values), axis=1)


def _flat(values: Tensor) -> Tensor:
  return ops.reshape(values, (ops.shape(values)[0], -1))
