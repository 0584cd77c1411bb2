"""The distribution of a run's weights, from its TensorBoard events."""

import dataclasses
import os

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import (
  TENSORS,
  EventAccumulator,
)
from tensorboard.util.tensor_util import make_ndarray

_TAG = "mentornet/weight"
_NUM_BINS = 20


@dataclasses.dataclass(frozen=True)
class WeightHistory:
  """Histograms of weights during training.

  Attributes:
    steps: [R] int64, the steps of the rows.
    edges: [bins + 1] float64 from 0 to 1.
    shares: [R, bins] float64, share of the examples per bin; rows sum to 1.
  """

  steps: np.ndarray
  edges: np.ndarray
  shares: np.ndarray


def read_weight_history(folder: str | os.PathLike) -> WeightHistory | None:
  """Reads a training folder's events; None if they hold no weights."""
  events = EventAccumulator(str(folder), size_guidance={TENSORS: 0})
  events.Reload()
  if _TAG not in events.Tags()[TENSORS]:
    return None
  # A continued run writes some steps again: the later event counts.
  histograms = {
    event.step: make_ndarray(event.tensor_proto)
    for event in events.Tensors(_TAG)
  }
  steps = np.array(sorted(histograms))
  edges = np.linspace(0, 1, _NUM_BINS + 1)
  return WeightHistory(
    steps, edges, np.stack([_rebin(histograms[s], edges) for s in steps])
  )


def _rebin(buckets: np.ndarray, edges: np.ndarray) -> np.ndarray:
  """Shares [bins] of [buckets, 3] rows (left, right, count).

  TensorBoard's buckets span the values of each histogram; a bucket's count is
  distributed evenly over its width.
  """
  left, right, count = buckets.T.astype(float)
  # The bucket of equal weights has no width.
  right = np.maximum(right, left + 1e-9)
  # A weight of exactly 1 belongs to the last bin.
  edges = np.concatenate([[-np.inf], edges[1:-1], [np.inf]])
  overlap = np.minimum(right[:, None], edges[1:]) - np.maximum(
    left[:, None], edges[:-1]
  )
  share = np.clip(overlap, 0, None) / (right - left)[:, None]
  total = count @ share
  return total / total.sum()
