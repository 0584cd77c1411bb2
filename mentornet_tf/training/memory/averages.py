"""Running averages over the visits of each example, on the host."""

from collections.abc import Iterator

import numpy as np

from mentornet_tf.curricula.memory_decay import check_decay
from mentornet_tf.curricula.memory_features import RememberedBatch
from mentornet_tf.training.memory.probability_rows import (
  ProbabilityRows,
  parts,
)


def share_of_visit(number: np.ndarray, decay: float) -> np.ndarray:
  """Share of an example's visit in the average after it.

  (1 − decay) / (1 − decay^k) for the k-th visit: the average is that of all
  visits, each by a factor `decay` less than the one after it, as Adam debiases
  its moments.

  Args:
    number: [M] of the visit, from 1.
    decay: in [0, 1).

  Returns:
    [M] float64 in (0, 1].
  """
  return (1 - decay) / (1 - decay ** number.astype(np.float64))


class ExampleAverages:
  """Averages of N examples over their visits in training.

  Before its first visit an example has id and label -1, and zeros.

  Args:
    num_examples: N.
    rows: where the averages of class probabilities [N, C] are kept.
    decay: see `share_of_visit`.

  Attributes:
    ids: [N] int64.
    labels: [N] int64, given labels.
    visits: [N] int64.
    agreements: [N] int64, visits with the given label as the predicted class.
    loss: [N] float32.
    weight: [N] float32.
    rows: see above.
  """

  def __init__(self, num_examples: int, rows: ProbabilityRows, decay: float):
    self.decay = check_decay(decay)
    self.rows = rows
    self.ids = np.full(num_examples, -1)
    self.labels = np.full(num_examples, -1)
    self.visits = np.zeros(num_examples, np.int64)
    self.agreements = np.zeros(num_examples, np.int64)
    self.loss = np.zeros(num_examples, np.float32)
    self.weight = np.zeros(num_examples, np.float32)

  def observe(
    self,
    positions: np.ndarray,
    *,
    ids: np.ndarray,
    labels: np.ndarray,
    loss: np.ndarray,
    weight: np.ndarray,
    probabilities: np.ndarray,
  ) -> RememberedBatch:
    """Takes visits into account, in their order.

    Args:
      positions: [M] int64, of their examples; some may be the same.
      ids: [M] int64.
      labels: [M] int64.
      loss: [M] float32.
      weight: [M] float32.
      probabilities: [M, C] float32.

    Returns:
      What is remembered at each visit, this one included, [M] float32.

    Raises:
      RuntimeError: an example has another id or label than at other visits.
    """
    remembered = RememberedBatch(*np.empty((4, len(positions)), np.float32))
    for visit in _one_per_example(positions, probabilities.shape[1]):
      at, rows = positions[visit], probabilities[visit]
      self._name("ids", at, ids[visit])
      self._name("labels", at, labels[visit])
      self.visits[at] += 1
      self.agreements[at] += rows.argmax(axis=1) == labels[visit]
      share = share_of_visit(self.visits[at], self.decay).astype(np.float32)
      self.loss[at] = _moved(self.loss[at], loss[visit], share)
      self.weight[at] = _moved(self.weight[at], weight[visit], share)
      averages = _moved(self.rows.read(at), rows, share[:, np.newaxis])
      self.rows.write(at, averages)
      given = np.arange(len(at)), labels[visit]
      remembered.mean_loss[visit] = self.loss[at]
      remembered.given_probability[visit] = averages[given]
      averages[given] = 0
      remembered.other_probability[visit] = averages.max(axis=1)
      remembered.agreement[visit] = self.agreements[at] / self.visits[at]
    return remembered

  def _name(self, column: str, at: np.ndarray, values: np.ndarray) -> None:
    known = getattr(self, column)
    if ((self.visits[at] > 0) & (known[at] != values)).any():
      raise RuntimeError(f"examples have other {column} than when last visited")
    known[at] = values


def _moved(
  average: np.ndarray, value: np.ndarray, share: np.ndarray
) -> np.ndarray:
  return average * (1 - share) + value * share


def _one_per_example(
  positions: np.ndarray, num_classes: int
) -> Iterator[np.ndarray]:
  """Splits visits [M] into parts with one visit of an example at most."""
  order = np.argsort(positions, kind="stable")
  _, first, counts = np.unique(
    positions[order], return_index=True, return_counts=True
  )
  turn = np.arange(len(positions)) - np.repeat(first, counts)
  for number in range(counts.max(initial=0)):
    visits = order[turn == number]
    for part in parts(len(visits), num_classes):
      yield visits[part]
