"""What a training remembers of its examples, to be read."""

from dataclasses import dataclass

import numpy as np

from mentornet_tf.errors import UserError
from mentornet_tf.training.memory.probability_rows import decoded, parts


@dataclass(frozen=True)
class RememberedExample:
  """Averages over the visits of M examples; NaN where there were none.

  Attributes:
    ids: [M] int64.
    labels: [M] int64, given labels; -1 before the first visit.
    visits: [M] int64.
    probabilities: [M, C] float32, of the classes, as the student predicted them
      in training; rows sum to 1.
    mean_loss: [M] float32, in nats.
    mean_weight: [M] float32, before example dropout, in 0..1.
    agreement: [M] float32, the share of visits at which the predicted class was
      the given label.
  """

  ids: np.ndarray
  labels: np.ndarray
  visits: np.ndarray
  probabilities: np.ndarray
  mean_loss: np.ndarray
  mean_weight: np.ndarray
  agreement: np.ndarray


@dataclass(frozen=True)
class RememberedExamples:
  """Averages over the visits of N examples, in the order of the data.

  Attributes:
    ids: [N] int64, `image/id` in a run and the index in `fit`; -1 in a run for
      examples without a visit.
    labels: [N] int64, given labels; -1 for examples without a visit.
    visits: [N] int64.
    mean_loss: [N] float32, in nats; here and below NaN without a visit.
    mean_weight: [N] float32, before example dropout, in 0..1.
    agreement: [N] float32, the share of visits at which the predicted class was
      the given label.
    decay: of the averages, per visit.
    step: the steps of a run; None in `fit`.
    digest: of a run's data, as its run.json has it; None in `fit`.
    stored: [N, C] probabilities as they are stored.
  """

  ids: np.ndarray
  labels: np.ndarray
  visits: np.ndarray
  mean_loss: np.ndarray
  mean_weight: np.ndarray
  agreement: np.ndarray
  decay: float
  step: int | None
  digest: str | None
  stored: np.ndarray

  def __len__(self) -> int:
    return len(self.ids)

  @property
  def num_classes(self) -> int:
    """C."""
    return self.stored.shape[1]

  @property
  def seen(self) -> np.ndarray:
    """[N] bool, which examples have had a visit."""
    return self.visits > 0

  @property
  def probabilities(self) -> np.ndarray:
    """[N, C] float32, all at once; `rows` gives some of them."""
    return self.rows(slice(None))

  def rows(self, positions: slice | np.ndarray) -> np.ndarray:
    """[M, C] float32 probabilities at positions in the data; NaN unseen."""
    rows = np.array(decoded(self.stored[positions]), np.float32)
    total = rows.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
      return rows / total  # 0 / 0 is NaN

  @property
  def given_probability(self) -> np.ndarray:
    """[N] float32, the average probability of each given label."""
    values = np.full(len(self), np.nan, np.float32)
    for part in parts(*self.stored.shape):
      rows, labels = self.rows(part), self.labels[part]
      values[part] = rows[np.arange(len(rows)), labels]
    return values

  @property
  def predicted_labels(self) -> np.ndarray:
    """[N] int64, the most probable classes; -1 without a visit."""
    values = [
      decoded(self.stored[part]).argmax(axis=1)
      for part in parts(*self.stored.shape)
    ]
    return np.where(self.seen, np.concatenate(values), -1)

  @property
  def score(self) -> np.ndarray:
    """[N] float32, higher is more suspect: 1 − `given_probability`."""
    return 1 - self.given_probability

  def example(self, ids: np.ndarray | int) -> RememberedExample:
    """What is remembered of examples by their ids, in any number and order.

    Raises:
      UserError: an id has had no visit, or several examples have it.
    """
    ids = np.atleast_1d(np.asarray(ids, np.int64))
    known = np.flatnonzero(self.seen)
    order = known[np.argsort(self.ids[known], kind="stable")]
    first, last = (
      np.searchsorted(self.ids[order], ids, side) for side in ("left", "right")
    )
    for number in np.flatnonzero(last - first != 1)[:1]:
      count = last[number] - first[number]
      raise UserError(
        f"ids: expected those of one example with a visit each, got "
        f"{ids[number]}, which {count or 'no'} such examples have; "
        + ("read by position" if count else "check the ids")
      )
    at = order[first]
    return RememberedExample(
      ids=ids,
      labels=self.labels[at],
      visits=self.visits[at],
      probabilities=self.rows(at),
      mean_loss=self.mean_loss[at],
      mean_weight=self.mean_weight[at],
      agreement=self.agreement[at],
    )


def where_seen(
  values: np.ndarray, visits: np.ndarray, divisor: np.ndarray | int = 1
) -> np.ndarray:
  """[N] float32 `values / divisor`; NaN where there was no visit."""
  seen = visits > 0
  return np.where(seen, values / np.where(seen, divisor, 1), np.nan).astype(
    np.float32
  )
