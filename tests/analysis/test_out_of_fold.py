"""Out-of-fold probabilities, against trainings done by hand."""

import keras
import numpy as np
import pytest

import mentornet_tf as mn
from mentornet_tf.analysis.out_of_fold import out_of_fold, stratified_folds
from mentornet_tf.errors import UserError

LABELS = np.repeat([0, 1, 2], [21, 10, 9])
X = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)


def build():
  """The same weights at every call."""
  model = keras.Sequential(
    [keras.Input((2,)), keras.layers.Dense(3, "softmax")]
  )
  model.layers[-1].set_weights([np.eye(2, 3), np.zeros(3)])
  model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy")
  return model


@pytest.mark.parametrize("folds", [2, 3, 7])
def test_folds_hold_every_class_evenly(folds):
  found = stratified_folds(LABELS, folds, seed=4)
  sizes = np.bincount(found, minlength=folds)
  assert sizes.max() - sizes.min() <= 1
  for label in range(3):
    sizes = np.bincount(found[label == LABELS], minlength=folds)
    assert sizes.max() - sizes.min() <= 1
  np.testing.assert_array_equal(stratified_folds(LABELS, folds, 4), found)
  assert (stratified_folds(LABELS, folds, 5) != found).any()


def test_probabilities_are_those_of_models_without_the_example():
  options = {"epochs": 3, "batch_size": 100, "shuffle": False}
  found = out_of_fold(build, X, LABELS, folds=2, fit_arguments=options)
  assignment = stratified_folds(LABELS, 2, seed=0)
  for fold in range(2):
    model = build()
    kept = assignment != fold
    model.fit(X[kept], LABELS[kept], verbose=0, **options)
    np.testing.assert_allclose(
      found["pred_probs"][~kept], model.predict(X[~kept], verbose=0), atol=1e-6
    )
  np.testing.assert_array_equal(found["labels"], LABELS)
  own = found["pred_probs"][np.arange(40), LABELS]
  np.testing.assert_allclose(found["loss"], -np.log(own), rtol=1e-5)


def test_a_model_is_trained_anew_and_stays_as_it_is():
  model = build()
  model.fit(X, LABELS, epochs=2, verbose=0)
  before = model.get_weights()
  suspects = mn.rank_labels(
    model,
    {"a": X}["a"],
    np.eye(3)[LABELS].argmax(1),
    folds=2,
    fit_arguments={"epochs": 1},
  )
  assert suspects.source == "out-of-fold"
  for old, new in zip(before, model.get_weights(), strict=True):
    np.testing.assert_array_equal(old, new)
  assert np.abs(suspects.pred_probs - model.predict(X, verbose=0)).max() > 0.01


def test_inputs_may_be_structures():
  def pair():
    a, b = keras.Input((1,), name="a"), keras.Input((1,), name="b")
    joined = keras.layers.Concatenate()([a, b])
    out = keras.layers.Dense(3, kernel_initializer="ones")(joined)
    model = keras.Model({"a": a, "b": b}, out)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.0), loss)
    return model

  found = out_of_fold(
    pair, {"a": X[:, :1], "b": X[:, 1:]}, np.eye(3)[LABELS], folds=3
  )
  np.testing.assert_allclose(found["pred_probs"], np.full((40, 3), 1 / 3))
  np.testing.assert_array_equal(found["labels"], LABELS)


def frozen():
  model = build()
  model.layers[-1].trainable = False
  return model


def adapted():
  layer = keras.layers.Normalization()
  layer.adapt(X)
  model = keras.Sequential([keras.Input((2,)), layer, keras.layers.Dense(3)])
  model.compile("sgd", "sparse_categorical_crossentropy")
  return model


def mentored():
  model = mn.MentoredModel(build(), mn.UniformCurriculum(), total_steps=5)
  model.compile("sgd", "sparse_categorical_crossentropy")
  return model


def uncompiled():
  return keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    ({"folds": 1}, "folds: expected a whole number of at least 2, got 1"),
    ({"folds": True}, "folds: expected a whole number of at least 2, got True"),
    ({"folds": 10}, "folds: expected at most 9, .* class 2, got 10"),
    ({"y": None}, "y: expected the labels of x for `folds`, got none"),
    ({"y": LABELS[:5]}, "x: expected arrays of 5 examples for `folds`"),
    ({"x": iter([])}, "x: expected arrays of 40 examples for `folds`, got"),
    ({"fit_arguments": {"x": X}}, "fit_arguments: expected none of the data"),
    ({"model": frozen()}, "model: expected no frozen or adapted layers"),
    ({"model": adapted()}, "model: expected no frozen or adapted layers"),
    ({"model": mentored()}, "model: expected a plain Keras model .* Mentored"),
    ({"model": uncompiled()}, "model: expected a compiled model for `folds`"),
    ({"model": lambda: 3}, "model: expected a function that returns a Keras"),
  ],
)
def test_arguments_that_do_not_fit_are_refused(changes, message):
  arguments = {"model": build, "x": X, "y": LABELS, "folds": 2} | changes
  with pytest.raises(UserError, match=message):
    mn.rank_labels(**arguments)
