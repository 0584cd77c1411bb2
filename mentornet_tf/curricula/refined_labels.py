"""Refined labels: what a mentor doubts becomes what the EMA student predicts.

Sources: bootstrapping, Reed et al., 2015 (arXiv 1412.6596); with a weight per
example, Arazo et al., ICML 2019 (arXiv 1904.11238). Sharpening as in MixMatch,
Berthelot et al., NeurIPS 2019 (arXiv 1905.02249), balance as in ReMixMatch
(arXiv 1911.09785).
"""

from typing import Any

import keras
from keras import ops

from mentornet_tf.errors import UserError
from mentornet_tf.internal.typing import Tensor


@keras.saving.register_keras_serializable(package="mentornet_tf")
class RefinedLabels(keras.layers.Layer):
  """Guesses labels for the examples whose given ones a mentor doubts.

  The student learns from v · label + (1 − v) · guess, where v is the weight of
  the curriculum. The guess is the EMA student's prediction p, balanced and
  sharpened: p · r / m to the power of 1 / temperature, scaled to sum to 1,
  where m and r are running means of predictions and of given labels over
  classes.

  Args:
    temperature: above 0; 1 leaves a guess as it is, smaller ones sharpen it.
    balance: whether guesses keep the classes' shares of the given labels;
      without, a student that prefers a class comes to prefer it more.
    balance_decay: of the running means, per step, in 0..1.
    augmenter: a Keras layer for inputs, such as `keras.layers.RandAugment`; the
      student then learns from inputs that it has changed, while guesses are
      those for the inputs themselves. None changes nothing.
  """

  def __init__(
    self,
    temperature: float = 0.5,
    balance: bool = True,
    balance_decay: float = 0.99,
    augmenter: keras.layers.Layer | None = None,
    **kwargs: Any,
  ):
    kwargs.setdefault("dtype", "float32")  # also under mixed precision
    super().__init__(autocast=False, **kwargs)
    if not 0 < temperature < float("inf"):
      raise UserError(
        f"temperature: expected a finite number > 0, got {temperature}; try 0.5"
      )
    if not 0 <= balance_decay < 1:
      raise UserError(
        f"balance_decay: expected a number in 0..1, below 1, got "
        f"{balance_decay}; try 0.99"
      )
    if not isinstance(augmenter, keras.layers.Layer | None):
      raise UserError(
        "augmenter: expected a Keras layer, for instance keras.layers."
        f"RandAugment((0, 255)), or None, got {augmenter!r}"
      )
    self.temperature = temperature
    self.balance = balance
    self.balance_decay = balance_decay
    self.augmenter = augmenter

  def build(self, num_classes: int) -> None:
    """Makes the running means, [num_classes] each, of equal shares at first."""
    equal = keras.initializers.Constant(1 / num_classes)
    self.predicted_shares, self.given_shares = (
      self.add_weight((num_classes,), equal, trainable=False, name=name)
      for name in ("predicted_shares", "given_shares")
    )
    self.built = True

  @property
  def num_classes(self) -> int:
    """C, once it is built."""
    return self.given_shares.shape[0]

  def guess(
    self, probabilities: Tensor, labels: Tensor, mask: Tensor | None = None
  ) -> Tensor:
    """What to put in place of the labels of a batch; no gradient flows through.

    Updates the running means.

    Args:
      probabilities: [B, C] float32, what the EMA student predicts.
      labels: [B] int32, the given classes.
      mask: [B] bool, which examples count in the means; None for all.

    Returns:
      [B, C] float32, rows sum to 1.
    """
    guess = ops.stop_gradient(probabilities)
    if self.balance:
      given = ops.one_hot(labels, self.num_classes, dtype="float32")
      counts = ops.ones_like(guess[:, 0])
      if mask is not None:
        counts = ops.cast(mask, "float32")
      for shares, values in (
        (self.predicted_shares, guess),
        (self.given_shares, given),
      ):
        total = ops.sum(values * counts[:, None], axis=0)
        mean = ops.divide_no_nan(total, ops.sum(counts))
        step = (1 - self.balance_decay) * (mean - shares)
        shares.assign(shares + ops.where(ops.any(counts > 0), step, 0.0))
      guess = (
        guess * self.given_shares / ops.maximum(self.predicted_shares, 1e-6)
      )
    # Sharpened in logarithms, which no power can underflow.
    return ops.softmax(ops.log(ops.maximum(guess, 1e-30)) / self.temperature)

  def augmented(self, x: Tensor) -> Tensor:
    """The inputs [B, …] that the student learns from; each of several alone."""
    if self.augmenter is None:
      return x
    return keras.tree.map_structure(
      lambda each: self.augmenter(each, training=True), x
    )

  def get_config(self) -> dict[str, Any]:
    augmenter = self.augmenter
    return {
      **super().get_config(),
      "temperature": self.temperature,
      "balance": self.balance,
      "balance_decay": self.balance_decay,
      "augmenter": augmenter and keras.saving.serialize_keras_object(augmenter),
    }

  @classmethod
  def from_config(cls, config: dict[str, Any]) -> "RefinedLabels":
    config = dict(config)
    if config.get("augmenter") is not None:
      config["augmenter"] = keras.saving.deserialize_keras_object(
        config["augmenter"]
      )
    return cls(**config)
