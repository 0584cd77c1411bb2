"""Initial weights of a Keras network from a file, but for its last layer."""

import os
from collections.abc import Sequence
from pathlib import Path

import h5py
import keras
import numpy as np

from mentornet_tf.errors import UserError

# Raised on reading a damaged or foreign file.
_UNREADABLE = (OSError, ValueError, KeyError, TypeError)


def load_image_net_weights(
  body: keras.Model, path: str | os.PathLike[str]
) -> None:
  """Sets all weights of `body`, a network without its last layer.

  Args:
    body: the network, from images to features.
    path: weights of the same network; a dense layer at its end is ignored.
      `.keras` is a whole model, `.weights.h5` a file of Keras 3's
      `save_weights`, any other `.h5` weights or a whole model as Keras 2 wrote
      them, such as the files that Keras offers for download.

  Raises:
    UserError: there is no such file, it cannot be read, or it holds weights of
      another number or shape; `body` may then have changed.
  """
  path = Path(path)
  if not path.is_file():
    raise UserError(
      f"{path}: expected a file with the weights of {body.name}, got no such "
      "file; check the path, or leave it out to start from random weights"
    )
  if path.name.endswith(".weights.h5"):
    _load_named(body, path)
  elif path.suffix == ".keras":
    _assign(body, _values_of_model(path), path)
  elif path.suffix in (".h5", ".hdf5"):
    _assign(body, _values_in_order(path), path)
  else:
    raise UserError(
      f"{path}: expected weights in a file that ends in .keras, .weights.h5 or "
      f".h5, got {path.suffix or 'no ending'}; convert or rename the file"
    )


def _load_named(body: keras.Model, path: Path) -> None:
  try:
    body.load_weights(path)
  except _UNREADABLE as error:
    raise UserError(_unfit(body, path, _first_line(error))) from error


def _values_of_model(path: Path) -> list[list[np.ndarray]]:
  try:
    model = keras.saving.load_model(path, compile=False)
  except _UNREADABLE as error:
    raise UserError(_unreadable(path, error)) from error
  return [
    [variable.numpy() for variable in _variables(layer)]
    for layer in model.layers
    if layer.weights
  ]


def _values_in_order(path: Path) -> list[list[np.ndarray]]:
  """The weights of each layer that has some, in the file's order."""
  try:
    with h5py.File(path) as file:
      group = file.get("model_weights", file)
      layers = [group[name] for name in group.attrs["layer_names"]]
      values = [
        [np.asarray(layer[name]) for name in layer.attrs["weight_names"]]
        for layer in layers
      ]
  except _UNREADABLE as error:
    raise UserError(_unreadable(path, error)) from error
  return [layer for layer in values if layer]


def _variables(layer: keras.layers.Layer) -> list[keras.Variable]:
  """A layer's weights in the order in which files store them."""
  return layer.trainable_weights + layer.non_trainable_weights


def _assign(
  body: keras.Model, values: Sequence[Sequence[np.ndarray]], path: Path
) -> None:
  layers = [layer for layer in body.layers if layer.weights]
  # A last layer in the file: its kernel has two axes.
  if len(values) == len(layers) + 1 and values[-1][0].ndim == 2:
    values = values[:-1]
  if len(values) != len(layers):
    raise UserError(
      _unfit(body, path, f"{len(values)} layers with weights", len(layers))
    )
  for layer, given in zip(layers, values, strict=True):
    variables = _variables(layer)
    expected = [tuple(variable.shape) for variable in variables]
    shapes = [value.shape for value in given]
    if shapes != expected:
      raise UserError(
        f"{path}: expected weights of the shapes {expected} for the layer "
        f"{layer.name} of {body.name}, got {shapes}; give a file of the same "
        "network"
      )
    for variable, value in zip(variables, given, strict=True):
      variable.assign(value)


def _unfit(
  body: keras.Model, path: Path, got: str, num_layers: int | None = None
) -> str:
  layers = "" if num_layers is None else f", {num_layers} layers with weights"
  return (
    f"{path}: expected the weights of {body.name}{layers}, got {got}; give a "
    "file of the same network"
  )


def _unreadable(path: Path, error: Exception) -> str:
  return (
    f"{path}: expected a file of weights that Keras wrote, got something else "
    f"({_first_line(error)}); download or save it again"
  )


def _first_line(error: Exception) -> str:
  return str(error).strip().partition("\n")[0]
