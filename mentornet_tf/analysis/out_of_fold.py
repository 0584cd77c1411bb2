"""Probabilities of examples by models that have not trained on them."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from mentornet_tf.analysis.label_arrays import check_labels
from mentornet_tf.analysis.model_ranking import evaluated
from mentornet_tf.errors import UserError
from mentornet_tf.internal.progress import ProgressBar

_ADAPTED = (
  keras.layers.Normalization,
  keras.layers.Discretization,
  keras.layers.StringLookup,
  keras.layers.IntegerLookup,
  keras.layers.TextVectorization,
)


def out_of_fold(
  model: keras.Model | Callable[[], keras.Model],
  x: Any,
  y: Any,
  *,
  folds: int,
  seed: int = 0,
  fit_arguments: Mapping[str, Any] | None = None,
  batch_size: int = 32,
  outputs: str = "detect",
) -> dict[str, Any]:
  """What `SuspectLabels.from_arrays` takes, by cross-validation.

  The examples of every class are spread evenly over the folds; a new model
  trains on all folds but one, and gives the probabilities of that one.

  Args:
    model: a function that builds and compiles a new model; or a compiled model
      whose architecture is trained anew, from new weights.
    x: N inputs in arrays, or structures of them.
    y: N labels: classes [N] or [N, 1], or one of K as [N, K].
    folds: how many; at most the number of examples of the rarest class.
    seed: of the folds. That of initial weights and batches is the caller's
      (`keras.utils.set_random_seed`).
    fit_arguments: of each training, such as {"epochs": 10}.
    batch_size: of the evaluations.
    outputs: see `model_ranking.evaluated`.

  Returns:
    As `model_ranking.evaluated`, without weights.

  Raises:
    UserError: a class has fewer examples than there are folds, an argument is
      out of range, or the model cannot be built anew.
  """
  labels = _classes_of(x, y)
  assignment = stratified_folds(labels, folds, seed)
  arguments = dict(fit_arguments or {})
  taken = sorted({"x", "y"} & arguments.keys())
  if taken:
    raise UserError(
      f"fit_arguments: expected none of the data, got {', '.join(taken)}; the "
      "folds are the data of each training"
    )
  arguments.setdefault("verbose", 0)
  y = np.asarray(y)
  arrays: dict[str, np.ndarray] = {}
  with ProgressBar("folds", total=folds) as bar:
    for fold in range(folds):
      held_out = np.flatnonzero(assignment == fold)
      others = np.flatnonzero(assignment != fold)
      trained = _new_model(model)
      trained.fit(_taken(x, others), y[others], **arguments)
      part = evaluated(
        trained,
        _taken(x, held_out),
        y[held_out],
        batch_size=batch_size,
        outputs=outputs,
        shown=False,
      )
      part.pop("weight", None)
      for name, values in part.items():
        if name not in arrays:
          arrays[name] = np.zeros((len(y), *values.shape[1:]), values.dtype)
        arrays[name][held_out] = values
      bar.advance()
  return arrays


def stratified_folds(labels: np.ndarray, folds: int, seed: int) -> np.ndarray:
  """[N] int64, the fold of each example.

  Every class is dealt to the folds in random order, each class beginning where
  the last one ended: folds and their classes differ by one example at most.

  Args:
    labels: [N] int64.
    folds: at least 2, at most the size of the smallest class.
    seed: of the order.

  Raises:
    UserError: an argument is out of range.
  """
  is_whole = isinstance(folds, int | np.integer) and not isinstance(folds, bool)
  if not is_whole or folds < 2:
    raise UserError(
      f"folds: expected a whole number of at least 2, got {folds!r}; try 5"
    )
  counts = np.bincount(labels)
  rare = np.flatnonzero((counts > 0) & (counts < folds))
  if len(rare):
    raise UserError(
      f"folds: expected at most {counts[rare[0]]}, the number of examples of "
      f"the class {rare[0]}, got {folds}; with more, a fold would lack the "
      "class"
    )
  random = np.random.default_rng(seed)
  order = random.permutation(len(labels))
  order = order[np.argsort(labels[order], kind="stable")]
  assignment = np.empty(len(labels), np.int64)
  assignment[order] = np.arange(len(labels)) % folds
  return assignment


def _classes_of(x: Any, y: Any) -> np.ndarray:
  if y is None:
    raise UserError(
      "y: expected the labels of x for `folds`, got none; give arrays, of "
      "which the folds are taken"
    )
  labels = np.asarray(y)
  lengths = {
    len(leaf) if hasattr(leaf, "shape") else -1
    for leaf in keras.tree.flatten(x)
  }
  if lengths != {len(labels)}:
    raise UserError(
      f"x: expected arrays of {len(labels)} examples for `folds`, got "
      f"{type(x).__name__}; give arrays as long as y"
    )
  if labels.ndim == 2:
    return labels.argmax(axis=1) if labels.shape[1] > 1 else labels[:, 0]
  return check_labels(labels)


def _taken(x: Any, positions: np.ndarray) -> Any:
  return keras.tree.map_structure(lambda each: np.asarray(each)[positions], x)


def _new_model(model: keras.Model | Callable[[], keras.Model]) -> keras.Model:
  if not isinstance(model, keras.Model):
    built = model()
    if not isinstance(built, keras.Model):
      raise UserError(
        f"model: expected a function that returns a Keras model, got "
        f"{type(built).__name__} from it; build and compile one there"
      )
    return built
  _check_clonable(model)
  clone = keras.models.clone_model(model)
  clone.compile_from_config(model.get_compile_config())
  return clone


def _check_clonable(model: keras.Model) -> None:
  """Refuses a model that is more than its architecture."""
  advice = "give a function that builds and compiles the model"
  is_plain = type(model).__module__.partition(".")[0] == "keras"
  if not is_plain:
    raise UserError(
      f"model: expected a plain Keras model for `folds`, got "
      f"{type(model).__name__}, whose parts a clone would lose; {advice}"
    )
  for layer in model._flatten_layers():
    frozen = layer.weights and not layer.trainable
    if frozen or isinstance(layer, _ADAPTED):
      raise UserError(
        f"model: expected no frozen or adapted layers for `folds`, got "
        f"{layer.name}, whose state a clone would lose; {advice}"
      )
  if not model.get_compile_config():
    raise UserError(
      f"model: expected a compiled model for `folds`, got one that is not; "
      f"{advice}"
    )
