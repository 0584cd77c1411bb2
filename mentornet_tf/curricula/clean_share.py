"""The share of clean labels, estimated from the losses as training goes.

Where labels are noisy, the losses of a student that has begun to learn and does
not memorize yet have two modes: small ones, mostly of clean labels, and large
ones. A mixture of two Gaussians is fitted to them (Arazo et al. 2019 fit one of
two Beta distributions, arXiv 1904.11238); the weight of its lower component is
the estimate.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from mentornet_tf.internal.typing import Tensor

# Before the losses tell anything: the constant percentile's default.
INITIAL_SHARE = 0.7
_LEAST_SHARE, _GREATEST_SHARE = 0.05, 0.95

# A histogram of the latest losses, whose bins are narrow (18 %) at every scale.
_LOG_LOWEST, _LOG_HIGHEST, _NUM_BINS = -10.0, 6.0, 96
_CENTERS = np.exp(np.linspace(_LOG_LOWEST, _LOG_HIGHEST, _NUM_BINS))
_MEMORY = 2500.0  # losses, of an exponential forgetting
_FEWEST = 500.0  # losses before anything is fitted

_STEPS_PER_FIT = 10
_ITERATIONS = 30
# The losses are mixed as log(1 + ℓ / (2 · mean ℓ)): large ones, of which some
# are ten times the others, then neither split nor widen their component.
_KNEE = 2.0
# Two modes are told apart at this distance of the means over the root mean
# square of the standard deviations; below it the estimate stays as it is.
_LEAST_SEPARATION = 1.5
# How far the estimate moves towards each fit.
_RATE = 0.1
_LEAST_VARIANCE = 1e-3  # of a component, over that of all losses


class CleanShareEstimate(keras.layers.Layer):
  """Follows the losses of batches and estimates the share of clean labels.

  Knows nothing but the losses. All of its state are variables.

  Attributes:
    share: float32 scalar variable in 0.05..0.95, the estimate.
  """

  def __init__(self, **kwargs: Any):
    kwargs.setdefault("dtype", "float32")
    super().__init__(autocast=False, **kwargs)
    self.share = self._variable("share", (), INITIAL_SHARE)
    self._histogram = self._variable("histogram", (_NUM_BINS,), 0.0)
    self._steps = self._variable("steps", (), 0.0)
    self.built = True

  def _variable(
    self, name: str, shape: tuple[int, ...], value: float
  ) -> keras.Variable:
    return self.add_weight(
      name=name,
      shape=shape,
      initializer=keras.initializers.Constant(value),
      trainable=False,
    )

  def update(self, loss: Tensor, mask: Tensor | None = None) -> Tensor:
    """Takes a batch into account and gives the estimate.

    Args:
      loss: [B] float32; those that are not finite are left out, and those of 0
        and below count as very small.
      mask: [B] bool, which of them count; None where all do.

    Returns:
      The float32 scalar `share`.
    """
    usable = ops.isfinite(loss)
    counts = usable if mask is None else ops.logical_and(usable, mask)
    new = _histogram(ops.where(usable, loss, 1.0), ops.cast(counts, "float32"))
    kept = ops.maximum(1.0 - ops.sum(new) / _MEMORY, 0.0)
    histogram = kept * self._histogram.value + new
    steps = self._steps.value + 1.0
    due = ops.logical_and(
      steps >= _STEPS_PER_FIT, ops.sum(histogram) >= _FEWEST
    )
    before = self.share.value
    share = ops.cond(
      due, lambda: _next_share(histogram, before), lambda: ops.copy(before)
    )
    self._histogram.assign(histogram)
    self._steps.assign(ops.where(due, 0.0, steps))
    self.share.assign(share)
    return share


def _histogram(loss: Tensor, count: Tensor) -> Tensor:
  """[bins] float32, how many of the losses [B] lie in each bin."""
  log_loss = ops.log(ops.maximum(loss, 1e-30))
  position = (log_loss - _LOG_LOWEST) / (_LOG_HIGHEST - _LOG_LOWEST)
  position = ops.clip(position, 0.0, 1.0) * (_NUM_BINS - 1)
  bins = ops.one_hot(ops.cast(ops.round(position), "int32"), _NUM_BINS)
  return ops.sum(bins * count[:, None], axis=0)


def _next_share(histogram: Tensor, share: Tensor) -> Tensor:
  fitted, separation = fit_mixture(histogram)
  fitted = ops.clip(fitted, _LEAST_SHARE, _GREATEST_SHARE)
  moved = share + _RATE * (fitted - share)
  return ops.where(separation >= _LEAST_SEPARATION, moved, share)


def fit_mixture(histogram: Tensor) -> tuple[Tensor, Tensor]:
  """Fits two Gaussians to a histogram of losses, by EM from a split in two.

  Args:
    histogram: [96] float32 counts of losses, in the bins of this module.

  Returns:
    The weight of the lower component, and the distance of the means over the
    root mean square of the standard deviations; two float32 scalars.
  """
  mass = histogram / ops.sum(histogram)
  centers = ops.convert_to_tensor(_CENTERS.astype(np.float32))
  x = ops.log1p(centers / (_KNEE * ops.sum(mass * centers)))
  mean = ops.sum(mass * x)
  floor = _LEAST_VARIANCE * ops.sum(mass * ops.square(x - mean)) + 1e-9

  def components(lower: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Weights, means and variances, [2] each, where `lower` belongs to one."""
    parts = ops.stack([lower, 1.0 - lower]) * mass
    weight = ops.sum(parts, axis=1) + 1e-6
    means = ops.sum(parts * x, axis=1) / weight
    spread = ops.square(x - means[:, None])
    variance = ops.sum(parts * spread, axis=1) / weight + floor
    return weight / ops.sum(weight), means, variance

  def iterate(_: Tensor, lower: Tensor) -> Tensor:
    weight, means, variance = components(lower)
    log_density = (
      ops.log(weight)[:, None]
      - 0.5 * ops.square(x - means[:, None]) / variance[:, None]
      - 0.5 * ops.log(variance)[:, None]
    )
    return ops.sigmoid(log_density[0] - log_density[1])

  start = ops.where(x <= mean, 0.7, 0.3)
  lower = ops.fori_loop(0, _ITERATIONS, iterate, ops.cast(start, "float32"))
  weight, means, variance = components(lower)
  separation = (means[1] - means[0]) / ops.sqrt(ops.mean(variance))
  return weight[0], separation
