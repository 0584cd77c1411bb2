"""Averages over visits by hand, in float64."""

import numpy as np


def average(values: list, decay: float) -> np.ndarray:
  """The weighted mean of visits, each by `decay` less than the one after it."""
  weights = decay ** np.arange(len(values))[::-1]
  return np.average(np.array(values, np.float64), axis=0, weights=weights)


def remembered(positions, columns, num_examples, decay):
  """Column by name [N, …] float64, NaN without a visit, and visits [N]."""
  visits = np.bincount(positions, minlength=num_examples)
  averages = {}
  for name, values in columns.items():
    averages[name] = np.full((num_examples, *values.shape[1:]), np.nan)
    for each in np.flatnonzero(visits):
      averages[name][each] = average(list(values[positions == each]), decay)
  return averages, visits


def visits_of(rng, num_visits, num_examples, num_classes):
  """Random positions [M] and columns [M, …] of visits."""
  logits = 4 * rng.standard_normal((num_visits, num_classes))
  exp = np.exp(logits)
  return rng.integers(0, num_examples, num_visits), {
    "loss": rng.exponential(1, num_visits).astype(np.float32),
    "weight": rng.random(num_visits).astype(np.float32),
    "probabilities": (exp / exp.sum(1, keepdims=True)).astype(np.float32),
  }
