"""Exported students, and what they must answer by their own `predict`."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import mentornet_tf as mn
from mentornet_tf.errors import UserError

HEADS = {
  "logits": (4, None),
  "softmax": (4, "softmax"),
  "one logit": (1, None),
  "one probability": (1, "sigmoid"),
  "two columns": (2, None),
}


def scaled(images):
  return images / 127.5 - 1


# As they are exported, and the reference of what the student is given.
PREPARATIONS = {
  "none": (None, lambda images: images),
  "standardize": (
    "standardize",
    lambda images: (
      (images - images.mean((1, 2, 3), keepdims=True))
      / images.std((1, 2, 3), keepdims=True)
    ),
  ),
  "function": (scaled, scaled),
  "inside": ("detect", lambda images: images),
}


def student(
  outputs=4, activation=None, size=(12, 16), channels=3, first=()
) -> keras.Model:
  """One whose every output varies with the images, whatever their scale."""
  model = keras.Sequential(
    [
      keras.Input((*size, channels)),
      *first,
      layers.Conv2D(8, 3, 2),
      layers.BatchNormalization(momentum=0.0),
      layers.GlobalMaxPooling2D(),
      layers.Dense(outputs, activation),
    ]
  )
  keras.utils.set_random_seed(3)
  for variable in model.trainable_variables:
    noise = np.random.default_rng(1).normal(0, 0.5, variable.shape)
    variable.assign(noise)
  return model


def settle(model, prepared) -> None:
  """Batch normalisation takes the statistics of what the student is given."""
  for _ in range(2):
    model(prepared, training=True)


def images(shape=(6, 12, 16, 3), seed=0) -> np.ndarray:
  """Of brightness and contrast that differ, uint8."""
  rng = np.random.default_rng(seed)
  level = rng.uniform(40, 200, (shape[0], 1, 1, shape[3]))
  return np.clip(rng.normal(level, 30, shape), 0, 255).astype(np.uint8)


def served(folder: Path) -> dict[str, Callable]:
  """Signatures by name, from one array or list to NumPy arrays."""
  loaded = tf.saved_model.load(str(folder))

  def function(signature):
    ((name, spec),) = signature.structured_input_signature[1].items()

    def call(value):
      answer = signature(**{name: tf.constant(value, spec.dtype)})
      return {key: each.numpy() for key, each in answer.items()}

    # The module goes with its last reference, and the variables with it.
    call.module = loaded
    return call

  return {name: function(each) for name, each in loaded.signatures.items()}


def expected(head: str, given: np.ndarray) -> dict[str, np.ndarray]:
  """From what `predict` gives, in float64."""
  given = given.astype(np.float64)
  if head == "softmax":
    return {"probabilities": given, "classes": given.argmax(1)}
  if head == "one probability":
    both = np.concatenate([1 - given, given], axis=1)
    return {"probabilities": both, "classes": (given[:, 0] > 0.5).astype(int)}
  if head == "one logit":
    positive = 1 / (1 + np.exp(-given))
    both = np.concatenate([1 - positive, positive], axis=1)
    classes = (given[:, 0] > 0).astype(int)
    return {"probabilities": both, "classes": classes, "logits": given}
  powers = np.exp(given)
  return {
    "probabilities": powers / powers.sum(1, keepdims=True),
    "classes": given.argmax(1),
    "logits": given,
  }


def check(got, head, given, tolerance=1e-5) -> None:
  wanted = expected(head, given)
  assert set(got) == set(wanted)
  assert np.ptp(wanted["probabilities"], axis=0).max() > 0.02
  assert got["classes"].dtype == np.int64
  np.testing.assert_array_equal(got["classes"], wanted["classes"])
  for name in set(wanted) - {"classes"}:
    assert got[name].dtype == np.float32
    np.testing.assert_allclose(
      got[name], wanted[name], atol=tolerance, rtol=tolerance
    )


def refused(model, folder, **arguments) -> str:
  """The one line of a refused export, which leaves nothing behind."""
  before = sorted(folder.iterdir())
  with pytest.raises(UserError) as caught:
    mn.export_student(model, folder / "refused", **arguments)
  assert sorted(folder.iterdir()) == before
  assert "\n" not in str(caught.value)
  return str(caught.value)


def interpreted(folder: Path, pixels):
  interpreter = tf.lite.Interpreter(str(folder / "student.tflite"))
  run = interpreter.get_signature_runner("images_float")
  return run(images=pixels.astype(np.float32))
