"""Class probabilities [B, C] from what a student predicts."""

import inspect

import keras
from keras import ops

from mentornet_tf.errors import UserError
from mentornet_tf.internal.typing import Tensor


def class_probabilities(
  loss: keras.losses.Loss, y_pred: Tensor, from_logits: bool | None = None
) -> Tensor:
  """[B, C] float32 in 0..1; rows sum to 1.

  Args:
    loss: the compiled loss, which tells whether predictions are logits.
    y_pred: [B, C], or [B, 1] of a binary classifier, which has two classes.
    from_logits: whether they are logits; None takes it from the loss.

  Raises:
    UserError: predictions of another shape, or a loss that does not tell.
  """
  (y_pred,) = keras.tree.flatten(y_pred)
  if len(y_pred.shape) != 2:
    raise UserError(
      "student: expected predictions [batch, classes], got the shape "
      f"{list(y_pred.shape)}; train without `memory` and `refining`"
    )
  y_pred = ops.cast(y_pred, "float32")
  if from_logits is None:
    from_logits = _takes_logits(loss)
  if y_pred.shape[1] == 1:
    positive = ops.sigmoid(y_pred) if from_logits else y_pred
    return ops.concatenate([1 - positive, positive], axis=1)
  if from_logits:
    return ops.softmax(y_pred)
  # As Keras' cross-entropy does.
  return ops.divide_no_nan(y_pred, ops.sum(y_pred, axis=1, keepdims=True))


def class_log_probabilities(loss: keras.losses.Loss, y_pred: Tensor) -> Tensor:
  """[B, C] float32, the logarithms of `class_probabilities`, never infinite."""
  (y_pred,) = keras.tree.flatten(y_pred)
  if y_pred.shape[-1] != 1 and _takes_logits(loss):
    return ops.log_softmax(ops.cast(y_pred, "float32"))
  smallest = keras.config.epsilon()  # as Keras' cross-entropy does
  return ops.log(ops.maximum(class_probabilities(loss, y_pred), smallest))


def class_labels(y: Tensor, y_pred: Tensor) -> Tensor:
  """[B] int32, the given class of each example.

  Args:
    y: class numbers [B] or [B, 1], or a share per class [B, C].
    y_pred: predictions [B, C], or [B, 1] of a binary classifier.
  """
  (y,), (y_pred,) = keras.tree.flatten(y), keras.tree.flatten(y_pred)
  y = ops.convert_to_tensor(y)
  if len(y.shape) == 2 and y.shape[1] != 1 and y.shape[1] == y_pred.shape[1]:
    return ops.cast(ops.argmax(y, axis=1), "int32")
  return ops.cast(
    ops.round(ops.reshape(ops.cast(y, "float32"), (-1,))), "int32"
  )


def _takes_logits(loss: keras.losses.Loss) -> bool:
  if hasattr(loss, "from_logits"):
    return bool(loss.from_logits)
  # Where Keras was given a function, or its name.
  function = getattr(loss, "fn", None)
  parameters = inspect.signature(function).parameters if function else {}
  if "from_logits" in parameters:
    return bool(parameters["from_logits"].default)
  raise UserError(
    "from_logits: expected True or False beside a loss without this argument, "
    f"got none for {getattr(loss, 'name', loss)}; give it to TrainingMemory, "
    "and refine labels under a cross-entropy of Keras"
  )
