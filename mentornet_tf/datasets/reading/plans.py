"""Which images a training batch holds and how they are varied, as numbers.

The same batches as `in_memory.training_batches`, for whoever cuts the images
elsewhere than on the host. Imports no TensorFlow.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mentornet_tf.datasets.reading.preparation import Augmentation
from mentornet_tf.errors import UserError
from mentornet_tf.internal import stateless_random

# Each random decision has its own stream: (seed, stream) is folded with the
# pass over the data, or with the step.
ORDER_STREAM, CROP_STREAM, FLIP_STREAM = 1, 2, 3

# With TensorFlow's default of 4 rounds the orders of two passes over 50,000
# images correlate by 0.75; with 16 or more they do not correlate.
SHUFFLE_ROUNDS = 24

# Batches whose crops are drawn at a time, which costs little more than one.
_DRAWN_AT_ONCE = 128


@dataclass(frozen=True)
class BatchPlan:
  """One training batch of B images.

  Attributes:
    index: [B] int32, which images.
    corner: [B, 2] int32, top and left of the squares on the canvas.
    mirrored: [B] bool, which squares are flipped left to right.
  """

  index: np.ndarray
  corner: np.ndarray
  mirrored: np.ndarray


class BatchPlans:
  """The endless training batches of N images; each pass visits every one once.

  Batch k depends on (N, batch_size, augmentation, seed, k) alone, and any k
  takes the same time.

  Args:
    num_images: N, at least 1.
    batch_size: B, at least 1.
    augmentation: how images are varied.
    seed: seed of order, crops and flips, at least 0.

  Raises:
    UserError: an argument is outside its bounds.
  """

  def __init__(
    self,
    num_images: int,
    batch_size: int,
    augmentation: Augmentation,
    seed: int,
  ):
    check_at_least("images", num_images, 1)
    check_at_least("batch_size", batch_size, 1)
    check_at_least("seed", seed, 0)
    self._num_images = num_images
    self._batch_size = batch_size
    self._augmentation = augmentation
    self._seed = seed
    # A batch may lie across the end of a pass.
    self._order = lru_cache(maxsize=2)(self._order_of_pass)
    self._crops = lru_cache(maxsize=2)(self._crops_of_group)

  def __getitem__(self, step: int) -> BatchPlan:
    """Batch `step`, from 0."""
    group, place = divmod(step, _DRAWN_AT_ONCE)
    corner, mirrored = self._crops(group)
    return BatchPlan(self._index(step), corner[place], mirrored[place])

  def _index(self, step: int) -> np.ndarray:
    first = step * self._batch_size
    parts, missing = [], self._batch_size
    while missing:
      number, start = divmod(first, self._num_images)
      parts.append(self._order(number)[start : start + missing])
      missing -= len(parts[-1])
      first += len(parts[-1])
    return np.concatenate(parts)

  def _order_of_pass(self, number: int) -> np.ndarray:
    key = (self._seed, ORDER_STREAM, number)
    order = stateless_random.permutation(key, self._num_images, SHUFFLE_ROUNDS)
    return order.astype(np.int32)

  def _crops_of_group(self, group: int) -> tuple[np.ndarray, np.ndarray]:
    """Corners [G, B, 2] and flips [G, B] of G batches."""
    count = self._batch_size
    steps = np.arange(_DRAWN_AT_ONCE) + group * _DRAWN_AT_ONCE

    def seeds(stream: int) -> np.ndarray:
      return stateless_random.fold_in(np.array([self._seed, stream]), steps)

    corner = stateless_random.uniform_integers(
      seeds(CROP_STREAM), 2 * count, 2 * self._augmentation.padding + 1
    )
    corner = corner.reshape(-1, count, 2).astype(np.int32)
    if not self._augmentation.flip:
      return corner, np.zeros(corner.shape[:2], bool)
    return corner, (
      stateless_random.uniform_floats(seeds(FLIP_STREAM), count) < 0.5
    )


def canvas_offset(side: int, canvas: int) -> int:
  """Where a canvas begins on a side of an image; below 0 where it is padded."""
  # Halves are rounded towards zero, as tf.image.resize_with_crop_or_pad does.
  return int((side - canvas) / 2)


def check_at_least(name: str, value: int, least: int) -> None:
  """Raises UserError unless the argument `name` is at least `least`."""
  if value < least:
    raise UserError(
      f"{name}: expected at least {least}, got {value}; choose another"
    )
