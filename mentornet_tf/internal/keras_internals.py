"""The few things of Keras' trainers that have no public name.

They are the same from Keras 3.10 on; tests/internal/test_keras_internals.py
tells when they change.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras.src.backend import get_keras_mask

from mentornet_tf.internal.typing import Tensor

__all__ = [
  "compiled_loss",
  "compiled_losses",
  "get_keras_mask",
  "loss_function",
  "mark_built",
]


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


def loss_function(
  loss: keras.losses.Loss,
) -> tuple[Callable[..., Tensor] | None, dict[str, Any]]:
  """The function that a loss calls, and its arguments by name.

  None and no arguments for a loss that is not made of a function.
  """
  function = getattr(loss, "fn", None)
  return function, dict(getattr(loss, "_fn_kwargs", {}) if function else {})


def mark_built(model: keras.Model, part: keras.Model) -> None:
  """Marks `model` as built for the inputs that `part` was built for.

  Keras exports a model by these shapes, which it would record only when it
  builds the model itself.
  """
  model.built = True
  inputs = getattr(part, "_inputs_struct", None)
  if isinstance(part, keras.Sequential):
    shape = part.input_shape
  elif inputs is not None:  # a functional model, whose inputs may be a dict
    shape = keras.tree.map_structure(lambda x: tuple(x.shape), inputs)
  else:
    shapes = getattr(part, "_build_shapes_dict", None) or {}
    shape = next(iter(shapes.values()), None)
  if shape is not None:
    model._build_shapes_dict = {"inputs_shape": shape}
