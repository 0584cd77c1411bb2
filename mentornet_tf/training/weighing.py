"""Weights of examples outside training, in their order."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from mentornet_tf.curricula.training_percent import training_percent
from mentornet_tf.errors import UserError
from mentornet_tf.internal.typing import Tensor
from mentornet_tf.training import ema, replicas
from mentornet_tf.training.example_losses import example_losses, single_loss

if TYPE_CHECKING:
  from mentornet_tf.training.mentored_model import MentoredModel


def weigh_examples(
  model: "MentoredModel", x: Any, y: Tensor | None, batch_size: int
) -> np.ndarray:
  """The [N] float32 weights that `MentoredModel.weigh` returns."""
  curriculum = model.curriculum
  if curriculum.uses_memory:
    raise UserError(
      "weigh: expected a curriculum that weighs by losses alone, got "
      f"{type(curriculum).__name__}, which weighs examples as training visits "
      "them; read their mean weights in memory.examples"
    )
  if curriculum.uses_losses and not curriculum.loss_moving_average.numpy():
    raise UserError(
      "weigh: expected a model that has trained, since the moving average of "
      "the loss percentile starts at 0, got one that has not; call fit first"
    )
  losses, masks = [], []
  with ema.with_averaged_weights(
    model.student, model.optimizer if model.weigh_by_average else None
  ):
    for batch in batches_of(x, y, batch_size):
      inputs, labels, sample_weight = keras.utils.unpack_x_y_sample_weight(
        batch
      )
      predicted = replicas.first_copy(model, model.predict_on_batch(inputs))
      y_pred = ops.convert_to_tensor(predicted)
      loss = single_loss(model, labels, y_pred)
      each = example_losses(loss, labels, y_pred, sample_weight)
      losses.append(ops.convert_to_numpy(each.values))
      masks.append(
        np.ones(len(losses[-1]), bool)
        if each.mask is None
        else ops.convert_to_numpy(each.mask)
      )
  if not losses:
    raise UserError("x: expected at least one example to weigh, got none")
  epoch = training_percent(int(model.step.numpy()), model.total_steps)
  weights = curriculum.weights_without_update(np.concatenate(losses), epoch)
  return ops.convert_to_numpy(weights) * np.concatenate(masks)


def batches_of(x: Any, y: Any, batch_size: int) -> Iterator[Any]:
  """Batches of arrays, or those that a data set yields, as NumPy arrays."""
  if isinstance(x, keras.utils.PyDataset):
    yield from (x[number] for number in range(x.num_batches))
  elif y is not None:
    yield from _slices(_as_arrays(x), np.asarray(y), batch_size)
  elif isinstance(x, np.ndarray | dict) or ops.is_tensor(x):
    raise UserError(
      "y: expected the labels of x, got none; give them, or a data set of "
      "batches (x, y)"
    )
  else:
    # Under other back ends a tf.data set still yields TensorFlow's tensors.
    yield from (_as_arrays(batch) for batch in x)


def _slices(x: Any, y: np.ndarray, batch_size: int) -> Iterator[Any]:
  leaves = keras.tree.flatten(x)
  if not all(np.ndim(each) for each in (y, *leaves)):
    raise UserError(
      "x, y: expected batches, got a single example; add an axis in front"
    )
  lengths = {len(each) for each in leaves}
  if lengths != {len(y)}:
    raise UserError(
      f"x, y: expected as many labels as inputs, got {len(y)} for "
      f"{' and '.join(map(str, sorted(lengths)))}; give one label per input"
    )
  for start in range(0, len(y), batch_size):
    part = slice(start, start + batch_size)
    yield keras.tree.map_structure(lambda each, p=part: each[p], (x, y))


def _as_arrays(values: Any) -> Any:
  if isinstance(values, list) and not hasattr(values[0], "shape"):
    return np.asarray(values)  # numbers, not several inputs
  return keras.tree.map_structure(np.asarray, values)
