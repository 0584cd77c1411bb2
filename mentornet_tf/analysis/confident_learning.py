"""Confident learning: the joint distribution of given and suggested labels.

C. G. Northcutt, L. Jiang and I. L. Chuang, Confident Learning: Estimating
Uncertainty in Dataset Labels, JAIR 70 (2021), section 3; arXiv:1911.00068.
"""

import numpy as np

from mentornet_tf.analysis.label_arrays import (
  given_probability,
  row_parts,
)
from mentornet_tf.errors import UserError

# Means of equal numbers differ from them by less.
_ROUNDING = 1e-6


def thresholds(labels: np.ndarray, pred_probs: np.ndarray) -> np.ndarray:
  """[K] float64 t_j, the mean probability of class j where it is given (eq. 2).

  Infinite for a class that no label names: no example can be confident in it.
  """
  num_classes = pred_probs.shape[1]
  counts = np.bincount(labels, minlength=num_classes)
  sums = np.bincount(
    labels, given_probability(labels, pred_probs), minlength=num_classes
  )
  with np.errstate(invalid="ignore"):
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)


def confident_classes(labels: np.ndarray, pred_probs: np.ndarray) -> np.ndarray:
  """[N] int64, the class in which each example is confident; −1 without one.

  That is the class j with p_j ≥ t_j, and the most probable of all classes where
  there are several of these (Algorithm 1 of the paper).
  """
  least = thresholds(labels, pred_probs) - _ROUNDING
  chosen = np.empty(len(labels), np.int64)
  for start, rows in row_parts(pred_probs):
    confident = rows >= least
    number = confident.sum(axis=1)
    found = np.where(number == 0, -1, confident.argmax(axis=1))
    chosen[start : start + len(rows)] = np.where(
      number > 1, rows.argmax(axis=1), found
    )
  return chosen


def confident_joint(
  labels: np.ndarray, chosen: np.ndarray, num_classes: int
) -> np.ndarray:
  """[K, K] int64 C, examples by given label i and confident class j (eq. 1).

  Every class counts at least one clean label, so that no row is empty.

  Args:
    labels: [N] int64, given labels.
    chosen: [N] int64, what `confident_classes` returns.
    num_classes: K.
  """
  counted = chosen >= 0
  cells = labels[counted] * num_classes + chosen[counted]
  joint = np.bincount(cells, minlength=num_classes**2).reshape(
    num_classes, num_classes
  )
  np.fill_diagonal(joint, np.maximum(joint.diagonal(), 1))
  return joint


def calibrated(joint: np.ndarray, class_counts: np.ndarray) -> np.ndarray:
  """[K, K] float64 N·Q̂, the joint scaled to the counts of the labels (eq. 3).

  Row i sums to the number of labels i.

  Args:
    joint: [K, K], what `confident_joint` returns, or other counts.
    class_counts: [K], how many labels each class has.
  """
  return joint * (class_counts / np.maximum(joint.sum(axis=1), 1e-300))[:, None]


def rounded_rows(counts: np.ndarray) -> np.ndarray:
  """[K, K] int64: every row rounded to whole numbers that keep its total.

  The cells that lose most by being rounded down are rounded up, of equal ones
  the later.
  """
  whole = np.floor(counts + _ROUNDING).astype(np.int64)
  missing = np.rint(counts.sum(axis=1)).astype(np.int64) - whole.sum(axis=1)
  lost = np.round(counts - whole, 9)
  ranks = np.argsort(np.argsort(lost, axis=1, kind="stable"), axis=1)
  return whole + (ranks >= counts.shape[1] - missing[:, None])


def check_joint(joint: np.ndarray, num_classes: int) -> np.ndarray:
  """A confident joint that a user gives, as [K, K] float64."""
  array = np.asarray(joint, np.float64)
  if array.shape != (num_classes, num_classes) or not (array >= 0).all():
    raise UserError(
      f"confident_joint: expected counts [{num_classes}, {num_classes}] of at "
      f"least 0, got the shape {list(array.shape)}; leave it out to have it "
      "counted"
    )
  return array
