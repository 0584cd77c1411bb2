"""Curricula: layers that turn the losses of a batch into example weights.

All of them share the steps around the weighting itself: the loss percentile and
its moving average, burn-in and example dropout (paper, Algorithm 1 and section
4; golden `mentor_sequence_*`). They differ in one method, `example_weights`.
"""

import dataclasses
from typing import Any

import keras
from keras import ops

from mentornet_tf.curricula import loss_statistics
from mentornet_tf.curricula.dropout_rates import (
  NUM_EPOCHS,
  parse_example_dropout_rates,
)
from mentornet_tf.curricula.example_dropout import ExampleDropout
from mentornet_tf.curricula.saved_draws import SavedDraws
from mentornet_tf.errors import UserError


@dataclasses.dataclass(frozen=True)
class WeighedBatch:
  """All that a curriculum computed for one batch of B examples.

  Attributes:
    epoch: int32 scalar 0..99, the training percentage used for every look-up
      (capped at the end of burn-in when the epoch is fixed after it).
    loss: [B] float32, in nats.
    percentile_loss: float32 scalar, the loss percentile of this batch.
    loss_moving_average: float32 scalar, updated with this batch.
    loss_difference: [B] float32, `loss − loss_moving_average`.
    curriculum_weight: [B] float32, what `example_weights` returned.
    weight_before_dropout: [B] float32, after burn-in.
    dropout_rate: float32 scalar, the share of examples dropped.
    weight: [B] float32, the final weight.
  """

  epoch: Any
  loss: Any
  percentile_loss: Any
  loss_moving_average: Any
  loss_difference: Any
  curriculum_weight: Any
  weight_before_dropout: Any
  dropout_rate: Any
  weight: Any


class Curriculum(SavedDraws, keras.layers.Layer):
  """Weighs the examples of a batch by their losses and by training progress.

  Call arguments:
    loss: [B] float32 losses, in nats.
    epoch: integer scalar 0..99, the percentage of training done.
    is_clean: [B] bool, whether each label is right, or None where that is not
      known. Only `OracleCurriculum` looks at it.

  Output:
    [B] float32 weights through which no gradient flows. Every call updates
    `loss_moving_average`.

  Args:
    loss_p_percentile: the percentile of the losses that is followed, as a
      fraction 0..1.
    burn_in_epoch: weights are 1 while epoch < burn_in_epoch − 1.
    fixed_epoch_after_burn_in: whether the epoch stays at `burn_in_epoch` from
      there on, in every look-up.
    loss_moving_average_decay: decay of the percentile's moving average, 0..1.
    example_dropout_rates: "rate, epochs, …" as `parse_example_dropout_rates`
      takes it.
    seed: seed of the example dropout.
  """

  # Whether the weights depend on the losses.
  uses_losses = True

  def __init__(
    self,
    *,
    loss_p_percentile: float = 0.7,
    burn_in_epoch: int = 0,
    fixed_epoch_after_burn_in: bool = False,
    loss_moving_average_decay: float = 0.5,
    example_dropout_rates: str = "0.0,100",
    seed: int = 0,
    **kwargs,
  ):
    kwargs.setdefault("dtype", "float32")  # also under mixed precision
    super().__init__(autocast=False, **kwargs)
    _check_range("loss_p_percentile", loss_p_percentile, 0, 1)
    _check_range("burn_in_epoch", burn_in_epoch, 0, NUM_EPOCHS)
    _check_range("loss_moving_average_decay", loss_moving_average_decay, 0, 1)
    self.loss_p_percentile = loss_p_percentile
    self.burn_in_epoch = burn_in_epoch
    self.fixed_epoch_after_burn_in = fixed_epoch_after_burn_in
    self.loss_moving_average_decay = loss_moving_average_decay
    self.example_dropout_rates = example_dropout_rates
    self.seed = seed
    self.loss_moving_average = self.add_weight(
      name="loss_moving_average",
      shape=(),
      dtype="float32",
      initializer="zeros",
      trainable=False,
    )
    self._example_dropout = ExampleDropout(
      parse_example_dropout_rates(example_dropout_rates)
    )
    self._seed_generator = keras.random.SeedGenerator(seed)
    self._last: WeighedBatch | None = None
    self.built = True

  @property
  def last(self) -> WeighedBatch:
    """What the latest call computed.

    Holds values after an eager call. Inside a `tf.function` it holds that
    trace's tensors, to be read in the same function.
    """
    if self._last is None:
      raise AttributeError("last: the curriculum has not been called yet")
    return self._last

  def example_weights(
    self, loss, loss_difference, percentile_loss, epoch, is_clean
  ):
    """The curriculum proper: [B] weights in 0..1 from [B] losses."""
    raise NotImplementedError

  def __call__(self, loss, epoch, is_clean=None):
    """Converts plain numbers, which Keras takes by keyword only."""
    return super().__call__(
      ops.convert_to_tensor(loss, "float32"),
      ops.convert_to_tensor(epoch, "int32"),
      None if is_clean is None else ops.convert_to_tensor(is_clean, "bool"),
    )

  def call(self, loss, epoch, is_clean=None):
    self._last = self._weigh(ops.stop_gradient(loss), epoch, is_clean)
    return self._last.weight

  def weights_without_update(self, loss, epoch, is_clean=None):
    """Weights [N] before example dropout; the moving average stays as it is.

    For looking at the weights of any number of examples outside training. The
    moving average also takes the place of the batch's own loss percentile.

    Args:
      loss: [N] float32 losses, in nats.
      epoch: integer scalar 0..99, the percentage of training done.
      is_clean: [N] bool, whether each label is right; None where not known.
    """
    loss = ops.convert_to_tensor(loss, "float32")
    epoch = self.look_up_epoch(ops.convert_to_tensor(epoch, "int32"))
    average = self.loss_moving_average.value
    weights = self.example_weights(
      loss, loss - average, average, epoch, is_clean
    )
    return self._after_burn_in(weights, epoch)

  def twin(self) -> "Curriculum":
    """A curriculum of the same settings with state and draws of its own.

    What the settings do not say, such as a learned mentor, is shared.
    """
    return type(self)(**self._twin_arguments())

  def _twin_arguments(self) -> dict[str, Any]:
    config = self.get_config()
    for name in ("name", "trainable", "dtype"):
      config.pop(name, None)
    return config | {"seed": self.seed + 1}

  def look_up_epoch(self, epoch):
    """The percentage that look-ups use at `epoch`.

    At most 99, and at most `burn_in_epoch` where the epoch is fixed after it.
    """
    epoch = ops.minimum(epoch, NUM_EPOCHS - 1)
    if self.fixed_epoch_after_burn_in:
      epoch = ops.minimum(epoch, self.burn_in_epoch)
    return epoch

  def _after_burn_in(self, weights, epoch):
    in_burn_in = epoch < self.burn_in_epoch - 1
    return ops.where(in_burn_in, ops.maximum(weights, 1.0), weights)

  def _weigh(self, loss, epoch, is_clean) -> WeighedBatch:
    epoch = self.look_up_epoch(epoch)
    percentile_loss = loss_statistics.nearest_percentile(
      loss, 100.0 * self.loss_p_percentile
    )
    average = loss_statistics.update_moving_average(
      self.loss_moving_average.value,
      percentile_loss,
      self.loss_moving_average_decay,
    )
    self.loss_moving_average.assign(average)
    difference = loss - average
    curriculum_weight = ops.stop_gradient(
      self.example_weights(loss, difference, percentile_loss, epoch, is_clean)
    )
    before_dropout = self._after_burn_in(curriculum_weight, epoch)
    weight = before_dropout
    if self._example_dropout.rates.any():
      weight = weight * self._example_dropout.keep_mask(
        ops.shape(loss)[0], epoch, self._seed_generator
      )
    return WeighedBatch(
      epoch=epoch,
      loss=loss,
      percentile_loss=percentile_loss,
      loss_moving_average=average,
      loss_difference=difference,
      curriculum_weight=curriculum_weight,
      weight_before_dropout=before_dropout,
      dropout_rate=self._example_dropout.rate(epoch),
      weight=weight,
    )

  def compute_output_shape(
    self, loss_shape, epoch_shape=None, is_clean_shape=None
  ):
    return loss_shape

  def get_config(self) -> dict[str, Any]:
    return {
      **super().get_config(),
      "loss_p_percentile": self.loss_p_percentile,
      "burn_in_epoch": self.burn_in_epoch,
      "fixed_epoch_after_burn_in": self.fixed_epoch_after_burn_in,
      "loss_moving_average_decay": self.loss_moving_average_decay,
      "example_dropout_rates": self.example_dropout_rates,
      "seed": self.seed,
    }


def curriculum_features(loss, loss_difference, epoch):
  """Stacks [B, 4] features: loss, loss difference, label 0, epoch (paper, 3.2).

  The original trains every student with label 0: a mentor never sees classes.
  """
  epochs = ops.full_like(loss, 1.0) * ops.cast(epoch, loss.dtype)
  return ops.stack([loss, loss_difference, ops.zeros_like(loss), epochs], 1)


def _check_range(name: str, value: float, low: float, high: float) -> None:
  if not low <= value <= high:
    raise UserError(f"{name}: expected {low}..{high}, got {value}")
