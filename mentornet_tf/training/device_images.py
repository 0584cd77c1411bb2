"""Training images that lie on the device and are cut within the step.

Only which images, corners and flips travel from the host in a step: a few
hundred bytes instead of a batch of pixels.
"""

import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from mentornet_tf.datasets.reading.plans import (
  BatchPlan,
  BatchPlans,
  canvas_offset,
)
from mentornet_tf.datasets.reading.preparation import Augmentation
from mentornet_tf.errors import UserError
from mentornet_tf.internal.typing import Tensor

# Images that `standardize` prepares at a time.
_AT_ONCE = 1024
_PLAN = ("index", "corner", "mirrored")


class DeviceImages:
  """N labeled images on the device, and the training batches of them.

  `MentoredModel.fit` takes it in place of arrays and cuts, flips and
  standardizes the images within the compiled step. Batch k depends on
  (N, batch_size, augmentation, seed, k) alone, is the same under every Keras
  back end, and is the one of model step k: a training that continues at step k
  sees what an uninterrupted one would have seen. Each pass visits every image
  once; batches lie across the ends of passes.

  The images are never saved with a model, which predicts, evaluates and exports
  as without them: on images prepared by `standardize`.

  Args:
    images: [N, height, width, channels] uint8.
    labels: [N, …], in any form that the compiled loss takes.
    batch_size: B.
    augmentation: how images are varied; by default not at all.
    seed: seed of order, crops and flips, at least 0.
    sample_weight: [N] or [N, …], factors of the losses, or None.

  Raises:
    UserError: an argument of another kind, or more bytes than the device has.
  """

  def __init__(
    self,
    images: np.ndarray,
    labels: np.ndarray,
    batch_size: int = 128,
    augmentation: Augmentation | None = None,
    *,
    seed: int = 0,
    sample_weight: np.ndarray | None = None,
  ):
    images = _checked_images(images)
    self._labels = _column("labels", labels, len(images))
    self._weight = None
    if sample_weight is not None:
      self._weight = _column("sample_weight", sample_weight, len(images))
    if augmentation is None:
      side = min(images.shape[1:3])
      augmentation = Augmentation(padding=0, crop=side, flip=False)
    self._augmentation = augmentation
    self._plans = BatchPlans(len(images), batch_size, augmentation, seed)
    self._length = max(1, len(images) // batch_size)
    _check_fits_device(images.nbytes)
    self._pixels = keras.Variable(
      images, dtype="uint8", trainable=False, name="device_images"
    )

  def __len__(self) -> int:
    """Whole batches of a pass, at least 1: the steps of an epoch."""
    return self._length

  def __getitem__(self, step: int) -> tuple[Any, ...]:
    """Batch `step` as `fit` takes it: (plan, labels) and the sample weights."""
    plan = self._plans[step]
    columns = [self._labels[plan.index]]
    if self._weight is not None:
      columns.append(self._weight[plan.index])
    return (plan_inputs(plan), *columns)

  @property
  def pixels(self) -> keras.Variable:
    """[N, height, width, channels] uint8, on the device."""
    return self._pixels

  def prepared(self, plan: Mapping[str, Tensor]) -> Tensor:
    """The images of a batch, [B, crop, crop, channels] float32.

    Args:
      plan: "index", "corner" and "mirrored", the attributes of a `BatchPlan`.
    """
    return prepared_images(self._pixels, plan, self._augmentation)


class EpochBatches(keras.utils.PyDataset):
  """The batches of one epoch of `fit`, those of the model's next steps.

  Args:
    images: where batches come from.
    model: whose `step` tells at which batch an epoch begins.
    length: batches of an epoch; None for those of a pass.
  """

  def __init__(self, images: DeviceImages, model: Any, length: int | None):
    super().__init__()
    self._images, self._model = images, model
    self._length = length or len(images)
    self.on_epoch_begin()

  def on_epoch_begin(self) -> None:
    """Callbacks may have restored the model meanwhile."""
    self._first = int(ops.convert_to_numpy(self._model.step))

  def __len__(self) -> int:
    return self._length

  def __getitem__(self, number: int) -> tuple[Any, ...]:
    return self._images[self._first + number]


def plan_inputs(plan: BatchPlan) -> dict[str, np.ndarray]:
  """A plan in the form that models and `prepared_images` take."""
  return {name: getattr(plan, name) for name in _PLAN}


def is_plan(x: Any) -> bool:
  """Whether inputs of a model are a plan rather than images."""
  return isinstance(x, Mapping) and set(x) == set(_PLAN)


def prepared_images(
  pixels: Tensor, plan: Mapping[str, Tensor], augmentation: Augmentation
) -> Tensor:
  """Cuts, flips and standardizes a batch of images.

  Args:
    pixels: [N, height, width, channels] uint8, all images.
    plan: "index", "corner" and "mirrored", the attributes of a `BatchPlan`.
    augmentation: that of the plan.

  Returns:
    [B, crop, crop, channels] float32.
  """
  size = augmentation.crop
  canvas = size + 2 * augmentation.padding
  _, height, width, channels = pixels.shape
  line = ops.arange(size, dtype="int32")[None]
  across = ops.where(plan["mirrored"][:, None], size - 1 - line, line)
  row = line + plan["corner"][:, :1] + canvas_offset(height, canvas)
  column = across + plan["corner"][:, 1:] + canvas_offset(width, canvas)
  # Whole images first, which lie in one piece; their numbers of pixels may
  # exceed int32.
  images = ops.take(pixels, plan["index"], axis=0)
  count = ops.shape(images)[0]
  first = ops.arange(count, dtype="int32")[:, None] * height
  pixel = ops.where(
    _within(row, height)[:, :, None] & _within(column, width)[:, None, :],
    ((first + row) * width)[:, :, None] + column[:, None, :],
    # The pixel after the last is the zero that padding reads.
    count * height * width,
  )
  images = ops.reshape(images, (-1, channels))
  zero = ops.zeros_like(images[:1])
  return _standardized(ops.take(ops.concatenate([images, zero]), pixel, axis=0))


def standardize(images: np.ndarray, size: int | None = None) -> np.ndarray:
  """Images as a student that trains on `DeviceImages` takes them.

  Center-cropped or zero-padded, then per image
  (x - mean) / max(standard deviation, 1 / sqrt(number of values)).

  Args:
    images: [N, height, width, channels] uint8.
    size: side of the squares in pixels; None keeps height and width.

  Returns:
    float32 [N, size, size, channels], or of the same shape.

  Raises:
    UserError: the images are of another kind.
  """
  images = _checked_images(images)
  parts = []
  for first in range(0, len(images), _AT_ONCE):
    part = ops.convert_to_tensor(images[first : first + _AT_ONCE])
    if size is None:
      part = _standardized(part)
    else:
      crop = Augmentation(padding=0, crop=size, flip=False)
      part = prepared_images(part, _center_plan(len(part)), crop)
    parts.append(ops.convert_to_numpy(part))
  return np.concatenate(parts)


def _standardized(pixels: Tensor) -> Tensor:
  """Source: golden `preprocess`; as `datasets.reading.in_memory` does."""
  flat = ops.reshape(pixels, (-1, math.prod(pixels.shape[1:])))
  flat = ops.cast(flat, "float32")
  flat -= ops.mean(flat, axis=1, keepdims=True)
  deviation = ops.sqrt(ops.mean(flat * flat, axis=1, keepdims=True))
  # One division per image; one per pixel costs more than all the rest.
  scale = 1 / ops.maximum(deviation, flat.shape[1] ** -0.5)
  return ops.reshape(flat * scale, (-1, *pixels.shape[1:]))


def _within(position: Tensor, side: int) -> Tensor:
  return ops.logical_and(position >= 0, position < side)


def _center_plan(count: int) -> dict[str, np.ndarray]:
  """All of `count` images, in order, their squares from the center."""
  return plan_inputs(
    BatchPlan(
      np.arange(count, dtype=np.int32),
      np.zeros([count, 2], np.int32),
      np.zeros(count, bool),
    )
  )


def _checked_images(images: np.ndarray) -> np.ndarray:
  images = np.asarray(images)
  if images.dtype != np.uint8 or images.ndim != 4 or not images.size:
    raise UserError(
      "images: expected uint8 pixels [N, height, width, channels], got "
      f"{images.dtype} {list(images.shape)}; give them as they were decoded, "
      "0 to 255 and not standardized"
    )
  return images


def _column(name: str, values: np.ndarray, num_images: int) -> np.ndarray:
  values = np.asarray(values)
  if not values.ndim or len(values) != num_images:
    raise UserError(
      f"{name}: expected one of each of the {num_images} images, got shape "
      f"{list(values.shape)}; give them in the order of the images"
    )
  return values


def _check_fits_device(num_bytes: int) -> None:
  """Known under JAX only, and there not of every device."""
  if keras.backend.backend() != "jax":
    return
  import jax

  memory = jax.local_devices()[0].memory_stats() or {}
  limit = memory.get("bytes_limit")
  if limit is not None and num_bytes > limit - memory.get("bytes_in_use", 0):
    raise UserError(
      f"images: expected at most the {limit:,} bytes of the device, some of "
      f"them in use, got {num_bytes:,}; feed batches from the host instead"
    )
