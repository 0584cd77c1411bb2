"""Optimizer steps of a mentor: many per call, with the data on the device.

A mentor is so small that dispatching a step from Python costs more than the
step. So the examples stay on the device, the weights are one flat vector, and a
call runs a step for each of many batches.
"""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from mentornet_tf.mentor_training.recipes import MentorRecipe

# In float32 from the start: 1 − β₂ then has a relative difference of 5e-5 from
# 0.001, as golden `mentor_training` shows.
_BETA_1, _BETA_2, _EPSILON = map(np.float32, (0.9, 0.999, 1e-8))


@dataclass(frozen=True)
class AdamState:
  """Weights and optimizer state; P is the number of trainable weights.

  Attributes:
    weights: [P] float32, the trainable weights in the mentor's order.
    mean: [P] float32, moving average of the gradient.
    square: [P] float32, moving average of the squared gradient.
    beta_1_power: float32 scalar, 0.9 ** (step + 1), as the original keeps it.
    beta_2_power: float32 scalar, 0.999 ** (step + 1).
    step: steps done.
  """

  weights: np.ndarray
  mean: np.ndarray
  square: np.ndarray
  beta_1_power: np.ndarray
  beta_2_power: np.ndarray
  step: int


class MentorSteps:
  """Runs Adam on a mentor.

  This is TensorFlow 1's form of Adam, with ε outside the bias correction
  (golden `mentor_training`).

  Args:
    mentor: the network; training starts from its trainable weights, and
      `assign` writes the current ones back.
    features: [N, F] examples, the F features of the mentor.
    targets: [N] target weights.
    recipe: batch size, rates, clipping and compilation.
    loss_kind: "cross_entropy" or "squared_error".
  """

  def __init__(
    self,
    mentor: keras.Model,
    features: np.ndarray,
    targets: np.ndarray,
    recipe: MentorRecipe,
    loss_kind: str,
  ):
    self._mentor = mentor
    self._recipe = recipe
    self._loss_kind = loss_kind
    self._shapes = [tuple(v.shape) for v in mentor.trainable_variables]
    self._rows = tf.constant(
      np.concatenate([features, targets[:, None]], axis=1), tf.float32
    )
    self._frozen = [v.value for v in mentor.non_trainable_variables]
    weights = np.concatenate(
      [np.ravel(v.numpy()) for v in mentor.trainable_variables]
    )
    self.state = AdamState(
      weights=weights,
      mean=np.zeros_like(weights),
      square=np.zeros_like(weights),
      beta_1_power=_BETA_1,
      beta_2_power=_BETA_2,
      step=0,
    )
    self._run = tf.function(
      self._run_steps, jit_compile=recipe.compile_steps or None
    )

  def run(self, batches: np.ndarray, count: int | None = None) -> np.ndarray:
    """Takes one step per batch.

    Args:
      batches: [K, B] int32, the rows of the examples in each batch.
      count: how many of the K batches to use; None uses all. Calls with equal K
        share one trace.

    Returns:
      [count] float32 losses, each computed before its step.
    """
    count = len(batches) if count is None else count
    state = self.state
    rates = self._recipe.learning_rates(state.step, len(batches))
    *tensors, losses = self._run(
      *(tf.constant(value) for value in _tensors(state)),
      tf.constant(batches, tf.int32),
      tf.constant(rates),
      tf.constant(count),
    )
    weights, mean, square, power_1, power_2 = (
      tensor.numpy() for tensor in tensors
    )
    self.state = AdamState(
      weights, mean, square, power_1, power_2, state.step + count
    )
    return losses.numpy()[:count]

  def assign(self) -> None:
    """Writes the current weights into the mentor."""
    weights = self._split(tf.constant(self.state.weights))
    for variable, value in zip(
      self._mentor.trainable_variables, weights, strict=True
    ):
      variable.assign(value)

  def _split(self, flat) -> list[tf.Tensor]:
    sizes = [int(np.prod(shape)) for shape in self._shapes]
    pieces = tf.split(flat, sizes)
    return [
      tf.reshape(piece, shape)
      for piece, shape in zip(pieces, self._shapes, strict=True)
    ]

  def _run_steps(
    self, weights, mean, square, power_1, power_2, batches, rates, count
  ):
    def step(k, weights, mean, square, power_1, power_2, losses):
      loss, gradient = self._loss_and_gradient(
        self._split(weights), tf.gather(self._rows, batches[k])
      )
      mean += (gradient - mean) * (1 - _BETA_1)
      square += (tf.square(gradient) - square) * (1 - _BETA_2)
      rate = rates[k] * tf.sqrt(1 - power_2) / (1 - power_1)
      weights -= rate * mean / (tf.sqrt(square) + _EPSILON)
      losses = tf.tensor_scatter_nd_update(losses, [[k]], [loss])
      powers = (power_1 * _BETA_1, power_2 * _BETA_2)
      return k + 1, weights, mean, square, *powers, losses

    start = (0, weights, mean, square, power_1, power_2, tf.zeros_like(rates))
    return tf.while_loop(lambda k, *_: k < count, step, start)[1:]

  def _loss_and_gradient(self, weights, rows):
    features, targets = rows[:, :-1], rows[:, -1:]
    with tf.GradientTape() as tape:
      tape.watch(weights)
      logits, _ = self._mentor.stateless_call(weights, self._frozen, features)
      loss = tf.reduce_mean(loss_per_example(self._loss_kind, targets, logits))
    gradients = tape.gradient(loss, weights)
    if self._recipe.clip_norm is not None:
      # Embedding gradients still have one row per example here, as in the
      # original.
      gradients, _ = tf.clip_by_global_norm(gradients, self._recipe.clip_norm)
    flat = [tf.reshape(tf.convert_to_tensor(g), [-1]) for g in gradients]
    return loss, tf.concat(flat, 0)


def loss_per_example(
  kind: str, targets: tf.Tensor, logits: tf.Tensor
) -> tf.Tensor:
  """[B, 1] losses from [B, 1] targets and logits."""
  if kind == "cross_entropy":
    return tf.nn.sigmoid_cross_entropy_with_logits(
      labels=targets, logits=logits
    )
  return tf.square(targets - tf.sigmoid(logits))


def _tensors(state: AdamState) -> tuple[np.ndarray, ...]:
  return (
    state.weights,
    state.mean,
    state.square,
    state.beta_1_power,
    state.beta_2_power,
  )
