"""Label quality: scores in 0..1 of how well a label suits its example.

J. Kuan and J. Mueller, Model-agnostic label quality scoring to detect
real-world label errors, ICML DataPerf workshop 2022.
"""

import numpy as np

from mentornet_tf.analysis.confident_learning import thresholds
from mentornet_tf.analysis.label_arrays import (
  given_probability,
  row_parts,
)
from mentornet_tf.internal.choices import check_choice

METHODS = (
  "self_confidence",
  "normalized_margin",
  "confidence_weighted_entropy",
)


def quality_scores(
  labels: np.ndarray,
  pred_probs: np.ndarray,
  method: str = "self_confidence",
  adjust_pred_probs: bool = False,
) -> np.ndarray:
  """[N] float64 in 0..1; the lower, the more suspect the label.

  With p the probabilities of an example, g its given label and H the entropy:

  - self_confidence: p_g;
  - normalized_margin: (p_g − max over k ≠ g of p_k + 1) / 2;
  - confidence_weighted_entropy: 1 / (1 + e) with e = H(p) / (log K · p_g).

  Args:
    labels: [N] int64.
    pred_probs: [N, K], rows sum to 1.
    method: one of the three.
    adjust_pred_probs: whether classes of which the model is less sure are
      scored alike: p_k becomes p_k − t_k + max(t), scaled to sum 1, with the
      confident learning thresholds t.

  Raises:
    UserError: another method.
  """
  check_choice("method", method, METHODS)
  if adjust_pred_probs:
    shift = thresholds(labels, pred_probs)
    shift = shift[np.isfinite(shift)].max() - np.where(
      np.isfinite(shift), shift, 0.0
    )
  scores = np.empty(len(labels))
  for start, rows in row_parts(pred_probs):
    part = slice(start, start + len(rows))
    if adjust_pred_probs:
      rows = rows + shift
      rows = rows / rows.sum(axis=1, keepdims=True)
    scores[part] = _scores(labels[part], rows, method)
  return scores


def _scores(labels: np.ndarray, rows: np.ndarray, method: str) -> np.ndarray:
  given = given_probability(labels, rows)
  if method == "self_confidence":
    return given
  if method == "normalized_margin":
    others = rows.copy()
    others[np.arange(len(rows)), labels] = -np.inf
    return (given - others.max(axis=1) + 1) / 2
  logs = np.log(np.maximum(rows, np.finfo(np.float64).tiny))
  entropy = -(rows * logs).sum(axis=1) / np.log(rows.shape[1])
  # 1 / (1 + e), also where the given label has no probability at all.
  return given / np.maximum(given + entropy, np.finfo(np.float64).tiny)
