"""The few things of Keras' trainers that have no public name.

They are the same from Keras 3.10 on; tests/internal/test_keras_internals.py
tells when they change.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras.src.backend import get_keras_mask
from keras.src.backend.common.stateless_scope import in_stateless_scope

from mentornet_tf.internal.typing import Tensor

__all__ = [
  "compiled_loss",
  "compiled_losses",
  "get_keras_mask",
  "has_loss_weights",
  "has_losses_of_calls",
  "in_stateless_scope",
  "loss_function",
  "mark_built",
  "own_statistics",
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


def has_loss_weights(model: keras.Model) -> bool:
  """Whether `model` was compiled with `loss_weights`."""
  return model._compile_loss._user_loss_weights is not None


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


def own_statistics(model: keras.Model) -> list[keras.Variable]:
  """What the layers of `model` keep of the batches they are trained on.

  Without those of layers that see the batches of all replicas.
  """
  return [
    variable
    for layer in model._flatten_layers(include_self=False)
    if layer.trainable and not getattr(layer, "synchronized", False)
    for variable in layer._non_trainable_variables
    if "float" in variable.dtype
  ]


def has_losses_of_calls(model: keras.Model) -> bool:
  """Whether layers of `model` added losses when they were last called."""
  return any(layer._losses for layer in model._flatten_layers())
