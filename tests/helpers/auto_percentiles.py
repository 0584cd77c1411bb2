"""Estimated percentiles from made-up losses, under any Keras back end."""

import keras
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

  def step(loss):
    weighed = curriculum.weigh(loss, 3)
    return weighed.percentile, weighed.percentile_loss

  if keras.backend.backend() == "jax":
    step = _compiled(step, curriculum.variables)
  return [list(map(float, step(loss))) for loss in batches()]


def _compiled(step, variables):
  """A function of JAX, which else compiles the loops of every step anew."""
  import jax

  @jax.jit
  def stateless(values, loss):
    state = zip(variables, values, strict=True)
    with keras.StatelessScope(state_mapping=state) as scope:
      result = step(loss)
    return result, [scope.get_current_value(v) for v in variables]

  def stateful(loss):
    result, values = stateless([v.value for v in variables], loss)
    for variable, value in zip(variables, values, strict=True):
      variable.assign(value)
    return result

  return stateful


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
