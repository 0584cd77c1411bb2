"""What a classifier returns, as probabilities and losses of given labels."""

import dataclasses
from typing import Any

import keras
import numpy as np

from mentornet_tf.errors import UserError
from mentornet_tf.internal.choices import check_choice
from mentornet_tf.internal.keras_internals import loss_function

OUTPUTS = ("detect", "logits", "probabilities")

# Losses of classes that exclude each other, and those of yes or no.
_CATEGORICAL = {
  keras.losses.categorical_crossentropy,
  keras.losses.sparse_categorical_crossentropy,
  keras.losses.categorical_focal_crossentropy,
}
_BINARY = {
  keras.losses.binary_crossentropy,
  keras.losses.binary_focal_crossentropy,
}
_SUM_TOLERANCE = 0.02


@dataclasses.dataclass(frozen=True)
class Classified:
  """A batch of B examples with K classes.

  Attributes:
    labels: [B] int64, given labels.
    probabilities: [B, K] float32.
    losses: [B] float64, −log p of the given labels, in nats.
  """

  labels: np.ndarray
  probabilities: np.ndarray
  losses: np.ndarray


def kind_of_outputs(
  losses: list[keras.losses.Loss], num_outputs: int, outputs: str = "detect"
) -> str:
  """Whether a model returns logits or probabilities.

  Args:
    losses: those that it was compiled with.
    num_outputs: how many it returns per example.
    outputs: one of `OUTPUTS`; "detect" asks the loss.

  Raises:
    UserError: the loss does not tell, or is one of no classes.
  """
  check_choice("outputs", outputs, OUTPUTS)
  if outputs != "detect":
    return outputs
  if len(losses) != 1:
    raise UserError(
      "outputs: expected 'logits' or 'probabilities' for a model without a "
      f"single compiled loss, got {len(losses)} losses; say which it returns"
    )
  function, arguments = loss_function(losses[0])
  if function not in _CATEGORICAL | _BINARY:
    name = getattr(function, "__name__", type(losses[0]).__name__)
    raise UserError(
      "model: expected a classifier with a cross-entropy as its loss, got "
      f"{name}; say `outputs` 'logits' or 'probabilities' if it has classes"
    )
  kind = "logits" if arguments.get("from_logits") else "probabilities"
  if function in _CATEGORICAL and num_outputs == 1:
    raise UserError(
      "model: expected an output per class for its loss, got one, whose "
      "softmax is always 1; end the model in two outputs, or use "
      "binary_crossentropy"
    )
  if function in _BINARY and num_outputs > 1 and kind == "logits":
    raise UserError(
      f"model: expected one class per example, got {num_outputs} outputs with "
      "a binary cross-entropy of logits; a model of several labels per example "
      "cannot be ranked"
    )
  return kind


def classify(kind: str, y: Any, y_pred: Any) -> Classified:
  """Probabilities and losses of a batch.

  Args:
    kind: what `kind_of_outputs` returns.
    y: labels: classes [B] or [B, 1], or one of K as [B, K].
    y_pred: [B, K] for K classes, or [B, 1] or [B] for the second of two.

  Raises:
    UserError: these are not the outputs and labels of a classifier.
  """
  outputs = np.asarray(y_pred, np.float64)
  if outputs.ndim == 1:
    outputs = outputs[:, np.newaxis]
  if outputs.ndim != 2:
    raise UserError(
      "model: expected one row of classes per example, [N, K], got outputs of "
      f"the shape {list(outputs.shape)}; rank a model that classifies whole "
      "examples"
    )
  if not np.isfinite(outputs).all():
    raise UserError(
      "model: expected finite outputs, got others; look for divergence in the "
      "training"
    )
  logs = _log_probabilities(kind, outputs)
  labels = class_labels(y, logs.shape[1])
  probabilities = np.exp(logs)
  if len(labels) != len(logs):
    raise UserError(
      f"y: expected {len(logs)} labels, got {len(labels)}; give one per example"
    )
  return Classified(
    labels,
    probabilities.astype(np.float32),
    -logs[np.arange(len(labels)), labels],
  )


def class_labels(y: Any, num_classes: int) -> np.ndarray:
  """[B] int64, the classes that labels of any form name.

  Raises:
    UserError: several classes, shares of classes, or none that there is.
  """
  values = np.asarray(y)
  if values.ndim == 2 and values.shape[1] == 1:
    values = values[:, 0]
  if values.ndim == 2 and values.shape[1] == num_classes:
    one_each = ((values == 0) | (values == 1)).all() and (
      values.sum(axis=1) == 1
    ).all()
    if not one_each:
      raise UserError(
        "y: expected one class per example, got rows with several or with "
        "shares of them; multi-label and soft labels cannot be ranked"
      )
    return values.argmax(axis=1)
  first = values.flat[0] if values.size else None
  if isinstance(first, str | bytes):
    raise UserError(
      f"y: expected numbers of classes from 0 to {num_classes - 1}, got names "
      f"such as {str(first)!r}; number them as in training, for instance "
      "np.unique(y, return_inverse=True)[1]"
    )
  whole = values.ndim == 1 and (
    values.dtype.kind in "iub"
    or (values.dtype.kind == "f" and (values == np.floor(values)).all())
  )
  if not whole or not ((values >= 0) & (values < num_classes)).all():
    raise UserError(
      f"y: expected classes from 0 to {num_classes - 1}, [N] or one of "
      f"{num_classes} as [N, {num_classes}], got {values.dtype} of the shape "
      f"{list(values.shape)}{_range(values)}; rank labels of classes"
    )
  return values.astype(np.int64)


def _range(values: np.ndarray) -> str:
  if not values.size or values.dtype.kind not in "iuf":
    return ""
  return f" from {values.min():g} to {values.max():g}"


def _log_probabilities(kind: str, outputs: np.ndarray) -> np.ndarray:
  """[B, K] float64, the logarithms of the probabilities of all classes."""
  is_binary = outputs.shape[1] == 1
  if kind == "logits":
    if is_binary:  # log σ(−z) and log σ(z)
      pair = np.concatenate([outputs, -outputs], axis=1)
      return -np.logaddexp(0, pair)
    highest = outputs.max(axis=1, keepdims=True)
    shifted = outputs - highest
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
  if is_binary:
    outputs = np.concatenate([1 - outputs, outputs], axis=1)
  sums = outputs.sum(axis=1)
  inside = (outputs >= -1e-6).all() and (outputs <= 1 + 1e-6).all()
  if not inside or (np.abs(sums - 1) > _SUM_TOLERANCE).any():
    raise UserError(
      "model: expected probabilities that sum to 1, got outputs from "
      f"{outputs.min():.4g} to {outputs.max():.4g} with sums from "
      f"{sums.min():.4g} to {sums.max():.4g}; compile logits with from_logits="
      "True; a model of several labels per example cannot be ranked"
    )
  # Probabilities of 0 stay apart from those of a class, and finite.
  return np.log(np.maximum(outputs, np.finfo(np.float32).tiny))
