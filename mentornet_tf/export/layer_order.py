"""What the first and the last layers of a student say about its values."""

from typing import Any

import keras

# They move pixels about, or do nothing outside training.
_KEEP_PIXEL_VALUES = (
  keras.layers.CenterCrop,
  keras.layers.Cropping2D,
  keras.layers.GaussianNoise,
  keras.layers.Identity,
  keras.layers.RandomBrightness,
  keras.layers.RandomContrast,
  keras.layers.RandomCrop,
  keras.layers.RandomFlip,
  keras.layers.RandomRotation,
  keras.layers.RandomTranslation,
  keras.layers.RandomZoom,
  keras.layers.Resizing,
)
# Means of logits are logits, and means of probabilities are probabilities.
_KEEP_KIND_OF_OUTPUT = (
  keras.layers.AveragePooling2D,
  keras.layers.Flatten,
  keras.layers.GlobalAveragePooling2D,
  keras.layers.Identity,
  keras.layers.Reshape,
)
_LINEAR_MAPS = (
  keras.layers.Conv2D,
  keras.layers.Dense,
  keras.layers.EinsumDense,
)
_ACTIVATIONS = {
  keras.activations.linear: "linear",
  keras.activations.log_softmax: "linear",  # softmax gives them back
  keras.activations.sigmoid: "sigmoid",
  keras.activations.softmax: "softmax",
}
# The largest deviation of values in -1..1, and that of standardized images, is
# 1. A layer that divides by more than this is meant for pixels 0..255.
_DIVISOR_OF_PIXELS = 2.0


def takes_raw_pixels(student: keras.Model) -> bool:
  """Whether a student scales pixels 0..255 itself, by its first layers.

  That is so where every path from the input meets a Rescaling or a
  Normalization first, and its numbers fit pixels 0..255: Rescaling(2, -1)
  takes images that have been scaled to 0..1 before. Subclassed models do not
  show their layers' order; they count as not scaling.
  """
  if isinstance(student, keras.Sequential):
    for layer in student.layers:
      if not isinstance(layer, _KEEP_PIXEL_VALUES):
        return _scales_pixels(layer)
    return False
  inputs = getattr(student, "inputs", None)
  return _scales_from(student, inputs[0]) if inputs else False


def last_activation(student: keras.Model) -> str | None:
  """What makes a student's output, by its last layers.

  Returns:
    "linear", "softmax" or "sigmoid"; None where the layers do not tell.
  """
  if isinstance(student, keras.Sequential):
    return _activation_of(list(student.layers))
  outputs = getattr(student, "outputs", None)
  return _activation_of(_path_to(outputs[0])) if outputs else None


def _scales_from(model: keras.Model, tensor: keras.KerasTensor) -> bool:
  """Whether all that a functional model makes of `tensor` scales pixels."""
  nodes = [
    node
    for operation in model.operations
    for node in operation._inbound_nodes
    if any(each is tensor for each in node.input_tensors)
  ]
  return bool(nodes) and all(
    _scales_from(model, node.output_tensors[0])
    if isinstance(node.operation, _KEEP_PIXEL_VALUES)
    else _scales_pixels(node.operation)
    for node in nodes
  )


def _scales_pixels(layer: Any) -> bool:
  if isinstance(layer, keras.Model):
    return takes_raw_pixels(layer)
  if isinstance(layer, keras.layers.Rescaling):
    largest = keras.ops.max(keras.ops.abs(layer.scale))
    return bool(largest * _DIVISOR_OF_PIXELS < 1)
  if isinstance(layer, keras.layers.Normalization):
    variance = getattr(layer, "variance", None)  # once adapted
    return variance is not None and bool(
      keras.ops.min(variance) > _DIVISOR_OF_PIXELS**2
    )
  return False


def _path_to(tensor: keras.KerasTensor) -> list[Any]:
  """The operations that lead to `tensor`, as far as there is one way back."""
  path: list[Any] = []
  while True:
    operation, node_index, _ = tensor._keras_history
    path.insert(0, operation)
    inputs = operation._inbound_nodes[node_index].input_tensors
    if len(inputs) != 1:
      return path
    (tensor,) = inputs


def _activation_of(path: list[Any]) -> str | None:
  """The activation that the last of the operations on a path leave."""
  for operation in reversed(path):
    if isinstance(operation, keras.Model):
      return last_activation(operation)
    if isinstance(operation, _LINEAR_MAPS):
      return _named(operation.activation)
    name = _named(operation)
    if isinstance(operation, keras.layers.Activation):
      name = _named(operation.activation)
    if name in ("softmax", "sigmoid"):
      return name
    if name != "linear" and not isinstance(operation, _KEEP_KIND_OF_OUTPUT):
      return None
  return None


def _named(activation: Any) -> str | None:
  """The name of an activation: Keras' function, layer or operation."""
  if type(activation).__name__ in ("Softmax", "Sigmoid"):
    return type(activation).__name__.lower()
  return _ACTIVATIONS.get(activation)
