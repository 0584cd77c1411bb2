"""Estimated percentiles from made-up losses, under any Keras back end."""

import numpy as np

import mentornet_tf as mn


def two_modes(rng, share, count):
  """Losses as those of a network that has learnt the clean labels."""
  is_clean = rng.random(count) < share
  low, high = rng.gamma(1, 0.3, count), rng.normal(5, 1.5, count)
  return np.where(is_clean, low, np.abs(high)).astype(np.float32)


def batches(count=30):
  rng = np.random.default_rng(3)
  return [two_modes(rng, 0.4, 64) for _ in range(count)]


def estimates() -> list[list[float]]:
  """Percentile in use and loss percentile of every step."""
  curriculum = mn.ThresholdCurriculum(loss_p_percentile="auto")
  steps = [curriculum.weigh(loss, 3) for loss in batches()]
  return [[float(s.percentile), float(s.percentile_loss)] for s in steps]


def on_replicas(strategy) -> list[list[list[float]]]:
  """The same on each of several replicas."""
  import tensorflow as tf

  with strategy.scope():
    curriculum = mn.ThresholdCurriculum(loss_p_percentile="auto")

  @tf.function
  def step(loss):
    def weigh():
      weighed = curriculum.weigh(loss, 3)
      return tf.stack([weighed.percentile, weighed.percentile_loss])

    return strategy.experimental_local_results(strategy.run(weigh))

  steps = [
    [v.numpy().tolist() for v in step(tf.constant(loss))] for loss in batches()
  ]
  return [list(each) for each in zip(*steps, strict=True)]
