import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny

import mentornet_tf as mn
from mentornet_tf.datasets.reading.in_memory import evaluation_batches
from mentornet_tf.training.observed_step import training_step


def crossentropy():
  return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def mentored(total_steps=40, loss=None, student=None, **kwargs):
  keras.utils.set_random_seed(3)
  model = mn.MentoredModel(
    student or tiny.student(4),
    mn.FormulaCurriculum("self_paced", example_dropout_rates="0.25,100"),
    total_steps=total_steps,
  )
  model.compile(keras.optimizers.SGD(0.05), loss or crossentropy(), **kwargs)
  return model


def images_and_labels(count=40):
  data = tiny.dataset(count)
  (batch,) = list(evaluation_batches(data, count))
  return batch["image"].numpy(), batch["label"].numpy()


def test_fit_evaluate_and_predict():
  images, labels = images_and_labels()
  model = mentored(metrics=["accuracy"])
  history = model.fit(images, labels, batch_size=10, epochs=10, verbose=0)
  assert int(model.optimizer.iterations) == 40
  assert int(model.step) == 40
  assert set(history.history) == {
    "loss",
    "accuracy",
    "mean_weight",
    "loss_percentile",
  }
  assert history.history["accuracy"][-1] > history.history["accuracy"][0]
  results = model.evaluate(images, labels, verbose=0, return_dict=True)
  logits = model.predict(images, verbose=0)
  np.testing.assert_allclose(logits, model.student.predict(images, verbose=0))
  accuracy = np.mean(np.argmax(logits, axis=1) == labels)
  assert results["accuracy"] == pytest.approx(accuracy)
  assert results["loss"] == pytest.approx(
    float(crossentropy()(labels, logits)), rel=1e-5
  )


def test_step_is_the_formula():
  images, labels = images_and_labels(16)
  student = keras.Sequential(
    [
      keras.Input((32, 32, 3)),
      keras.layers.AveragePooling2D(8),
      keras.layers.Flatten(),
      keras.layers.Dense(4, kernel_regularizer=keras.regularizers.L2(0.01)),
    ]
  )
  model = mentored(student=student)
  kernel, bias = (w.numpy().astype(float) for w in student.weights)
  mentored_loss, report = training_step(model, images, labels)
  weight = mentored_loss.weighed.weight.numpy().astype(float)
  assert 0 < weight.sum() < 16

  x = images.reshape(16, 4, 8, 4, 8, 3).mean((2, 4)).reshape(16, -1)
  logits = x @ kernel + bias
  p = np.exp(logits - logits.max(1, keepdims=True))
  p /= p.sum(1, keepdims=True)
  loss = -np.log(p[np.arange(16), labels])
  decay = 0.01 * np.sum(kernel**2) * weight.sum() / 16
  assert report["mentornet/weighted_loss"].numpy() == pytest.approx(
    np.sum(loss * weight) / 16, rel=1e-5
  )
  assert report["total_loss"].numpy() == pytest.approx(
    np.sum(loss * weight) / 16 + decay, rel=1e-5
  )
  gradient = weight[:, None] * (p - np.eye(4)[labels]) / 16
  expected = kernel - 0.05 * (
    x.T @ gradient + 0.02 * kernel * weight.sum() / 16
  )
  np.testing.assert_allclose(student.weights[0].numpy(), expected, atol=1e-5)


def test_sample_weights_scale_the_objective_only():
  images, labels = images_and_labels(16)
  plain, weighted = mentored(), mentored()
  weighted.set_weights(plain.get_weights())
  sample_weight = np.full(16, 0.5, np.float32)
  _, report = training_step(plain, images, labels)
  _, halved = training_step(weighted, images, labels, sample_weight)
  assert halved["mentornet/weighted_loss"].numpy() == pytest.approx(
    report["mentornet/weighted_loss"].numpy() / 2
  )
  assert halved["mentornet/orig_loss"] == report["mentornet/orig_loss"]


def test_sample_weights_may_be_a_column():
  images, labels = images_and_labels(16)
  flat, column = mentored(), mentored()
  column.set_weights(flat.get_weights())
  sample_weight = np.linspace(0, 1, 16, dtype=np.float32)
  _, expected = training_step(flat, images, labels, sample_weight)
  _, got = training_step(column, images, labels, sample_weight[:, None])
  name = "mentornet/weighted_loss"
  assert float(got[name]) == pytest.approx(float(expected[name]))


def test_save_and_load_keep_student_and_curriculum(tmp_path):
  images, labels = images_and_labels()
  model = mentored()
  model.fit(images, labels, batch_size=10, epochs=2, verbose=0)
  model.save(tmp_path / "model.keras")
  loaded = keras.models.load_model(tmp_path / "model.keras")
  np.testing.assert_allclose(
    loaded.predict(images, verbose=0), model.predict(images, verbose=0)
  )
  for name in ("used_examples", "step"):
    assert int(getattr(loaded, name)) == int(getattr(model, name)) > 0
  average = model.curriculum.loss_moving_average.numpy()
  assert loaded.curriculum.loss_moving_average.numpy() == average
  # Training goes on from the same step.
  for each in (model, loaded):
    each.fit(images, labels, batch_size=40, verbose=0)
  assert int(loaded.optimizer.iterations) == int(loaded.step) == 9


@pytest.mark.parametrize(
  "loss",
  [
    "sparse_categorical_crossentropy",
    keras.losses.sparse_categorical_crossentropy,
    keras.losses.MeanSquaredError(),
  ],
)
def test_losses_with_a_per_example_form_train(loss):
  images, labels = images_and_labels(16)
  if isinstance(loss, keras.losses.MeanSquaredError):
    labels = np.eye(4, dtype=np.float32)[labels]
  model = mentored(loss=loss)
  model.fit(images, labels, batch_size=8, verbose=0)
  mentored_loss, _ = training_step(model, images, labels)
  assert mentored_loss.weighed.loss.shape == (16,)


def test_a_loss_without_a_per_example_form_is_refused():
  model = mentored(loss=lambda y, p: tf.reduce_mean(p))
  with pytest.raises(mn.UserError, match="one value for each example"):
    model.fit(*images_and_labels(16), verbose=0)


def test_several_steps_per_execution_equal_single_ones():
  images, labels = images_and_labels()
  single, several = mentored(), mentored(steps_per_execution=2)
  for model in (single, several):
    model.fit(images, labels, batch_size=10, epochs=2, shuffle=False, verbose=0)
  for a, b in zip(single.get_weights(), several.get_weights(), strict=True):
    np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_name_in_place_of_a_curriculum_or_mentor_is_refused():
  with pytest.raises(mn.UserError, match=r"expected a Curriculum.*'selfpaced'"):
    mn.MentoredModel(tiny.student(4), "selfpaced", total_steps=4)
  with pytest.raises(mn.UserError, match="mentor: expected a Keras model"):
    mn.MentorCurriculum("mentornet_pd")


def test_total_steps_below_one_are_refused():
  with pytest.raises(
    mn.UserError, match="total_steps: expected an integer of at least 1"
  ):
    mentored(total_steps=0)
