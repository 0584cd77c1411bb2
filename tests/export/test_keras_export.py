"""`model.export()`, Keras' own, of a MentoredModel serves its student."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import mentornet_tf as mn


class Subclassed(keras.Model):
  def __init__(self):
    super().__init__()
    self.flatten = layers.Flatten()
    self.dense = layers.Dense(3)

  def call(self, inputs, training=None):
    return self.dense(self.flatten(inputs))


def built() -> keras.Model:
  return keras.Sequential(
    [keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(3)]
  )


def unbuilt() -> keras.Model:
  return keras.Sequential([layers.Flatten(), layers.Dense(3)])


def functional() -> keras.Model:
  inputs = keras.Input((8, 8, 1))
  return keras.Model(inputs, layers.Dense(3)(layers.Flatten()(inputs)))


def examples() -> tuple[np.ndarray, np.ndarray]:
  rng = np.random.default_rng(0)
  labels = rng.integers(0, 3, 24)
  images = rng.normal(0, 1, (24, 8, 8, 1)) + labels[:, None, None, None]
  return images.astype(np.float32), labels


def mentored(student: keras.Model) -> mn.MentoredModel:
  model = mn.MentoredModel(
    student,
    mn.MentorCurriculum(mn.load_mentor("mentornet_pd")),
    total_steps=6,
  )
  model.compile(
    keras.optimizers.SGD(0.1),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
  )
  return model


@pytest.mark.parametrize(
  ("student", "after"),
  [
    pytest.param(
      student,
      after,
      # These are built before either.
      marks=pytest.mark.slow
      if student in (built, functional) and after != "fit"
      else (),
      id=f"{student.__name__}-{after}",
    )
    for student in (built, unbuilt, functional, Subclassed)
    for after in ("fit", "fit and predict")
  ],
)
def test_export_serves_what_predict_gives(student, after, tmp_path):
  images, labels = examples()
  model = mentored(student())
  model.fit(images, labels, epochs=1, batch_size=8, verbose=0)
  if after == "fit and predict":
    model.predict(images, verbose=0)
  model.export(str(tmp_path / "out"), verbose=False)
  loaded = tf.saved_model.load(str(tmp_path / "out"))
  served = loaded.serve(images)
  np.testing.assert_allclose(
    served, model.predict_on_batch(images), rtol=1e-5, atol=1e-6
  )
  # Any number of images, whatever the size of training's batches.
  one = loaded.serve(images[:1])
  np.testing.assert_allclose(one, served[:1], rtol=1e-5, atol=1e-6)


def test_a_loaded_model_is_exported(tmp_path):
  images, labels = examples()
  model = mentored(built())
  model.fit(images, labels, epochs=1, batch_size=8, verbose=0)
  model.save(tmp_path / "model.keras")
  loaded = keras.models.load_model(tmp_path / "model.keras")
  loaded.predict(images, verbose=0)
  loaded.export(str(tmp_path / "out"), verbose=False)
  exported = tf.saved_model.load(str(tmp_path / "out"))
  np.testing.assert_allclose(
    exported.serve(images),
    model.predict_on_batch(images),
    rtol=1e-5,
    atol=1e-6,
  )


def test_the_students_own_export_is_the_same(tmp_path):
  images, labels = examples()
  model = mentored(built())
  model.fit(images, labels, epochs=1, batch_size=8, verbose=0)
  model.student.export(str(tmp_path / "student"), verbose=False)
  exported = tf.saved_model.load(str(tmp_path / "student"))
  np.testing.assert_allclose(
    exported.serve(images),
    model.predict_on_batch(images),
    rtol=1e-5,
    atol=1e-6,
  )
