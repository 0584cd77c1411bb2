"""What is taken from inside Keras, against what Keras shows outside."""

import keras
import numpy as np
import pytest

from mentornet_tf.internal.keras_internals import (
  compiled_loss,
  compiled_losses,
  get_keras_mask,
  has_losses_of_calls,
  mark_built,
  own_statistics,
)

X = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
Y = np.array([0, 1, 2, 0, 1, 2])


def model_of(loss, outputs=3, **options):
  model = keras.Sequential(
    [
      keras.Input((3,)),
      keras.layers.Dense(
        outputs, kernel_regularizer=keras.regularizers.L2(0.1)
      ),
    ]
  )
  model.compile("sgd", loss, **options)
  return model


@pytest.mark.parametrize(
  ("loss", "count"),
  [("sparse_categorical_crossentropy", 1), (["mse", "mae"], 2), (None, 0)],
)
def test_the_losses_are_those_that_the_model_was_compiled_with(loss, count):
  model = model_of(loss)
  losses = compiled_losses(model, Y if count == 1 else np.eye(3)[Y], model(X))
  assert len(losses) == count
  assert all(isinstance(each, keras.losses.Loss) for each in losses)


def test_a_name_is_resolved_by_the_shapes():
  model = model_of("crossentropy")
  (loss,) = compiled_losses(model, Y, model(X))
  expected = keras.losses.sparse_categorical_crossentropy(Y, model(X))
  np.testing.assert_allclose(loss.call(Y, model(X)), expected)


def test_the_compiled_loss_is_what_evaluate_gives_without_penalties():
  loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
  model = model_of(loss, loss_weights=2.0)
  weight = np.linspace(0, 1, 6)
  got = float(compiled_loss(model, Y, model(X), weight))
  whole = model.evaluate(X, Y, sample_weight=weight, verbose=0)
  assert got == pytest.approx(whole - float(sum(model.losses)), rel=1e-5)


def test_ignored_classes_are_a_mask():
  loss = keras.losses.SparseCategoricalCrossentropy(
    from_logits=True, ignore_class=1
  )
  mask = get_keras_mask(loss.call(Y, model_of(loss)(X)))
  np.testing.assert_array_equal(mask, Y != 1)


def test_a_model_around_a_built_one_exports(tmp_path):
  class Around(keras.Model):
    def __init__(self, part):
      super().__init__()
      self.part = part
      mark_built(self, part)

    def call(self, x):
      return self.part(x)

  model = Around(model_of("mse"))
  assert model.built
  model.predict(X, verbose=0)
  model.export(tmp_path / "exported", verbose=False)
  assert (tmp_path / "exported" / "saved_model.pb").exists()


def test_statistics_are_those_of_trained_layers_that_see_their_own_batches():
  layers = [
    keras.layers.BatchNormalization(name=name, **options)
    for name, options in (
      ("own", {}),
      ("global", {"synchronized": True}),
      ("frozen", {"trainable": False}),
    )
  ]
  model = keras.Sequential(
    [keras.Input((3,)), keras.layers.Dropout(0.5), *layers]
  )
  paths = [v.path.partition("/")[2] for v in own_statistics(model)]
  assert paths == ["own/moving_mean", "own/moving_variance"]


def test_losses_of_calls_are_those_of_activities_not_of_weights():
  model = model_of(None)
  model(X)
  assert not has_losses_of_calls(model)
  model.layers[0].activity_regularizer = keras.regularizers.L2(0.1)
  model(X)
  assert has_losses_of_calls(model)
