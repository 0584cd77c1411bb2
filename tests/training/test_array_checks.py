"""Arrays that no training takes are refused in one line before it begins."""

import keras
import numpy as np
import pytest

import mentornet_tf as mn

X = np.zeros((6, 2), np.float32)
Y = np.array([0, 1, 2, 0, 1, 2])
NAMES = np.array(["cat", "dog", "owl"])[Y]


def model(loss="sparse_categorical_crossentropy", student=None):
  if student is None:
    student = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
  made = mn.MentoredModel(student, mn.UniformCurriculum(), total_steps=10)
  made.compile("sgd", loss)
  return made


def refused(match, *args, made=None, **kwargs):
  made = made or model()
  with pytest.raises(mn.UserError, match=match) as raised:
    made.fit(*args, **kwargs, verbose=0)
  assert "\n" not in str(raised.value)
  assert int(made.step) == 0


@pytest.mark.parametrize(
  ("y", "match"),
  [
    (NAMES, "^y: expected numbers of classes, got an array of text such as "),
    (NAMES.astype(object), "such as 'cat'; number the classes by names, y = "),
    (NAMES.tolist(), "^y: expected an array of labels, got a list of text"),
    (Y.tolist(), "^y: .* got a list of int such as 0; turn lists into NumPy"),
    (Y + 1, "^y: expected classes from 0 to 2, .* got 3 at position 2"),
    (Y[:, None] + 1, "got 3 at position 2; number the classes"),
    ([Y + 1], "got 3 at position 2"),
    (Y - 1.0, "got -1 at position 0"),
    (np.where(Y == 1, np.nan, Y), "got nan at position 1"),
  ],
)
def test_labels(y, match):
  refused(match, X, y)
  if np.ndim(y) == 1:
    refused(
      match.replace("^y", "^validation_data"), X, Y, validation_data=(X, y)
    )


@pytest.mark.parametrize(
  "loss",
  [
    keras.losses.SparseCategoricalCrossentropy(name="mine"),
    keras.losses.sparse_categorical_crossentropy,
  ],
)
def test_losses_of_class_numbers_are_known_in_every_form(loss):
  refused("^y: expected classes from 0 to 2", X, Y + 1, made=model(loss))


def test_a_binary_loss_takes_labels_from_0_to_1():
  student = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
  binary = model("binary_crossentropy", student)
  refused("^y: expected labels from 0 to 1", X, Y, made=binary)
  binary.fit(X, Y / 2, verbose=0)  # soft labels
  assert int(binary.step) == 1


def test_labels_that_the_loss_ignores_are_none_of_the_classes():
  loss = keras.losses.SparseCategoricalCrossentropy(
    from_logits=True, ignore_class=-1
  )
  ignoring = model(loss)
  refused("got -2", X, Y - 2, made=ignoring)
  ignoring.fit(X, np.where(Y == 1, -1, Y), verbose=0)
  assert int(ignoring.step) == 1


@pytest.mark.parametrize(
  ("x", "match"),
  [
    (NAMES, "^x: expected numbers, got an array of text such as 'cat'"),
    (NAMES.astype(object), "^x: expected numbers, got an array of text"),
    (NAMES.tolist(), "^x: expected arrays, got a list of text such as 'cat'"),
    (X.tolist(), "^x: expected arrays, got a list of float such as 0.0"),
    ({"a": NAMES}, "^x: expected numbers"),
  ],
)
def test_inputs(x, match):
  refused(match, x, Y)


def test_students_of_texts_take_texts_as_keras_does():
  words = keras.layers.TextVectorization(output_mode="multi_hot")
  words.adapt(NAMES)
  student = keras.Sequential(
    [keras.Input((), dtype="string"), words, keras.layers.Dense(3)]
  )
  texts = model(student=student)
  refused(
    r"^x: expected the dtype object, .* x\.astype\(object\)",
    NAMES,
    Y,
    made=texts,
  )
  texts.fit(NAMES.astype(object), Y, verbose=0)
  assert int(texts.step) == 1
