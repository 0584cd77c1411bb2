"""Example dropout: a random share of each batch is given weight zero."""

import keras
import numpy as np
from keras import ops

from mentornet_tf.internal.typing import Tensor


class ExampleDropout:
  """Keeps exactly int(B · (1 − rate)) examples of a batch, chosen uniformly.

  Kept weights are not rescaled. The rate is rounded to float32, the product is
  taken in float64 and truncated, so that B = 10 at rate 0.1 keeps 8 examples.
  Source: golden `dropout_counts`, `mentor_sequence_*` (`selected_count`).

  Args:
    rates: one dropout rate in 0..1 for each of the 100 epochs.
  """

  def __init__(self, rates: list[float]):
    self.rates = np.asarray(rates, np.float32)
    self._kept_shares = 1.0 - self.rates.astype(np.float64)

  def kept_count(self, batch_size: Tensor, epoch: Tensor) -> Tensor:
    """How many of `batch_size` examples stay at `epoch`: int32 scalar."""
    if isinstance(batch_size, int):
      # In NumPy: not every back end computes in float64.
      counts = (batch_size * self._kept_shares).astype(np.int32)
      return ops.take(ops.convert_to_tensor(counts), epoch)
    share = ops.take(ops.convert_to_tensor(self._kept_shares), epoch)
    return ops.cast(ops.cast(batch_size, "float64") * share, "int32")

  def rate(self, epoch: Tensor) -> Tensor:
    """The dropout rate at `epoch`: float32 scalar."""
    return ops.take(ops.convert_to_tensor(self.rates), epoch)

  def keep_mask(
    self,
    batch_size: Tensor,
    epoch: Tensor,
    seed: keras.random.SeedGenerator,
  ) -> Tensor:
    """Draws the kept examples.

    Args:
      batch_size: B, an int or an integer scalar.
      epoch: integer scalar 0..99.
      seed: the generator of the random numbers; advanced by each call.

    Returns:
      [B] float32, 1 where the example is kept.
    """
    scores = keras.random.uniform((batch_size,), seed=seed)
    # Ranks, not a threshold on the scores: equal scores must not change the
    # count.
    ranks = ops.argsort(ops.argsort(scores))
    return ops.cast(ranks < self.kept_count(batch_size, epoch), "float32")
