"""Labels beside probabilities of classes: checked, and read in parts."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from mentornet_tf.errors import UserError

# Probabilities of this many classes are turned into float64 at a time.
_ENTRIES = 4_000_000
# Averages in float16 over many classes sum to 1 no closer.
_SUM_TOLERANCE = 0.02


def check_labels(labels: Any, num_classes: int | None = None) -> np.ndarray:
  """The labels as [N] int64.

  Args:
    labels: N classes; whole numbers from 0 on.
    num_classes: one more than the largest class; None allows any.

  Raises:
    UserError: there are none, or they are something else.
  """
  array = np.asarray(labels)
  if array.ndim != 1 or not len(array):
    raise UserError(
      "labels: expected one class per example, [N], got the shape "
      f"{list(array.shape)}; give the number of each example's class"
    )
  whole = array.dtype.kind in "iu" or (
    array.dtype.kind == "f" and bool(np.all(array == np.floor(array)))
  )
  if not whole:
    raise UserError(
      f"labels: expected whole numbers from 0 on, got {array.dtype} such as "
      f"{array.flat[0]!r}; number the classes"
    )
  array = array.astype(np.int64)
  last = np.inf if num_classes is None else num_classes - 1
  outside = (array < 0) | (array > last)
  if outside.any():
    at = int(outside.argmax())
    upper = "" if num_classes is None else f" to {last}"
    raise UserError(
      f"labels: expected classes from 0{upper}, got {array[at]} at the "
      f"position {at}; leave out examples without a label"
    )
  return array


def check_probabilities(
  labels: Any, pred_probs: Any
) -> tuple[np.ndarray, np.ndarray]:
  """The labels as [N] int64, and their probabilities [N, K] as they are.

  Args:
    labels: N classes in 0..K−1.
    pred_probs: [N, K] of any float type, also memory-mapped; every row sums to
      1.

  Raises:
    UserError: they do not fit each other, or are something else.
  """
  # A memory map stays one.
  probabilities = np.asanyarray(pred_probs)
  if probabilities.ndim != 2 or probabilities.shape[1] < 2:
    raise UserError(
      "pred_probs: expected the probabilities of two or more classes, [N, K], "
      f"got the shape {list(probabilities.shape)}; give a row per example"
    )
  if probabilities.dtype.kind != "f":
    probabilities = probabilities.astype(np.float64)
  labels = check_labels(labels, probabilities.shape[1])
  if len(labels) != len(probabilities):
    raise UserError(
      f"pred_probs: expected {len(labels)} rows, one per label, got "
      f"{len(probabilities)}; give those of the same examples"
    )
  for start, rows in row_parts(probabilities):
    good = (rows >= -1e-6).all(1) & (rows <= 1 + 1e-3).all(1)
    good &= np.abs(rows.sum(1) - 1) <= _SUM_TOLERANCE
    if not good.all():
      at = int((~good).argmax())
      raise UserError(
        "pred_probs: expected probabilities in 0..1 that sum to 1 in every "
        f"row, got {np.round(rows[at, :4], 4).tolist()} with the sum "
        f"{rows[at].sum():.4g} in row {start + at}; apply a softmax to logits"
      )
  return labels, probabilities


def row_parts(array: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
  """Consecutive rows of [N, K] as float64, each with its first position."""
  step = max(1, _ENTRIES // array.shape[1])
  for start in range(0, len(array), step):
    yield start, np.asarray(array[start : start + step], np.float64)


def given_probability(labels: np.ndarray, pred_probs: np.ndarray) -> np.ndarray:
  """[N] float64, the probability of every given label."""
  return pred_probs[np.arange(len(labels)), labels].astype(np.float64)
