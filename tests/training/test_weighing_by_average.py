"""A curriculum that is shown the losses of the averaged student."""

import keras
import numpy as np
import pytest
import tiny
from fit_models import recorded_weighing

import mentornet_tf as mn
from mentornet_tf.training.ema import averaged_weights
from mentornet_tf.training.observed_step import training_step


def model_of(
  optimizer,
  mixing=None,
  weighs_by_average=True,
  dropout=0.5,
  activity_regularizer=None,
):
  keras.utils.set_random_seed(3)
  student = keras.Sequential(
    [
      keras.Input((32, 32, 3)),
      keras.layers.Flatten(),
      keras.layers.Dropout(dropout),
      keras.layers.Dense(4, activity_regularizer=activity_regularizer),
    ]
  )
  model = mn.MentoredModel(
    student,
    mn.FormulaCurriculum("self_paced", loss_p_percentile=0.5),
    total_steps=20,
    mixing=mixing,
    weigh_by_average=weighs_by_average,
  )
  optimizer.build(student.trainable_variables)
  loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
  model.compile(optimizer, loss)
  return model


def averaging():
  return keras.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.8)


def images_and_labels(count=12):
  data = tiny.dataset(count)
  return data.images.astype(np.float32) / 255, data.labels


def losses(images, labels, kernel, bias):
  logits = images.reshape(len(images), -1).astype(float) @ kernel + bias
  logits -= logits.max(1, keepdims=True)
  log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
  return -log_p[np.arange(len(labels)), labels]


@pytest.mark.parametrize(
  "mixing", [None, mn.MentorMix(alpha=8.0, second_reweight=False)]
)
def test_the_curriculum_sees_the_losses_of_the_average(mixing):
  images, labels = images_and_labels()
  model = model_of(averaging(), mixing)
  kernel, bias = model.student.trainable_variables
  averages = None
  for step in range(4):
    loss, report = training_step(model, images, labels)
    weighed = loss.weighed.loss.numpy()
    own = float(report["mentornet/orig_loss"])
    if step == 0:  # no average yet
      assert weighed.mean() == pytest.approx(own, rel=1e-5)
      averages = [kernel.numpy(), bias.numpy()]
      continue
    expected = losses(images, labels, *averages)
    np.testing.assert_allclose(weighed, expected, atol=1e-5)
    # The student's own have dropout and another weight.
    assert abs(weighed.mean() - own) > 1e-3
    averages = [
      0.8 * average + 0.2 * weight.numpy()
      for average, weight in zip(averages, (kernel, bias), strict=True)
    ]


def test_fit_builds_the_optimizer_itself():
  images, labels = images_and_labels(30)
  model = mn.MentoredModel(
    tiny.student(4),
    mn.MentorCurriculum(mn.load_mentor("mentornet_pd")),
    total_steps=10,
    weigh_by_average=True,
  )
  model.compile(
    keras.optimizers.SGD(0.1, use_ema=True),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
  )
  history = model.fit(images, labels, batch_size=10, epochs=3, verbose=0)
  assert int(model.optimizer.iterations) == 9
  assert np.isfinite(history.history["loss"]).all()


def test_the_second_curriculum_sees_the_losses_of_the_average_too():
  images, labels = images_and_labels()
  model = model_of(averaging(), mn.MentorMix(alpha=8.0))
  kernel, bias = model.student.trainable_variables
  training_step(model, images, labels)
  averages = [kernel.numpy(), bias.numpy()]
  mixtures = []
  sample = model.mixing.sample
  with pytest.MonkeyPatch.context() as patched:
    patched.setattr(
      model.mixing,
      "sample",
      lambda *a: mixtures.append(sample(*a)) or mixtures[-1],
    )
    with recorded_weighing(model.second_curriculum) as second:
      training_step(model, images, labels)
  (mixture,) = mixtures
  mixed = mixture.mix(images).numpy()
  share = mixture.share.numpy()
  partners = mixture.of_partners(labels).numpy()
  expected = share * losses(mixed, labels, *averages)
  expected += (1 - share) * losses(mixed, partners, *averages)
  np.testing.assert_allclose(second[0].loss, expected, atol=1e-5)


def test_the_student_learns_by_its_own_losses():
  """Its objective is the mean of weight times its own loss."""
  images, labels = images_and_labels()
  model = model_of(averaging())
  training_step(model, images, labels)
  # Every loss lies below this average: weight 1.
  model.curriculum.loss_moving_average.assign(1e6)
  loss, report = training_step(model, images, labels)
  assert (loss.weighed.weight.numpy() == 1).all()
  assert float(report["mentornet/weighted_loss"]) == pytest.approx(
    float(report["mentornet/orig_loss"]), rel=1e-6
  )


def test_what_layers_add_to_the_loss_is_that_of_the_training_pass():
  images, labels = images_and_labels()
  penalties = []
  for weighs_by_average in (False, True):
    model = model_of(
      averaging(),
      weighs_by_average=weighs_by_average,
      activity_regularizer="l2",
      dropout=0,
    )
    for _ in range(2):
      loss, report = training_step(model, images, labels)
    weight_share = loss.weighed.weight.numpy().mean()
    penalty = report["total_loss"] - report["mentornet/weighted_loss"]
    penalties.append(float(penalty) / weight_share)
  own, weighed = penalties
  assert own == pytest.approx(weighed, rel=0.1)
  assert own > 1e-3


def test_mixed_float16_wraps_the_optimizer():
  images, labels = images_and_labels()
  keras.config.set_dtype_policy("mixed_float16")
  try:
    model = model_of(averaging())
    for _ in range(2):
      _, report = training_step(model, images, labels)
  finally:
    keras.config.set_dtype_policy("float32")
  assert type(model.optimizer).__name__ == "LossScaleOptimizer"
  assert np.isfinite(float(report["total_loss"]))


def test_an_optimizer_without_average_is_refused():
  images, labels = images_and_labels()
  model = model_of(keras.optimizers.SGD(0.05))
  with pytest.raises(mn.UserError, match="averages the weights, got SGD with"):
    training_step(model, images, labels)


def test_a_saved_model_goes_on_judging_by_the_average(tmp_path):
  images, labels = images_and_labels()
  model = model_of(averaging())
  for _ in range(4):  # `fit` would end with the averages as weights
    training_step(model, images, labels)
  kernel = model.student.trainable_variables[0].numpy()
  average = averaged_weights(model.optimizer)[0].numpy()
  assert abs(kernel - average).max() > 1e-3
  model.save(tmp_path / "model.keras")
  loaded = keras.models.load_model(tmp_path / "model.keras")
  assert loaded.weigh_by_average
  for a, b in zip(
    averaged_weights(model.optimizer),
    averaged_weights(loaded.optimizer),
    strict=True,
  ):
    np.testing.assert_array_equal(a.numpy(), b.numpy())
  losses = [
    training_step(each, images, labels)[0].weighed.loss
    for each in (model, loaded)
  ]
  np.testing.assert_allclose(*losses, rtol=1e-6)
