"""Exports of students that `fit` trained see what the students saw."""

import io

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from PIL import Image
from served_students import (
  HEADS,
  PREPARATIONS,
  check,
  images,
  interpreted,
  refused,
  scaled,
  served,
  settle,
  student,
)

import mentornet_tf as mn
from mentornet_tf.errors import UserError


@pytest.mark.parametrize(
  "first",
  [
    [],
    [layers.Rescaling(2.0, -1)],  # of images in 0..1
    [layers.Normalization(mean=[0.5] * 3, variance=[0.06] * 3)],
    [layers.Conv2D(3, 1), layers.Rescaling(1 / 255)],
  ],
  ids=["nothing", "of 0..1", "normalization of 0..1", "later"],
)
def test_a_preparation_that_is_not_known_is_asked_for(first, tmp_path):
  message = refused(student(first=first), tmp_path)
  assert message.startswith("preparation: expected what the student's training")
  assert "'standardize'" in message and "None (pixels" in message
  assert "or a function" in message


def functional(first):
  inputs = keras.Input((12, 16, 3))
  x = layers.RandomFlip()(inputs)
  x = layers.Conv2D(4, 3)(first(x))
  return keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x)))


@pytest.mark.parametrize(
  "model",
  [
    lambda: functional(layers.Rescaling(1 / 127.5, -1)),
    lambda: functional(
      layers.Normalization(mean=[120.0] * 3, variance=[900.0] * 3)
    ),
    lambda: student(first=[layers.RandomFlip(), layers.Rescaling(1 / 255)]),
    lambda: student(first=[functional_scaling()]),
  ],
  ids=["functional", "normalization", "after augmentation", "nested"],
)
def test_scaling_inside_the_student_is_found(model, tmp_path):
  model = model()
  mn.export_student(model, tmp_path / "out")
  serve = served(tmp_path / "out")
  pixels = images()
  np.testing.assert_allclose(
    serve["images_uint8"](pixels)["logits"],
    model.predict_on_batch(pixels.astype(np.float32)),
    rtol=1e-5,
    atol=1e-5,
  )


def functional_scaling():
  inputs = keras.Input((12, 16, 3))
  return keras.Model(inputs, layers.Rescaling(1 / 255)(inputs))


def test_a_branch_without_scaling_is_no_scaling(tmp_path):
  inputs = keras.Input((12, 16, 3))
  both = layers.Add()([layers.Rescaling(1 / 255)(inputs), inputs])
  model = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(both)))
  assert refused(model, tmp_path).startswith("preparation: expected what")


def test_images_of_another_size_are_resized_where_a_size_is_given(tmp_path):
  """As keras.layers.Resizing does; nothing is cut off."""
  model = student()
  large = images((5, 50, 40, 3))
  resized = layers.Resizing(12, 16)(large.astype(np.float32)).numpy()
  settle(model, scaled(resized))
  mn.export_student(model, tmp_path / "out", None, (12, 16), preparation=scaled)
  serve = served(tmp_path / "out")
  given = model.predict_on_batch(scaled(resized))
  for name in ("images_uint8", "images_float"):
    check(serve[name](large), "logits", given)
  files = [tf.io.encode_png(each).numpy() for each in large]
  files[0] = tf.io.encode_png(images((1, 33, 70, 3))[0]).numpy()
  check(
    {key: value[1:] for key, value in serve["encoded"](files).items()},
    "logits",
    given[1:],
  )

  # Without a size nothing is cut or padded in silence.
  for preparation, folder in ((scaled, "function"), (None, "none")):
    mn.export_student(model, tmp_path / folder, preparation=preparation)
    serve = served(tmp_path / folder)
    for name, value in (("encoded", files), ("images_uint8", large)):
      with pytest.raises(tf.errors.InvalidArgumentError, match=r"12,16"):
        serve[name](value)


def test_an_open_student_sees_all_of_the_image(tmp_path):
  """The class shows at the edge, which cutting to 32x32 loses."""
  rng = np.random.default_rng(0)
  labels = np.arange(16) % 2
  pixels = rng.integers(100, 130, (16, 96, 96, 3)).astype(np.uint8)
  pixels[labels == 1, :20, :, 0] = 250
  model = keras.Sequential(
    [
      keras.Input((None, None, 3)),
      layers.Lambda(lambda x: x[..., :1] / 255),
      layers.GlobalMaxPooling2D(),
      layers.Dense(2),
    ]
  )
  model.layers[-1].set_weights([np.float32([[-1, 1]]), np.float32([0.7, -0.7])])
  for size, folder in ((None, "any"), (48, "resized")):
    mn.export_student(
      model, tmp_path / folder, preparation=None, image_size=size
    )
    serve = served(tmp_path / folder)
    for name in ("images_uint8", "images_float"):
      np.testing.assert_array_equal(serve[name](pixels)["classes"], labels)


# Every other test here is of three channels.
@pytest.mark.parametrize(
  "channels", [1, pytest.param(3, marks=pytest.mark.slow), 4, 5]
)
def test_images_of_other_channels_are_served(channels, tmp_path):
  model = student(size=(12, 16), channels=channels)
  pixels = images((6, 12, 16, channels))
  prepared = scaled(pixels.astype(np.float32))
  settle(model, prepared)
  mn.export_student(model, tmp_path / "out", preparation=scaled)
  serve = served(tmp_path / "out")
  given = model.predict_on_batch(prepared)
  check(serve["images_uint8"](pixels), "logits", given)
  # There are no files of five channels.
  assert ("encoded" in serve) == (channels < 5)
  if channels < 5:
    files = [tf.io.encode_png(each).numpy() for each in pixels]
    check(serve["encoded"](files), "logits", given)
  if channels == 1:  # a file whose grey values come as a palette's colours
    file = io.BytesIO()
    Image.fromarray(pixels[0, :, :, 0]).convert("RGB").save(file, "PNG")
    got = serve["encoded"]([file.getvalue()])["logits"]
    np.testing.assert_allclose(got, given[:1], atol=1e-5)


def test_what_is_no_image_classifier_is_refused(tmp_path):
  inputs = keras.Input((12, 16, 3), name="image")
  pooled = layers.GlobalAveragePooling2D()(inputs)
  head = layers.Dense(3)(pooled)
  other = keras.Input((12, 16, 3))
  table = keras.Sequential([keras.Input((20,)), layers.Dense(3)])
  text = keras.Sequential(
    [
      keras.Input((7,), dtype="int32"),
      layers.Embedding(9, 4),
      layers.Flatten(),
      layers.Dense(2),
    ]
  )
  for model in (
    table,
    text,
    keras.Sequential(
      [keras.Input((28, 28)), layers.Flatten(), layers.Dense(2)]
    ),
    keras.Model({"image": inputs}, head),
    keras.Model(
      [inputs, other],
      layers.Add()([head, layers.Dense(3)(layers.Flatten()(other))]),
    ),
  ):
    message = refused(model, tmp_path, preparation=None)
    assert message.startswith("student: expected")
    assert "use model.export() of Keras" in message
  for outputs in ([head, layers.Dense(2)(pooled)], {"a": head}):
    message = refused(keras.Model(inputs, outputs), tmp_path, preparation=None)
    assert "expected one output [B, classes], got a" in message
  pixelwise = keras.Model(inputs, layers.Conv2D(3, 1)(inputs))
  message = refused(pixelwise, tmp_path, preparation=None)
  assert "got [None, 12, 16, 3]" in message
  message = refused(7, tmp_path)
  assert "a training folder or a keras.Model, got int" in message


def test_functions_that_cannot_be_served_are_refused(tmp_path):
  def python(images):
    return tf.ensure_shape(
      tf.numpy_function(lambda x: x / np.float32(255), [images], tf.float32),
      images.shape,
    )

  model = student()
  for function, words in (
    (lambda x: np.asarray(x) / 255, "got NotImplementedError"),
    (python, "got one that calls Python"),
    (lambda x: tf.image.resize(x, (8, 8)), "['B', 12, 16, 3], which the"),
    (lambda x: x[..., 0], "got ['B', 12, 16]"),
    (
      lambda x: tf.image.convert_image_dtype(x, tf.float32),
      "the same for uint8 and float32",
    ),
    ("scale", "got 'scale'"),
  ):
    message = refused(model, tmp_path, preparation=function)
    assert message.startswith("preparation: expected") and words in message
  for size in (0, (12,), (12.0, 16), "12", (12, 17)):
    message = refused(model, tmp_path, preparation=None, image_size=size)
    assert message.startswith("image_size: expected")


def test_a_function_may_resize_and_hold_variables(tmp_path):
  """It sees images of any size; adapted layers are saved with it."""
  large = images((6, 30, 50, 3))
  normalization = layers.Normalization()
  normalization.adapt(large.astype(np.float32))
  offset = tf.Variable([0.1, 0.2, 0.3])

  def prepare(images):
    return normalization(images[:, 9:21, 15:35]) + offset

  model = student(size=(12, 20))
  cut = large[:, 9:21, 15:35].astype(np.float32)
  mean, deviation = large.mean((0, 1, 2)), large.std((0, 1, 2))
  prepared = (cut - mean) / deviation + [0.1, 0.2, 0.3]
  settle(model, prepared)
  with pytest.raises(UserError, match=r"which the student takes, got \['B'"):
    mn.export_student(model, tmp_path / "out", preparation=prepare)
  open_student = student(size=(None, None))
  settle(open_student, prepared)
  mn.export_student(open_student, tmp_path / "out", preparation=prepare)
  serve = served(tmp_path / "out")
  given = open_student.predict_on_batch(prepared)
  check(serve["images_uint8"](large), "logits", given, 1e-4)


@pytest.mark.parametrize(
  ("head", "preparation"),
  [
    ("logits", "inside"),
    ("one probability", "standardize"),
    pytest.param("logits", "standardize", marks=pytest.mark.slow),
    pytest.param("one probability", "function", marks=pytest.mark.slow),
  ],
)
def test_tflite_holds_the_preparation(head, preparation, tmp_path):
  first = [layers.Rescaling(1 / 255)] if preparation == "inside" else []
  model = student(*HEADS[head], first=first)
  said, reference = PREPARATIONS[preparation]
  pixels = images()
  prepared = reference(pixels.astype(np.float64)).astype(np.float32)
  settle(model, prepared)
  mn.export_student(
    model, tmp_path / "out", preparation=said, file_format="tflite"
  )
  given = model.predict_on_batch(prepared)
  check(interpreted(tmp_path / "out", pixels), head, given, 1e-4)


def test_tflite_resizes_and_refuses_what_it_has_no_operation_for(tmp_path):
  model = student()
  large = images((6, 50, 40, 3))
  resized = layers.Resizing(12, 16)(large.astype(np.float32)).numpy()
  settle(model, scaled(resized))
  mn.export_student(
    model,
    tmp_path / "out",
    image_size=(12, 16),
    preparation=scaled,
    file_format="tflite",
  )
  given = model.predict_on_batch(scaled(resized))
  check(interpreted(tmp_path / "out", large), "logits", given, 1e-3)

  def scaled_and_moved(images):
    return tf.raw_ops.ScaleAndTranslate(
      images=images, size=[12, 16], scale=[1, 1], translation=[0, 0]
    )

  message = refused(
    model, tmp_path, preparation=scaled_and_moved, file_format="tflite"
  )
  assert message.startswith("file_format: expected a student of operations")


def test_a_keras_file_is_the_bare_student(tmp_path):
  model = student(1, "sigmoid")
  mn.export_student(model, tmp_path / "out", "ab", file_format="keras")
  loaded = keras.saving.load_model(tmp_path / "out" / "student.keras")
  prepared = scaled(images().astype(np.float32))
  np.testing.assert_array_equal(
    loaded.predict_on_batch(prepared), model.predict_on_batch(prepared)
  )
  assert (tmp_path / "out/classes.txt").read_text() == "a\nb\n"
  for name, value in (("preparation", scaled), ("image_size", 12)):
    message = refused(model, tmp_path, file_format="keras", **{name: value})
    assert message.startswith(f"{name}: expected no value for a .keras file")
