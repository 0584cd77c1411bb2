"""What training remembers and a mentor that sees it, by hand, in float64."""

import numpy as np

import mentornet_tf as mn


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


def memory_mentor(seed=1):
  """One whose weights depend on every feature, between 0 and 1."""
  mentor = mn.MemoryMentor(hidden_nodes=4, seed=seed)
  rng = np.random.default_rng(seed)
  typical = np.array([1, 0, 1, 0, -1.5, -1.5, 0.5, 50])
  spread = np.array([1, 1, 1, 1, 1, 1, 0.5, 30])
  mentor.adapt(typical + spread * rng.normal(size=(50, 8)))
  for weight in mentor.trainable_variables:
    weight.assign(rng.normal(size=weight.shape))
  return mentor


def nearest_rank(values, share):
  """The nearest rank, from above."""
  order = np.sort(values)[::-1]
  return order[int(np.round((len(values) - 1) * (1 - share)))]


def weights_by_hand(network, columns):
  mean, scale, *layers = (
    np.asarray(w, np.float64)
    for w in (
      network.feature_mean,
      network.feature_scale,
      *network.trainable_variables,
    )
  )
  hidden = np.tanh((columns - mean) / scale @ layers[0] + layers[1])
  return 1 / (1 + np.exp(-(hidden @ layers[2] + layers[3])[:, 0]))
