"""Students of every head serve what their `predict` gives."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from served_students import (
  HEADS,
  PREPARATIONS,
  check,
  images,
  refused,
  scaled,
  served,
  settle,
  student,
)

import mentornet_tf as mn

_SIZES = [(12, 16), (None, None)]


def _is_slow(head: int, preparation: int, size: int) -> bool:
  """Keeps ten of forty: every head and preparation, each with both sizes."""
  half, odd = divmod(head + preparation, 2)
  return bool(odd) or half % 2 != size


_COMBINATIONS = [
  pytest.param(
    head,
    preparation,
    size,
    marks=pytest.mark.slow if _is_slow(i, j, k) else (),
    id=f"{head}-{preparation}-{size}",
  )
  for i, head in enumerate(HEADS)
  for j, preparation in enumerate(PREPARATIONS)
  for k, size in enumerate(_SIZES)
]


@pytest.mark.parametrize(("head", "preparation", "size"), _COMBINATIONS)
def test_every_head_and_preparation_serves_what_predict_gives(
  head, preparation, size, tmp_path
):
  first = [layers.Rescaling(1 / 255)] if preparation == "inside" else []
  model = student(*HEADS[head], size=size, first=first)
  said, reference = PREPARATIONS[preparation]
  pixels = images()
  prepared = reference(pixels.astype(np.float64)).astype(np.float32)
  settle(model, prepared)
  mn.export_student(model, tmp_path / "out", preparation=said)
  serve = served(tmp_path / "out")
  given = model.predict_on_batch(prepared)
  for name in ("serving_default", "images_uint8", "images_float"):
    check(serve[name](pixels), head, given)
  files = [tf.io.encode_png(each).numpy() for each in pixels]
  check(serve["encoded"](files), head, given)
  if size == (None, None):
    large = images((3, 40, 30, 3), seed=1)
    prepared = reference(large.astype(np.float64)).astype(np.float32)
    check(serve["images_uint8"](large), head, model.predict_on_batch(prepared))


class Subclassed(keras.Model):
  def __init__(self, activation=None):
    super().__init__()
    self.pooling = layers.AveragePooling2D(4)
    self.flatten = layers.Flatten()
    self.dense = layers.Dense(3, activation)

  def call(self, inputs, training=None):
    return self.dense(self.flatten(self.pooling(inputs)))


def test_a_subclassed_student_says_what_it_gives(tmp_path):
  model = Subclassed("softmax")
  message = refused(model, tmp_path, preparation=None)
  assert "student: expected one that has weights" in message
  pixels = images()
  given = model(pixels[:2].astype(np.float32))
  message = refused(model, tmp_path, preparation=None)
  assert message.startswith("outputs: expected 'logits' or 'probabilities'")
  message = refused(model, tmp_path, preparation=None, outputs="odds")
  assert "detect, logits, probabilities, got 'odds'" in message
  mn.export_student(
    model, tmp_path / "out", preparation=None, outputs="probabilities"
  )
  serve = served(tmp_path / "out")
  got = serve["images_float"](pixels)
  assert set(got) == {"classes", "probabilities"}
  given = model.predict_on_batch(pixels.astype(np.float32))
  np.testing.assert_allclose(got["probabilities"], given, atol=1e-6)


@pytest.mark.parametrize(
  ("last", "found"),
  [
    (lambda x: layers.Softmax()(layers.Dense(4)(x)), "probabilities"),
    (lambda x: layers.Activation("sigmoid")(layers.Dense(1)(x)), None),
    (lambda x: keras.ops.softmax(layers.Dense(4)(x)), "probabilities"),
    (
      lambda x: layers.Activation("linear", dtype="float32")(
        layers.Dense(4)(x)
      ),
      "logits",
    ),
    (lambda x: student(4, "softmax", size=(None, None))(x), "probabilities"),
    (
      lambda x: layers.GlobalAveragePooling2D()(layers.Conv2D(4, 1)(x)),
      "logits",
    ),
    (lambda x: layers.Dense(4, "log_softmax")(x), "logits"),
  ],
  ids=[
    "softmax layer",
    "sigmoid layer",
    "softmax of keras.ops",
    "float32 at the end",
    "nested",
    "convolution and pooling",
    "log-softmax",
  ],
)
def test_what_a_student_gives_is_read_off_its_last_layers(
  last, found, tmp_path
):
  inputs = keras.Input((12, 16, 3))
  try:
    output = last(inputs)
    assert len(output.shape) == 2
  except (AssertionError, ValueError):
    output = last(layers.Flatten()(inputs))
  model = keras.Model(inputs, output)
  mn.export_student(model, tmp_path / "out", preparation=scaled)
  serve = served(tmp_path / "out")
  pixels = images()
  given = model.predict_on_batch(scaled(pixels.astype(np.float32)))
  got = serve["images_uint8"](pixels)
  if found == "logits":
    np.testing.assert_allclose(got["logits"], given, atol=1e-5)
  else:
    assert "logits" not in got
    kept = got["probabilities"][:, -given.shape[1] :]
    np.testing.assert_allclose(kept, given, atol=1e-5)


@pytest.mark.parametrize("end", ["relu", "tanh"])
def test_an_end_that_does_not_tell_is_asked_for(end, tmp_path):
  message = refused(student(4, end), tmp_path, preparation=None)
  assert message.startswith("outputs: expected 'logits' or 'probabilities'")
  contradicted = refused(
    student(4, "softmax"), tmp_path, preparation=None, outputs="logits"
  )
  assert "expected 'probabilities', which the student's last" in contradicted
  message = refused(student(1, "softmax"), tmp_path, preparation=None)
  assert "whose probability is always 1" in message


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_gives_float32(policy, tmp_path):
  before = keras.config.dtype_policy()
  keras.config.set_dtype_policy(policy)
  try:
    model = student()
  finally:
    keras.config.set_dtype_policy(before)
  pixels = images()
  prepared = scaled(pixels.astype(np.float32))
  settle(model, prepared)
  assert model.compute_dtype != "float32"
  mn.export_student(model, tmp_path / "out", preparation=scaled)
  serve = served(tmp_path / "out")
  given = np.asarray(model(prepared)).astype(np.float32)
  # Softmax of the half-precision logits, in float32.
  check(serve["images_uint8"](pixels), "logits", given, 2e-2)


def test_the_student_of_a_mentored_model_is_exported(tmp_path):
  model = student()
  pixels = images()
  prepared = scaled(pixels.astype(np.float32))
  mentored = mn.MentoredModel(model, mn.UniformCurriculum(), total_steps=4)
  mentored.compile(
    "sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True)
  )
  mentored.fit(prepared, np.arange(6) % 4, epochs=4, batch_size=6, verbose=0)
  settle(model, prepared)
  mn.export_student(mentored, tmp_path / "out", preparation=scaled)
  serve = served(tmp_path / "out")
  given = mentored.predict_on_batch(prepared)
  check(serve["images_uint8"](pixels), "logits", given)
  assert "preparation: expected" in refused(mentored, tmp_path)


@pytest.mark.parametrize("head", ["one logit", "one probability"])
def test_binary_students_name_both_classes(head, tmp_path):
  def names(folder):
    return (folder / "assets/classes.txt").read_text().split()

  model = student(*HEADS[head])
  mn.export_student(model, tmp_path / "numbers", preparation=None)
  assert names(tmp_path / "numbers") == ["0", "1"]
  mn.export_student(
    model, tmp_path / "named", ["bad", "good"], preparation=None
  )
  assert names(tmp_path / "named") == ["bad", "good"]
  for given in (["good"], ["a", "b", "c"]):
    message = refused(model, tmp_path, class_names=given, preparation=None)
    assert message.startswith("class_names: expected 2 names")
