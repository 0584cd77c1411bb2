"""What `fit` refuses of arrays before it trains."""

from typing import Any

import keras
import numpy as np

from mentornet_tf.errors import UserError

_NUMBER_THEM = (
  "number the classes by names, y = np.unique(y, return_inverse=True)"
)

_GIVE_ARRAYS = "turn lists into NumPy arrays"


def check_arrays(
  model: keras.Model, x: Any, y: Any, validation_data: Any = None
) -> None:
  """Raises UserError for arrays that no training takes.

  That is texts where numbers are expected, lists of numbers, and class numbers
  that the student has no output for. Data sets are not read.

  Args:
    model: which is to be trained, with its `student` and compiled loss.
    x: inputs, as `fit` takes them.
    y: labels, as `fit` takes them.
    validation_data: as `fit` takes it.

  Raises:
    UserError: one line that begins with "x", "y" or "validation_data".
  """
  _check_inputs(model.student, "x", x)
  _check_labels(model, "y", y)
  if isinstance(validation_data, tuple) and len(validation_data) > 1:
    _check_inputs(model.student, "validation_data", validation_data[0])
    _check_labels(model, "validation_data", validation_data[1])


def _check_inputs(student: keras.Model, name: str, x: Any) -> None:
  leaves = keras.tree.flatten(x)
  if _is_plain(leaves):
    advice = _GIVE_ARRAYS
    if isinstance(leaves[0], str | bytes):
      advice = "turn texts into numbers, for instance by TextVectorization"
    _refuse(name, "arrays", x, leaves[0], advice)
  for leaf in leaves:
    if not isinstance(leaf, np.ndarray) or not _is_text(leaf):
      continue
    takes_text = student.built and any(
      each.dtype == "string" for each in getattr(student, "inputs", None) or []
    )
    if takes_text and leaf.dtype.kind != "O":
      advice = "give texts as x.astype(object), which Keras takes"
      _refuse(name, "the dtype object", leaf, leaf.flat[0], advice)
    if not takes_text:
      advice = "turn texts into numbers, for instance by TextVectorization"
      _refuse(name, "numbers", leaf, leaf.flat[0], advice)


def _check_labels(model: keras.Model, name: str, y: Any) -> None:
  leaves = keras.tree.flatten(y)
  if _is_plain(leaves):
    is_text = isinstance(leaves[0], str | bytes)
    advice = _NUMBER_THEM if is_text else _GIVE_ARRAYS
    _refuse(name, "an array of labels", y, leaves[0], advice)
  if len(leaves) != 1:
    return  # none, or refused in training
  labels = leaves[0]
  if hasattr(labels, "to_numpy"):  # pandas
    labels = labels.to_numpy()
  if not isinstance(labels, np.ndarray) or not labels.size:
    return
  if _is_text(labels):
    _refuse(name, "numbers of classes", labels, labels.flat[0], _NUMBER_THEM)
  last, ignored = _last_class(model)
  if last is None or labels.dtype.kind not in "iuf":
    return
  inside = (labels >= 0) & (labels <= last)
  if ignored is not None:
    inside |= labels == ignored
  if not inside.all():
    at = int(np.argmin(inside.reshape(len(labels), -1).all(axis=1)))
    value = labels[at][~inside[at]].flat[0]
    if _is_binary(model.loss):
      expected = "labels from 0 to 1, as BinaryCrossentropy takes them"
      advice = _NUMBER_THEM
    else:
      expected = f"classes from 0 to {last}, the student's outputs"
      advice = f"{_NUMBER_THEM}, or build a student with an output for each"
    raise UserError(
      f"{name}: expected {expected}, got {value:g} at position {at}; {advice}"
    )


def _last_class(model: keras.Model) -> tuple[int | None, int | None]:
  """The greatest label that the loss takes, and the one that it ignores.

  None where that is not known, or there is none.
  """
  losses = keras.tree.flatten(getattr(model, "loss", None))
  if len(losses) != 1:
    return None, None
  (loss,) = losses
  if _is_binary(loss):
    return 1, None
  if not _is_one(
    loss, "SparseCategoricalCrossentropy", "sparse_categorical_crossentropy"
  ):
    return None, None
  try:
    shape = model.student.output_shape
  except AttributeError:  # not built yet
    return None, None
  if not isinstance(shape, tuple) or not isinstance(shape[-1], int):
    return None, None
  return shape[-1] - 1, getattr(loss, "ignore_class", None)


def _is_binary(loss: Any) -> bool:
  return any(
    _is_one(each, "BinaryCrossentropy", "binary_crossentropy")
    for each in keras.tree.flatten(loss)
  )


def _is_one(loss: Any, class_name: str, name: str) -> bool:
  """Whether a compiled loss is that of Keras, as object, function or name."""
  of_class = isinstance(loss, getattr(keras.losses, class_name))
  return of_class or loss in (class_name, name, getattr(keras.losses, name))


def _is_plain(leaves: list[Any]) -> bool:
  """Whether these are the elements of a list, not arrays."""
  kinds = str | bytes | int | float | np.generic
  return bool(leaves) and isinstance(leaves[0], kinds)


def _is_text(array: np.ndarray) -> bool:
  if array.dtype.kind == "O":
    return array.size > 0 and isinstance(array.flat[0], str | bytes)
  return array.dtype.kind in "US" and array.size > 0


def _refuse(
  name: str, expected: str, got: Any, element: Any, advice: str
) -> None:
  kind = "text" if isinstance(element, str | bytes) else type(element).__name__
  what = (
    "an array" if isinstance(got, np.ndarray) else f"a {type(got).__name__}"
  )
  shown = element.item() if isinstance(element, np.generic) else element
  raise UserError(
    f"{name}: expected {expected}, got {what} of {kind} such as "
    f"{shown!r:.40}; {advice}"
  )
