"""The few things of Keras' trainers that have no public name.

They are the same from Keras 3.10 on; tests/internal/test_keras_internals.py
tells when they change.
"""

import keras
from keras.src.backend import get_keras_mask

from mentornet_tf.internal.typing import Tensor

__all__ = ["compiled_loss", "compiled_losses", "get_keras_mask"]


def compiled_losses(
  model: keras.Model, y: Tensor, y_pred: Tensor
) -> list[keras.losses.Loss]:
  """The losses that `model` was compiled with, as Keras resolved them.

  A name or function has become a `keras.losses.Loss`, by the shapes of labels
  and predictions where the name leaves that open.
  """
  compiled = model._compile_loss
  if compiled is None:
    return []
  if not compiled.built:
    compiled.build(y, y_pred)
  return [each.loss for each in compiled._flat_losses]


def compiled_loss(
  model: keras.Model, y: Tensor, y_pred: Tensor, sample_weight: Tensor
) -> Tensor:
  """The scalar of the compiled loss alone, without penalties."""
  return model._compile_loss(y, y_pred, sample_weight)
