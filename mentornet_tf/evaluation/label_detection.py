"""How well weights and suspicion scores tell clean labels from noisy ones."""

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

# An example counts as selected above this weight.
SELECTED_ABOVE = 0.5


def weight_quality(
  weights: np.ndarray, is_clean: np.ndarray
) -> dict[str, float]:
  """How the weights of clean and noisy labels differ.

  Args:
    weights: [N] weights before example dropout.
    is_clean: [N] bool, whether the label is clean.

  Returns:
    "label_precision": share of clean labels among the selected examples
    (weight > 0.5); "label_recall": share of the clean labels that are selected;
    "weight_auc": the label-noise detection AUROC, the area under the ROC curve;
    "clean_weight" and "noisy_weight": mean weights of either kind. NaN where
    undefined: nothing selected, or no label of a kind.
  """
  selected = weights > SELECTED_ABOVE
  num_selected = int(np.count_nonzero(selected))
  num_clean = int(np.count_nonzero(is_clean))
  selected_clean = int(np.count_nonzero(selected & is_clean))
  num_noisy = len(is_clean) - num_clean
  return {
    "label_precision": _ratio(selected_clean, num_selected),
    "label_recall": _ratio(selected_clean, num_clean),
    "weight_auc": float(roc_auc_score(is_clean, weights))
    if num_clean and num_noisy
    else float("nan"),
    "clean_weight": _ratio(weights[is_clean].sum(dtype=float), num_clean),
    "noisy_weight": _ratio(weights[~is_clean].sum(dtype=float), num_noisy),
  }


def detection_quality(
  suspicion: np.ndarray, is_noisy: np.ndarray
) -> dict[str, float | None]:
  """AUROC, average precision and precision at the number of noisy labels.

  Args:
    suspicion: [N], higher is more suspect.
    is_noisy: [N] bool, whether the label is noisy.

  Returns:
    "roc_auc", "average_precision" and "precision_at_num_wrong", each in 0..1;
    None where all labels are clean or all are noisy.
  """
  num_noisy = np.count_nonzero(is_noisy)
  if not 0 < num_noisy < len(is_noisy):
    return dict.fromkeys(
      ("roc_auc", "average_precision", "precision_at_num_wrong")
    )
  most_suspect = np.argsort(-suspicion, kind="stable")[:num_noisy]
  return {
    "roc_auc": float(roc_auc_score(is_noisy, suspicion)),
    "average_precision": float(average_precision_score(is_noisy, suspicion)),
    "precision_at_num_wrong": float(is_noisy[most_suspect].mean()),
  }


def _ratio(part: float, whole: int) -> float:
  return float(part) / whole if whole else float("nan")
