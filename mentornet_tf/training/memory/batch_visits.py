"""The visits of a batch, of which some may be of the same example."""

from keras import ops

from mentornet_tf.internal.typing import Tensor


class BatchVisits:
  """Counts and sums the visits [B] of a batch by their examples.

  Args:
    index: [B] int32, of the examples.
    visited: [B] bool, which places are visits.

  Attributes:
    number: [B] float32, visits of its example up to each place, it included.
    later: [B] float32, visits of its example after each place.
    count: [B] float32, all visits of its example.
  """

  def __init__(self, index: Tensor, visited: Tensor):
    same = index[:, None] == index[None, :]
    self._same = same & visited[None, :]
    self._visits = ops.cast(self._same, "float32")
    self.later = ops.sum(ops.triu(self._visits, k=1), axis=1)
    self.count = ops.sum(self._visits, axis=1)
    self.number = self.count - self.later
    self._first = ops.argmax(ops.cast(same, "int32"), axis=1)
    self._size = ops.shape(index)[0]

  def sum(self, values: Tensor) -> Tensor:
    """[B, …] sums over the examples of each place."""
    sums = ops.segment_sum(values, self._first, self._size)
    return ops.take(sums, self._first, axis=0)

  def sum_so_far(self, values: Tensor, decay: float = 1.0) -> Tensor:
    """[B, D] sums over the visits up to each place.

    Args:
      values: [B, D] float32.
      decay: factor of a value for each visit of its example after it.
    """
    visits_since = self.number[:, None] - self.number[None, :]
    # Below the diagonal alone; above it the number of visits is negative.
    factor = decay ** ops.maximum(visits_since, 0.0)
    return ops.matmul(ops.tril(self._visits) * factor, values)

  def max(self, values: Tensor) -> Tensor:
    """[B] the greatest of the visits of each place's example; 0 for none."""
    return ops.max(ops.where(self._same, values[None, :], 0.0), axis=1)
