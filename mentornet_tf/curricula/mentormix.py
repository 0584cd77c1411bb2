"""MentorMix: mixing each example with a partner that the mentor trusts.

Source: Jiang et al., ICML 2020 (arXiv 1911.09781), algorithm 1.
"""

import dataclasses
import math
from typing import Any

import keras
from keras import ops

from mentornet_tf.curricula.saved_random_state import SavedRandomState
from mentornet_tf.errors import UserError
from mentornet_tf.internal.typing import Tensor


@dataclasses.dataclass(frozen=True)
class Mixture:
  """How the B examples of a batch are mixed, each with one partner.

  Attributes:
    partner: [B] int32, positions of the partners in the batch.
    share: [B] float32 in 0..1, the example's own part λ; its partner has 1 − λ.

  A part of it, of b examples, has its partners in the whole batch of B.
  """

  partner: Tensor
  share: Tensor

  def mix(self, values: Tensor, batch: Tensor | None = None) -> Tensor:
    """λ · values + (1 − λ) · values of the partners.

    Args:
      values: [b, …] floats of the examples.
      batch: [B, …] those of the whole batch; None where `values` are these.
    """
    values = ops.convert_to_tensor(values)
    shape = (-1, *[1] * (len(values.shape) - 1))
    share = ops.cast(ops.reshape(self.share, shape), values.dtype)
    partners = self.of_partners(values if batch is None else batch)
    return share * values + (1 - share) * partners

  def of_partners(self, batch: Tensor) -> Tensor:
    """The values [b, …] of each example's partner in the batch [B, …]."""
    return ops.take(batch, self.partner, axis=0)


@keras.saving.register_keras_serializable(package="mentornet_tf")
class MentorMix(SavedRandomState):
  """Samples partners and shares for a batch that a curriculum has weighed.

  Partners are sampled independently from softmax(weights). λ ~ Beta(alpha,
  alpha) for each example; an example with a weight of at least 0.5 keeps the
  larger of λ and 1 − λ, others give it to their partner.

  Args:
    alpha: parameter of the Beta distribution, above 0; larger ones mix more.
    second_reweight: whether the losses of the mixed examples are weighed once
      more, against a moving average of their own and then without weight decay.
    seed: seed of partners and shares.
  """

  def __init__(
    self,
    alpha: float = 8.0,
    second_reweight: bool = True,
    seed: int = 0,
    **kwargs: Any,
  ):
    kwargs.setdefault("dtype", "float32")  # also under mixed precision
    super().__init__(autocast=False, **kwargs)
    if not 0 < alpha < float("inf"):
      raise UserError(
        f"alpha: expected a finite number > 0, got {alpha}; the published runs "
        "use 2 to 8"
      )
    self.alpha = alpha
    self.second_reweight = second_reweight
    self.seed = seed
    self._seed_generator = keras.random.SeedGenerator(seed)
    self.built = True

  def sample(self, weight: Tensor, mask: Tensor | None = None) -> Mixture:
    """How to mix a batch; no gradient flows through.

    Args:
      weight: [B] weights in 0..1.
      mask: [B] bool, which examples may be partners; None where all may.
    """
    weight = ops.stop_gradient(ops.cast(weight, "float32"))
    count = ops.shape(weight)[0]
    logits = weight if mask is None else ops.where(mask, weight, -1e9)
    partner = keras.random.categorical(
      logits[None], count, dtype="int32", seed=self._seed_generator
    )[0]
    larger = self._larger_shares(count)
    return Mixture(partner, ops.where(weight < 0.5, 1 - larger, larger))

  def _larger_shares(self, count: Tensor) -> Tensor:
    """The larger of λ and 1 − λ, [count] float32, for λ ~ Beta(alpha, alpha).

    By Bailey's polar method (Mathematics of Computation 62, 1994): exact, and
    without a loop of rejections, which would take a GPU longer than the
    student's step and which XLA does not compile under TensorFlow.
    """
    uniform = keras.random.uniform(
      (2, count), dtype="float32", seed=self._seed_generator
    )
    radius = ops.expm1(-ops.log1p(-uniform[0]) / self.alpha)
    cosine = ops.cos(2 * math.pi * uniform[1])
    # As t / sqrt(1 + t²) with t = sqrt(radius) · cosine, for any radius.
    inverse = 1 / ops.maximum(radius, 1e-30)
    return 0.5 + 0.5 * ops.abs(cosine) / ops.sqrt(inverse + cosine**2)

  def get_config(self) -> dict[str, Any]:
    return {
      **super().get_config(),
      "alpha": self.alpha,
      "second_reweight": self.second_reweight,
      "seed": self.seed,
    }
