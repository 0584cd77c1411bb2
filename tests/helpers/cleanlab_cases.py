"""Cases in which label issues are compared with those of cleanlab.

  python tests/helpers/cleanlab_cases.py FILE

with cleanlab installed, and NumPy alone beside it, writes what it returns.
"""

import sys
from typing import Any

import numpy as np
from simulated_labels import SimulatedLabels, simulated

# Name -> seed and number of classes.
CASES = {
  "2 classes, seed 0": (0, 2),
  "3 classes, seed 0": (0, 3),
  "3 classes, seed 1": (1, 3),
  "4 classes, seed 1": (1, 4),
  "5 classes, seed 272": (272, 5),
}

_PRUNING = ("prune_by_noise_rate", "prune_by_class", "both")
_OTHERS = (
  "confident_learning",
  "predicted_neq_given",
  "low_normalized_margin",
  "low_self_confidence",
)
_SCORES = (
  "self_confidence",
  "normalized_margin",
  "confidence_weighted_entropy",
)


def options_by_name() -> dict[str, dict[str, Any]]:
  """Arguments of `find_label_issues`, as cleanlab takes them, too."""
  return {
    **{name: {"filter_by": name} for name in _PRUNING + _OTHERS},
    **{
      f"half {name}": {"filter_by": name, "frac_noise": 0.5}
      for name in _PRUNING
    },
    **{f"by {name}": {"return_indices_ranked_by": name} for name in _SCORES},
  }


def tied(data: SimulatedLabels) -> bool:
  """Whether cells of the joint's row lose the same when rounded.

  Which of them is rounded up is arbitrary, and may move a single label.
  """
  labels, p = data.labels, data.pred_probs
  num_classes = p.shape[1]
  least = np.array([p[labels == k, k].mean() for k in range(num_classes)])
  above = p >= least - 1e-6
  chosen = np.where(above.sum(1) > 1, p.argmax(1), above.argmax(1))
  joint = np.zeros((num_classes, num_classes))
  np.add.at(joint, (labels[above.any(1)], chosen[above.any(1)]), 1)
  np.fill_diagonal(joint, np.maximum(joint.diagonal(), 1))
  joint *= (np.bincount(labels) / joint.sum(1))[:, np.newaxis]
  lost = np.sort(np.round(joint % 1, 9), axis=1)
  return bool(((np.diff(lost, axis=1) == 0) & (lost[:, 1:] > 0)).any())


def main(file: str) -> None:
  from cleanlab.filter import find_label_issues

  found = {}
  for name, (seed, num_classes) in CASES.items():
    data = simulated(seed, 200, num_classes, noise=0.3, margin=1.5)
    for each, arguments in options_by_name().items():
      found[f"{name}/{each}"] = find_label_issues(
        data.labels, data.pred_probs, n_jobs=1, **arguments
      )
  np.savez_compressed(file, **found)


if __name__ == "__main__":
  main(sys.argv[1])
