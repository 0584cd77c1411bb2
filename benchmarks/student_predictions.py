"""What a student predicts on the JAX back end, in large batches."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from mentornet_tf.training.ema import averaged_weights

_AT_ONCE = 1000


def predictor(
  model: Any, prepared: Callable[[Any], Any] = lambda images: images
) -> Callable[[Any], np.ndarray]:
  """A function from images [N, …] to logits [N, C] of their classes.

  Args:
    model: whose student predicts, or the average of its weights where the
      optimizer keeps one.
    prepared: from some of the images to what the student takes.
  """
  student = model.student

  @jax.jit
  def predicted(weights: list[Any], others: list[Any], images: Any) -> Any:
    logits, _ = student.stateless_call(weights, others, images, training=False)
    return logits

  def predict(images: Any) -> np.ndarray:
    weights = averaged_weights(model.optimizer) or student.trainable_variables
    values = [v.value for v in weights]
    others = [v.value for v in student.non_trainable_variables]
    parts = [
      predicted(values, others, prepared(images[i : i + _AT_ONCE]))
      for i in range(0, len(images), _AT_ONCE)
    ]
    return np.concatenate(jax.device_get(parts))

  return predict
