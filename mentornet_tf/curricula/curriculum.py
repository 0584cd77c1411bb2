"""Curricula: layers that turn the losses of a batch into example weights.

All of them share the steps around the weighting itself: the loss percentile and
its moving average, burn-in and example dropout (paper, Algorithm 1 and section
4; golden `mentor_sequence_*`). They differ in `example_weights`; one that looks
at the memory of training overrides `_batch_weights`, which calls it.
"""

from typing import Any

import keras
from keras import ops

from mentornet_tf.curricula import loss_statistics
from mentornet_tf.curricula.argument_checks import (
  AUTO,
  argument_names,
  check_percentile,
  check_range,
)
from mentornet_tf.curricula.clean_share import CleanShareEstimate
from mentornet_tf.curricula.dropout_rates import (
  NUM_EPOCHS,
  parse_example_dropout_rates,
)
from mentornet_tf.curricula.example_dropout import ExampleDropout
from mentornet_tf.curricula.memory_features import (
  RememberedBatch,
  remembered_tensors,
)
from mentornet_tf.curricula.saved_random_state import SavedRandomState
from mentornet_tf.curricula.weighed_batch import WeighedBatch
from mentornet_tf.errors import UserError
from mentornet_tf.internal.typing import Shape, Tensor


class Curriculum(SavedRandomState):
  """Weighs the examples of a batch by their losses and by training progress.

  Call arguments:

  - loss: [B] float32 losses, in nats.
  - epoch: integer scalar 0..99, the percentage of training done.
  - is_clean: [B] bool, whether each label is clean, or None where that is not
    known. Only `OracleCurriculum` looks at it.
  - mask: [B] bool, which examples count, or None where all do. Those that do
    not have weight 0 and enter no percentile.
  - remembered: what training remembers of the examples, this visit included, or
    None where that is not known. Only `MemoryCurriculum` looks at it.

  Output:
    [B] float32 weights through which no gradient flows. Every call updates
    `loss_moving_average`. `weigh` returns all that led to them.

  Args:
    loss_p_percentile: the percentile of the losses that is followed, as a
      fraction 0..1, or "auto": it then is the share of clean labels that a
      `CleanShareEstimate` finds from the losses.
    burn_in_epoch: weights are 1 while epoch < burn_in_epoch − 1.
    fixed_epoch_after_burn_in: whether the epoch stays at `burn_in_epoch` from
      there on, in every look-up.
    loss_moving_average_decay: decay of the percentile's moving average, 0..1.
    example_dropout_rates: "rate, epochs, …" as `parse_example_dropout_rates`
      takes it.
    seed: seed of the example dropout.
    **kwargs: further arguments of `keras.layers.Layer`.

  A subclass keeps the arguments of its constructor under their names, as
  `clone` expects.

  Raises:
    UserError: an argument out of range.
  """

  # Whether the weights depend on the losses, and on what is remembered.
  uses_losses = True
  uses_memory = False

  def __init__(
    self,
    *,
    loss_p_percentile: float | str = 0.7,
    burn_in_epoch: int = 0,
    fixed_epoch_after_burn_in: bool = False,
    loss_moving_average_decay: float = 0.5,
    example_dropout_rates: str = "0.0,100",
    seed: int = 0,
    **kwargs: Any,
  ):
    kwargs.setdefault("dtype", "float32")  # also under mixed precision
    super().__init__(autocast=False, **kwargs)
    check_percentile(loss_p_percentile)
    check_range("burn_in_epoch", burn_in_epoch, 0, NUM_EPOCHS)
    check_range("loss_moving_average_decay", loss_moving_average_decay, 0, 1)
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
    self.clean_share: CleanShareEstimate | None = None
    if loss_p_percentile == AUTO:
      self.clean_share = CleanShareEstimate(name="clean_share")
    self._leads = True
    self._latest: WeighedBatch | None = None
    self.built = True

  @property
  def percentile(self) -> float | Tensor:
    """The percentile in use, as a fraction: a number, or the estimate of it."""
    if self.clean_share is None:
      return self.loss_p_percentile
    return ops.copy(self.clean_share.share.value)

  def follow(self, other: "Curriculum") -> None:
    """Takes an estimated percentile from `other`, and adds no losses to it."""
    self.clean_share = other.clean_share
    self._leads = False

  @property
  def last(self) -> WeighedBatch:
    """What the latest call outside of compiled steps computed.

    The tensors of a compiled step end with it; there `weigh` returns them.

    Raises:
      AttributeError: the latest call was in a compiled step, or there was none.
    """
    try:
      assert self._latest is not None
      ops.convert_to_numpy(self._latest.weight)
    except Exception as error:  # each back end has its own for dead tensors
      raise AttributeError(
        "last: expected a call outside of compiled steps, got none since the "
        "latest of them; use the WeighedBatch that weigh() returns"
      ) from error
    return self._latest

  def example_weights(
    self,
    loss: Tensor,
    loss_difference: Tensor,
    percentile_loss: Tensor,
    epoch: Tensor,
    is_clean: Tensor | None,
  ) -> Tensor:
    """The curriculum proper: [B] weights in 0..1 from [B] losses alone."""
    raise NotImplementedError

  def _batch_weights(
    self,
    *seen: Tensor,
    mask: Tensor | None,
    remembered: RememberedBatch | None,
  ) -> Tensor:
    """[B] weights from the arguments of `example_weights`, and from memory."""
    del mask, remembered
    return self.example_weights(*seen)

  def weigh(
    self,
    loss: Tensor,
    epoch: Tensor,
    is_clean: Tensor | None = None,
    mask: Tensor | None = None,
    remembered: RememberedBatch | None = None,
  ) -> WeighedBatch:
    """Weighs a batch and returns all that led to the weights.

    Updates `loss_moving_average` and the random state, as a call does.

    Args:
      loss: [B] losses, in nats.
      epoch: integer scalar 0..99, the percentage of training done.
      is_clean: [B] bool, whether each label is clean; None where not known.
      mask: [B] bool, which examples count; None where all do.
      remembered: see the call arguments.
    """
    loss = ops.stop_gradient(ops.convert_to_tensor(loss, "float32"))
    epoch = self.look_up_epoch(ops.convert_to_tensor(epoch, "int32"))
    if is_clean is not None:
      is_clean = ops.convert_to_tensor(is_clean, "bool")
    if mask is not None:
      mask = ops.convert_to_tensor(mask, "bool")
    if remembered is not None:
      remembered = remembered_tensors(remembered, loss)
    if self.clean_share is not None and self._leads:
      self.clean_share.update(loss, mask)
    percentile = self.percentile
    percentile_loss, average = loss_statistics.follow_percentile(
      self.loss_moving_average,
      loss,
      percentile,
      self.loss_moving_average_decay,
      mask,
    )
    difference = loss - average  # paper, section 3.2: the second feature of φ
    seen = (loss, difference, percentile_loss, epoch, is_clean)
    curriculum_weight = ops.stop_gradient(
      self._batch_weights(*seen, mask=mask, remembered=remembered)
    )
    before_dropout = self._after_burn_in(curriculum_weight, epoch)
    if mask is not None:
      before_dropout = ops.where(mask, before_dropout, 0.0)
    weight = before_dropout  # example dropout acts during burn-in, too
    if self._example_dropout.rates.any():
      weight = weight * self._example_dropout.keep_mask(
        ops.shape(loss)[0], epoch, self._seed_generator
      )
    weighed = WeighedBatch(
      epoch=epoch,
      loss=loss,
      percentile=ops.convert_to_tensor(percentile, "float32"),
      percentile_loss=percentile_loss,
      loss_moving_average=average,
      loss_difference=difference,
      curriculum_weight=curriculum_weight,
      weight_before_dropout=before_dropout,
      dropout_rate=self._example_dropout.rate(epoch),
      weight=weight,
      mask=mask,
      remembered=remembered,
    )
    self._latest = weighed
    return weighed

  def __call__(
    self,
    loss: Tensor,
    epoch: Tensor,
    is_clean: Tensor | None = None,
    mask: Tensor | None = None,
    remembered: RememberedBatch | None = None,
  ) -> Tensor:
    """Converts plain numbers, which Keras takes by keyword only."""
    loss = ops.convert_to_tensor(loss, "float32")
    return super().__call__(
      loss,
      ops.convert_to_tensor(epoch, "int32"),
      None if is_clean is None else ops.convert_to_tensor(is_clean, "bool"),
      None if mask is None else ops.convert_to_tensor(mask, "bool"),
      None if remembered is None else remembered_tensors(remembered, loss),
    )

  def call(
    self,
    loss: Tensor,
    epoch: Tensor,
    is_clean: Tensor | None = None,
    mask: Tensor | None = None,
    remembered: RememberedBatch | None = None,
  ) -> Tensor:
    return self.weigh(loss, epoch, is_clean, mask, remembered).weight

  def weights_without_update(
    self, loss: Tensor, epoch: Tensor, is_clean: Tensor | None = None
  ) -> Tensor:
    """Weights [N] before example dropout; the moving average stays as it is.

    For looking at the weights of any number of examples outside training. The
    moving average also takes the place of the batch's own loss percentile.

    Args:
      loss: [N] float32 losses, in nats.
      epoch: integer scalar 0..99, the percentage of training done.
      is_clean: [N] bool, whether each label is clean; None where not known.

    Raises:
      UserError: the weights depend on what training remembers (`uses_memory`).
    """
    loss = ops.convert_to_tensor(loss, "float32")
    epoch = self.look_up_epoch(ops.convert_to_tensor(epoch, "int32"))
    average = self.loss_moving_average.value
    weights = self.example_weights(
      loss, loss - average, average, epoch, is_clean
    )
    return self._after_burn_in(weights, epoch)

  def clone(self) -> "Curriculum":
    """A curriculum of the same settings with a state and seed of its own.

    A trained mentor is shared.
    """
    # Not from the configuration, for which Keras would serialize the mentor.
    try:
      settings = {
        n: getattr(self, n) for n in argument_names(type(self), Curriculum)
      }
    except AttributeError as error:
      raise UserError(
        f"{type(self).__name__}: expected each argument of its constructor "
        f"under its own name ({error}); keep it as an attribute"
      ) from error
    clone = type(self)(**settings)
    clone.seed = self.seed + 1
    clone._seed_generator.state.assign(
      keras.random.SeedGenerator(clone.seed).state
    )
    return clone

  def look_up_epoch(self, epoch: Tensor) -> Tensor:
    """The percentage that look-ups use at `epoch`.

    At most 99, and at most `burn_in_epoch` where the epoch is fixed after it.
    """
    epoch = ops.minimum(epoch, NUM_EPOCHS - 1)
    if self.fixed_epoch_after_burn_in:
      epoch = ops.minimum(epoch, self.burn_in_epoch)
    return epoch

  def _after_burn_in(self, weights: Tensor, epoch: Tensor) -> Tensor:
    # One percent early, and never below what the curriculum gives, as in the
    # original (golden QUIRKS).
    in_burn_in = epoch < self.burn_in_epoch - 1
    return ops.where(in_burn_in, ops.maximum(weights, 1.0), weights)

  def compute_output_shape(
    self, loss_shape: Shape, *other_shapes: Any
  ) -> Shape:
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
