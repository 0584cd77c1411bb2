"""Labels of known noise, with the probabilities that a model might give."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class SimulatedLabels:
  """N examples of K classes.

  Attributes:
    clean: [N] int64.
    labels: [N] int64, some of them noisy.
    pred_probs: [N, K] float64.
  """

  clean: np.ndarray
  labels: np.ndarray
  pred_probs: np.ndarray


def simulated(
  seed: int,
  number: int = 500,
  num_classes: int = 4,
  noise: float = 0.2,
  margin: float = 5.0,
) -> SimulatedLabels:
  """Symmetric noise, and a model whose logits lie `margin` apart."""
  random = np.random.default_rng(seed)
  clean = random.integers(0, num_classes, number)
  others = (clean + random.integers(1, num_classes, number)) % num_classes
  labels = np.where(random.random(number) < noise, others, clean)
  logits = random.normal(size=(number, num_classes))
  logits[np.arange(number), clean] += margin
  odds = np.exp(logits)
  return SimulatedLabels(clean, labels, odds / odds.sum(axis=1, keepdims=True))
