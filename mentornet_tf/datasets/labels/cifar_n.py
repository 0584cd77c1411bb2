"""The published noise rates of CIFAR-10N and CIFAR-100N.

From "Learning with Noisy Labels Revisited: A Study Using Real-World Human
Annotations" (Wei et al., ICLR 2022, arXiv 2110.12088), table 1, and the
authors' page of the labels.
"""

from typing import Any

_FINE = 0.4020  # of CIFAR-100N's fine labels
# Data set -> column -> share of the 50,000 labels that are noisy.
PUBLISHED_RATES = {
  "cifar10": {
    "aggre_label": 0.0901,
    "random_label1": 0.1723,
    "random_label2": 0.1812,
    "random_label3": 0.1764,
    "worse_label": 0.4021,
  },
  # The column's name differs between the published forms.
  "cifar100": {"noisy_label": _FINE, "noise_label": _FINE},
}

_NUM_IMAGES = 50_000
# Published to a hundredth of a percent.
_TOLERANCE = 0.0001


def describe_rate_difference(summary: dict[str, Any]) -> str | None:
  """One line if a set of human labels is not as noisy as was published.

  Args:
    summary: that of a training split, as records keep it.

  Returns:
    The line; None where the rates agree, or nothing is published about such
    labels or a part of the images.
  """
  noise = summary["noise"]
  published = PUBLISHED_RATES.get(summary["dataset"], {}).get(
    noise.get("label_key") or ""
  )
  if published is None or summary["num_examples"] != _NUM_IMAGES:
    return None
  measured = noise["measured_rate"]
  if abs(measured - published) <= _TOLERANCE:
    return None
  return (
    f"{noise['label_key']} was published with {published:.2%} noisy "
    f"labels, and here {measured:.2%} are; check that the file is complete and "
    "in the order of the images"
  )
