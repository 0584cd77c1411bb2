"""A ranking of labels by a model, from one pass over any data."""

import io
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops
from rich.console import Console

from mentornet_tf.analysis.model_outputs import (
  Classified,
  class_labels,
  classify,
  kind_of_outputs,
)
from mentornet_tf.curricula.training_percent import training_percent
from mentornet_tf.errors import UserError
from mentornet_tf.internal.keras_internals import compiled_losses
from mentornet_tf.internal.progress import ProgressBar
from mentornet_tf.training import ema, replicas
from mentornet_tf.training.example_losses import (
  example_losses,
  pack_labels,
  single_loss,
)
from mentornet_tf.training.mentored_model import MentoredModel
from mentornet_tf.training.weighing import batches_of


def evaluated(
  model: keras.Model,
  x: Any,
  y: Any = None,
  *,
  batch_size: int = 32,
  outputs: str = "detect",
  shown: bool = True,
) -> dict[str, Any]:
  """What `SuspectLabels.from_arrays` takes, from one pass over the data.

  Args:
    model: a classifier; a `MentoredModel` that has trained gives weights, too.
    x: inputs in arrays, or structures of them; or a finite data set of batches
      with their labels (`tf.data`, `PyDataset`, any iterable).
    y: labels of the arrays: classes [N] or [N, 1], or one of K as [N, K].
    batch_size: of arrays.
    outputs: "logits" or "probabilities", what the model returns; "detect" asks
      the compiled loss.
    shown: whether a terminal shows the progress.

  Returns:
    "labels" [N] int64, "pred_probs" [N, K] float32, "loss" [N] float64 and of a
    `MentoredModel` "weight" [N] float32.

  Raises:
    UserError: the model classifies nothing, the data do not fit it, or they
      come in another order with every pass.
  """
  _check_data(x)
  weighing = isinstance(model, MentoredModel) and _has_weights(model)
  parts: list[Classified] = []
  curriculum_losses: list[np.ndarray] = []
  kind, first = None, None
  averaged = weighing and model.weigh_by_average
  with (
    _bar(x, y, batch_size, shown) as bar,
    ema.with_averaged_weights(
      model.student if averaged else model,
      model.optimizer if averaged else None,
    ),
  ):
    for batch in batches_of(x, y, batch_size):
      inputs, labels, _ = keras.utils.unpack_x_y_sample_weight(batch)
      predicted = replicas.first_copy(model, model.predict_on_batch(inputs))
      y_pred = np.asarray(_one_output(predicted))
      labels = _one_output(labels, "y")
      if kind is None:
        losses = _losses(model, labels, y_pred)
        width = y_pred.shape[1] if y_pred.ndim > 1 else 1
        kind = kind_of_outputs(losses, width, outputs)
        first = inputs, labels
        _check_all_labels(y, max(width, 2))
      parts.append(classify(kind, labels, y_pred))
      if weighing:
        curriculum_losses.append(_compiled_losses_of(model, labels, y_pred))
      bar.advance()
  if not parts:
    raise UserError("x: expected at least one example to rank, got none")
  if y is None:
    _check_order(x, first)
  arrays = {
    "labels": np.concatenate([part.labels for part in parts]),
    "pred_probs": np.concatenate([part.probabilities for part in parts]),
    "loss": np.concatenate([part.losses for part in parts]),
  }
  if weighing:
    arrays["weight"] = ops.convert_to_numpy(
      model.curriculum.weights_without_update(
        np.concatenate(curriculum_losses),
        training_percent(int(model.step.numpy()), model.total_steps),
      )
    )
  return arrays


def _bar(x: Any, y: Any, batch_size: int, shown: bool) -> ProgressBar:
  return ProgressBar(
    "ranking",
    None if shown else Console(file=io.StringIO()),
    total=_number_of_batches(x, y, batch_size),
  )


def _check_data(x: Any) -> None:
  endless = getattr(x, "cardinality", None)
  if endless is not None and int(endless()) == -1:
    raise UserError(
      "x: expected a finite data set, got one that repeats without end; leave "
      "out repeat()"
    )
  if isinstance(x, keras.utils.PyDataset) and x.num_batches is None:
    raise UserError(
      "x: expected a finite data set, got a PyDataset whose num_batches is "
      "None; give it a number of batches"
    )
  if isinstance(x, Iterator):
    raise UserError(
      "x: expected a data set that can be read again, got an iterator; pass "
      "what makes it, or arrays"
    )


def _has_weights(model: MentoredModel) -> bool:
  """Whether the curriculum has seen losses, or needs none; nor a memory."""
  curriculum = model.curriculum
  if curriculum.uses_memory:
    return False
  return not curriculum.uses_losses or bool(
    curriculum.loss_moving_average.numpy()
  )


def _number_of_batches(x: Any, y: Any, batch_size: int) -> int | None:
  if y is not None:
    return -(-len(y) // batch_size)
  try:
    number = x.num_batches if hasattr(x, "num_batches") else len(x)
  except TypeError:
    return None
  return int(number)


def _one_output(value: Any, name: str = "model") -> Any:
  leaves = keras.tree.flatten(value)
  if value is None or len(leaves) != 1:
    what = "output" if name == "model" else "set of labels"
    count = 0 if value is None else len(leaves)
    raise UserError(
      f"{name}: expected one {what}, got {count}; rank labels of one kind"
    )
  return leaves[0]


def _check_all_labels(y: Any, num_classes: int) -> None:
  """Refuses labels of arrays by what all of them are, not those of a batch."""
  leaves = keras.tree.flatten(y)
  if len(leaves) == 1 and y is not None:
    class_labels(leaves[0], num_classes)


def _losses(
  model: keras.Model, y: np.ndarray, y_pred: np.ndarray
) -> list[keras.losses.Loss]:
  return compiled_losses(
    model, ops.convert_to_tensor(y), ops.convert_to_tensor(y_pred)
  )


def _compiled_losses_of(
  model: MentoredModel, labels: np.ndarray, y_pred: np.ndarray
) -> np.ndarray:
  predictions = ops.convert_to_tensor(y_pred)
  labels = pack_labels(labels, predictions)
  loss = single_loss(model, labels, predictions)
  return ops.convert_to_numpy(example_losses(loss, labels, predictions).values)


def _check_order(x: Any, first: Any) -> None:
  """Refuses data whose next pass would begin with another batch."""
  again = next(iter(batches_of(x, None, 1)), None)
  if again is not None:
    again = keras.utils.unpack_x_y_sample_weight(again)[:2]
    old, new = (keras.tree.flatten(each) for each in (first, again))
    if len(old) == len(new) and all(map(_equal, old, new)):
      return
  raise UserError(
    "x: expected the same batches in every pass, got others in the second; "
    "rank data that are neither shuffled nor augmented at random"
  )


def _equal(a: Any, b: Any) -> bool:
  a, b = np.asarray(a), np.asarray(b)
  is_number = a.dtype.kind == "f" and b.dtype.kind == "f"
  return np.array_equal(a, b, equal_nan=is_number)
