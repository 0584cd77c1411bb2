"""`MentoredModel` under Keras' own training loop."""

from functools import cache

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny
from fit_models import (
  STEPS,
  images_and_labels,
  model_of,
  values,
  without_draws,
)

import mentornet_tf as mn
from mentornet_tf.datasets.reading.in_memory import training_batches
from mentornet_tf.datasets.reading.preparation import NO_AUGMENTATION
from mentornet_tf.mentor_training.recipes import MentorRecipe
from mentornet_tf.training.loop import StepRunner
from mentornet_tf.training.observed_step import observed_step


def stream(start_step=0):
  return training_batches(
    tiny.dataset(60), 10, NO_AUGMENTATION, seed=3, start_step=start_step
  )


def pairs(start_step=0):
  return stream(start_step).map(lambda batch: (batch["image"], batch["label"]))


def fit_stream(model, steps, start_step=0, **options):
  return model.fit(
    pairs(start_step), steps_per_epoch=steps, verbose=0, **options
  )


def assert_same(model, other):
  for a, b in zip(values(model), values(other), strict=True):
    np.testing.assert_array_equal(a, b)


def small_model(mixes, **compiling):
  mixing = mn.MentorMix(seed=1) if mixes else None
  return model_of(mixing=mixing, **compiling)


@cache
def fitted(*, mixes):
  model = small_model(mixes)
  fit_stream(model, STEPS)
  return model


@pytest.mark.parametrize("mixes", [False, True])
def test_fit_and_the_loop_give_equal_weights(mixes):
  looped = small_model(mixes)
  StepRunner(observed_step(looped, has_checked_labels=True), stream())(STEPS)
  assert int(looped.optimizer.iterations) == STEPS
  assert_same(fitted(mixes=mixes), looped)


def test_several_steps_per_execution_give_equal_weights():
  several = small_model(mixes=False, steps_per_execution=10)
  fit_stream(several, STEPS)
  assert_same(fitted(mixes=False), several)


def test_compiled_by_xla_it_trains_the_same():
  """XLA draws other random numbers, so that nothing is drawn here."""
  plain, compiled = (
    model_of(
      mn.MentorCurriculum(
        mn.load_mentor("mentornet_pd"), example_dropout_rates="0.0,100"
      ),
      student=without_draws,
      jit_compile=compiles,
    )
    for compiles in (False, True)
  )
  for model in (plain, compiled):
    fit_stream(model, 20)
  for a, b in zip(
    plain.student.get_weights(), compiled.student.get_weights(), strict=True
  ):
    np.testing.assert_allclose(a, b, atol=1e-5)


def test_arrays_generators_and_data_sets_are_the_same_input():
  images, labels = images_and_labels()

  def generator():
    for start in range(0, 60, 10):
      yield images[start : start + 10], labels[start : start + 10]

  spec = (
    tf.TensorSpec((None, 32, 32, 3), tf.float32),
    tf.TensorSpec((None,), tf.int64),
  )
  data_set = tf.data.Dataset.from_generator(generator, output_signature=spec)
  trained = []
  for fit in (
    lambda m: m.fit(images, labels, batch_size=10, shuffle=False, verbose=0),
    lambda m: m.fit(generator(), steps_per_epoch=6, verbose=0),
    lambda m: m.fit(data_set, steps_per_epoch=6, verbose=0),
  ):
    curriculum = mn.FormulaCurriculum("self_paced")
    trained.append(model_of(curriculum, student=without_draws))
    fit(trained[-1])
  for other in trained[1:]:
    assert_same(trained[0], other)


def test_sample_weights_of_zero_take_examples_out():
  images, labels = images_and_labels(20)
  wrong = labels.copy()
  wrong[10:] = (labels[10:] + 1) % 4
  keep = np.arange(20) < 10
  students = []
  for given in (labels, wrong):
    model = model_of(mn.UniformCurriculum())
    model.fit(
      images,
      given,
      sample_weight=keep.astype(np.float32),
      batch_size=20,
      verbose=0,
    )
    students.append(model.student.get_weights())
  for a, b in zip(*students, strict=True):
    np.testing.assert_array_equal(a, b)


def test_metrics_are_those_of_the_student():
  images, labels = images_and_labels()
  model = model_of(
    metrics=["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(2)],
    weighted_metrics=[keras.metrics.SparseCategoricalAccuracy("weighted")],
  )
  history = model.fit(
    images,
    labels,
    validation_data=(images, labels),
    batch_size=10,
    epochs=2,
    verbose=0,
  ).history
  predicted = model.student.predict_on_batch(images)
  top_2 = np.argsort(predicted, axis=1)[:, -2:]
  assert history["val_accuracy"][-1] == pytest.approx(
    (predicted.argmax(1) == labels).mean()
  )
  assert history["val_sparse_top_k_categorical_accuracy"][-1] == pytest.approx(
    (top_2 == labels[:, None]).any(1).mean()
  )
  assert {"accuracy", "weighted", "loss"} <= history.keys()


def test_one_hot_labels_with_smoothing_train_as_their_formula():
  images, labels = images_and_labels(20)
  loss = keras.losses.CategoricalCrossentropy(
    from_logits=True, label_smoothing=0.2
  )
  model = model_of(mn.UniformCurriculum(), loss=loss)
  logits = model.student(images, training=False).numpy().astype(float)
  log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
  target = 0.8 * np.eye(4)[labels] + 0.05
  expected = -(target * log_p).sum(1)
  got = model.per_example_loss(np.eye(4, dtype=np.float32)[labels], logits)
  np.testing.assert_allclose(got, expected, rtol=1e-4)
  first = model.test_on_batch(images, np.eye(4)[labels])
  model.fit(images, np.eye(4)[labels], batch_size=10, epochs=4, verbose=0)
  assert model.test_on_batch(images, np.eye(4)[labels]) < first


def test_a_student_that_ends_in_probabilities_takes_its_own_loss():
  student = keras.Sequential(
    [tiny.student(4), keras.layers.Softmax()], name="probabilities"
  )
  images, labels = images_and_labels()
  by_probability = model_of(
    mn.UniformCurriculum(),
    student=lambda: student,
    loss="sparse_categorical_crossentropy",
  )
  by_logit = model_of(mn.UniformCurriculum())
  by_logit.student.set_weights(student.get_weights())
  expected = by_logit.per_example_loss(
    labels, by_logit.student(images, training=False)
  )
  got = by_probability.per_example_loss(labels, student(images, training=False))
  np.testing.assert_allclose(got, expected, rtol=1e-4)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_keeps_losses_and_weights_in_float32(policy):
  before = keras.config.dtype_policy()
  keras.config.set_dtype_policy(policy)
  try:
    model = model_of(optimizer=keras.optimizers.SGD(0.05))
    images, labels = images_and_labels()
    first = model.test_on_batch(images, labels)
    model.fit(images, labels, batch_size=10, epochs=4, verbose=0)
    assert model.student.layers[-1].compute_dtype == policy[6:]
    assert model.student.trainable_variables[0].dtype == "float32"
    loss = model.per_example_loss(labels, model.student(images))
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
    assert model.curriculum.loss_moving_average.dtype == "float32"
    assert model.test_on_batch(images, labels) < first
  finally:
    keras.config.set_dtype_policy(before)


def test_a_mentor_update_in_fit_equals_one_in_the_loop():
  images, labels = images_and_labels()
  data = tiny.dataset(60)
  subset = tf.data.Dataset.from_tensor_slices(
    (images, labels, data.labels == data.clean_labels)
  ).batch(10)
  recipe = MentorRecipe(steps=30, batch_size=16, warmup_steps=3)
  fitted, looped = model_of(), model_of()
  update = mn.UpdateMentor(subset, (0.2,), recipe=recipe)
  fit_stream(fitted, STEPS, callbacks=[update])

  from mentornet_tf.training.joint.schedule import UpdateSchedule
  from mentornet_tf.training.joint.update import update_mentor

  runner = StepRunner(observed_step(looped, has_checked_labels=True), stream())
  runner(10)
  update_mentor(looped, subset, UpdateSchedule((0.2,), recipe))
  runner(STEPS - 10)
  assert_same(fitted, looped)
