"""How well weights tell clean labels from wrong ones."""

import numpy as np
from sklearn.metrics import roc_auc_score

# An example counts as selected above this weight.
SELECTED_ABOVE = 0.5


def weight_quality(
  weights: np.ndarray, is_clean: np.ndarray
) -> dict[str, float]:
  """Precision, recall and ROC AUC of the weights at finding clean labels.

  Args:
    weights: [N] weights before example dropout.
    is_clean: [N] bool, whether the label is the true one.

  Returns:
    "label_precision": share of clean labels among the selected examples
    (weight > 0.5); "label_recall": share of the clean labels that are selected;
    "weight_auc": area under the ROC curve. NaN where undefined: nothing
    selected, no clean label, one class only.
  """
  selected = weights > SELECTED_ABOVE
  selected_clean = np.count_nonzero(selected & is_clean)
  num_clean = np.count_nonzero(is_clean)
  both_kinds = 0 < num_clean < len(is_clean)
  return {
    "label_precision": _ratio(selected_clean, np.count_nonzero(selected)),
    "label_recall": _ratio(selected_clean, num_clean),
    "weight_auc": float(roc_auc_score(is_clean, weights))
    if both_kinds
    else float("nan"),
  }


def _ratio(part: int, whole: int) -> float:
  return part / whole if whole else float("nan")
