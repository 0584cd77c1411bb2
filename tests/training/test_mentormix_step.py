"""One MentorMix step against its algebra in float64, and what is around it."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny
from fit_models import recorded_weighing
from quadrant_runs import OPTIONS, SETTINGS, killed_at_the_next_checkpoint, run

import mentornet_tf as mn
from mentornet_tf.datasets.reading.in_memory import evaluation_batches
from mentornet_tf.evaluation.evaluator import Evaluator
from mentornet_tf.runs import checkpointing
from mentornet_tf.runs.run_folder import read_metrics
from mentornet_tf.runs.trained_run import open_run
from mentornet_tf.training.checkpoint_groups import variable_groups
from mentornet_tf.training.observed_step import training_step

_DECAY = 0.01


def linear_student():
  return keras.Sequential(
    [
      keras.Input((2, 3, 1)),
      keras.layers.Flatten(),
      keras.layers.Dense(4, kernel_regularizer=keras.regularizers.L2(_DECAY)),
    ]
  )


def crossentropy():
  return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def mixing_model(loss=None, curriculum=None, **mixing):
  keras.utils.set_random_seed(1)
  model = mn.MentoredModel(
    linear_student(),
    curriculum or mn.FormulaCurriculum("spcl_linear", loss_p_percentile=0.6),
    total_steps=10,
    mixing=mn.MentorMix(alpha=2.0, seed=4, **mixing),
  )
  model.compile(keras.optimizers.SGD(0.1), loss or crossentropy())
  return model


def batch(seed=0):
  rng = np.random.default_rng(seed)
  images = rng.normal(size=(9, 2, 3, 1)).astype(np.float32)
  return images, rng.integers(0, 4, 9)


def cross_entropies(x, targets, kernel, bias):
  """Losses [B] and d loss / d logits [B, 4] in float64."""
  logits = x @ kernel + bias
  logits -= logits.max(1, keepdims=True)
  log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
  return -(targets * log_p).sum(1), np.exp(log_p) - targets


def spcl_linear(loss):
  """Weights of a first batch: the moving average is half its percentile."""
  rank = round(0.6 * (len(loss) - 1))
  average = 0.5 * np.sort(loss)[rank]
  return np.clip(1 - (loss - average), 0, 1)


@pytest.mark.parametrize("second_reweight", [True, False])
def test_the_step_is_the_algebra(second_reweight):
  model = mixing_model(second_reweight=second_reweight)
  images, labels = batch()
  kernel, bias = (w.numpy().astype(float) for w in model.student.weights)
  x, one_hot = images.reshape(9, 6).astype(float), np.eye(4)[labels]

  # The same samples, from a mixing of the same seed.
  loss, _ = cross_entropies(x, one_hot, kernel, bias)
  weight = spcl_linear(loss)
  drawn = mn.MentorMix(alpha=2.0, seed=4).sample(weight.astype(np.float32))
  partner = np.asarray(drawn.partner)
  share = np.asarray(drawn.share, float)[:, None]
  assert ((share > 0.5)[:, 0] == (weight >= 0.5)).all()
  assert 0 < (weight < 0.5).sum() < 9
  mixed_x = share * x + (1 - share) * x[partner]
  mixed_targets = share * one_hot + (1 - share) * one_hot[partner]
  mixed_loss, slope = cross_entropies(mixed_x, mixed_targets, kernel, bias)
  second = spcl_linear(mixed_loss) if second_reweight else np.ones(9)
  decay = 0.0 if second_reweight else _DECAY
  gradient = mixed_x.T @ (slope * second[:, None]) / 9 + 2 * decay * kernel

  _, report = training_step(model, images, labels)
  assert report["mentornet/orig_loss"].numpy() == pytest.approx(loss.mean())
  assert report["data_util/batch_sum_v"].numpy() == pytest.approx(weight.sum())
  expected = (mixed_loss * second).mean()
  assert report["mentornet/weighted_loss"].numpy() == pytest.approx(expected)
  assert report["total_loss"].numpy() == pytest.approx(
    expected + decay * (kernel**2).sum()
  )
  np.testing.assert_allclose(
    model.student.weights[0].numpy(), kernel - 0.1 * gradient, atol=1e-6
  )
  np.testing.assert_allclose(
    model.student.weights[1].numpy(),
    bias - 0.1 * (slope * second[:, None]).mean(0),
    atol=1e-6,
  )


def test_labels_as_numbers_and_as_vectors_give_the_same_step():
  images, labels = batch()
  numbers = mixing_model()
  vectors = mixing_model(keras.losses.CategoricalCrossentropy(from_logits=True))
  training_step(numbers, images, labels)
  training_step(vectors, images, np.eye(4, dtype=np.float32)[labels])
  for a, b in zip(
    numbers.student.weights, vectors.student.weights, strict=True
  ):
    np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-6)


def test_both_moving_averages_have_a_state_of_their_own():
  model = mixing_model()
  images, labels = batch()
  with recorded_weighing(model.second_curriculum) as second:
    loss, _ = training_step(model, images, labels)
  (second,) = second
  assert second.loss.shape == (9,)
  for curriculum, weighed in (
    (model.curriculum, loss.weighed),
    (model.second_curriculum, second),
  ):
    assert curriculum.loss_moving_average.numpy() == pytest.approx(
      0.5 * float(weighed.percentile_loss)
    )
  assert np.abs(loss.weighed.loss - second.loss).max() > 0.01


def test_a_mentor_is_shared_by_both_weighings():
  mentor = mn.load_mentor("mentornet_pd")
  model = mixing_model(curriculum=mn.MentorCurriculum(mentor))
  assert model.second_curriculum.mentor is mentor
  groups = variable_groups(model)
  assert (
    len(groups["second_curriculum"]) == 2
  )  # the average and the random state


def test_only_the_second_pass_has_a_gradient():
  model = mixing_model(second_reweight=False)
  images, labels = batch()
  traced = tf.function(
    lambda x, y: training_step(model, x, y)[1]
  ).get_concrete_function(tf.constant(images), tf.constant(labels))
  # One product forward in the first pass, one in the second, one for the
  # gradient of the kernel.
  products = [op for op in traced.graph.get_operations() if op.type == "MatMul"]
  assert len(products) == 3


def test_fit_saves_and_goes_on(tmp_path):
  images, labels = batch()
  model = mixing_model()
  model.fit(images, labels, batch_size=9, epochs=3, verbose=0)
  model.save(tmp_path / "model.keras")
  loaded = keras.models.load_model(tmp_path / "model.keras")
  assert loaded.mixing.alpha == 2.0 and loaded.mixing.second_reweight
  for each in (model, loaded):
    each.fit(images, labels, batch_size=9, epochs=2, shuffle=False, verbose=0)
  for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
    np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("weights", ["none", "mentormix"])
def test_something_must_weigh_the_examples(tmp_path, weights):
  with pytest.raises(mn.UserError, match="mentormix_weights: expected one"):
    run(tmp_path / "run", _MIXING.changed(mentormix_weights=weights))
  assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("changes", [{}, {"curriculum": "oracle"}])
def test_the_oracle_needs_clean_labels_from_the_start(tmp_path, changes):
  settings = _MIXING.changed(**({"mentormix_weights": "oracle"} | changes))
  data = dataclasses.replace(tiny.dataset(), clean_labels=np.full(60, -1))
  with pytest.raises(mn.UserError, match="labels are known for the oracle"):
    run(tmp_path / "run", settings, train_data=data)
  assert not (tmp_path / "run").exists()


def test_mixing_of_another_kind_is_refused():
  with pytest.raises(mn.UserError, match="mixing: expected a MentorMix"):
    mn.MentoredModel(
      linear_student(), mn.UniformCurriculum(), total_steps=1, mixing=8.0
    )


_MIXING = SETTINGS.changed(
  curriculum="mentormix",
  mentormix_weights="threshold",
  example_dropout_rates="0.0,100",
  ema_decay=0.9,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
  """An uninterrupted run: its folder and result."""
  place = tmp_path_factory.mktemp("whole")
  return place, run(place, _MIXING)[0]


def test_a_continued_run_equals_an_uninterrupted_one(whole, tmp_path):
  with killed_at_the_next_checkpoint():
    run(tmp_path, _MIXING)
  continued, text = run(tmp_path, _MIXING)
  assert "continuing from step 8" in text
  values = [
    [v.numpy() for v in checkpointing.variables_of(variable_groups(m))]
    for m in (whole[1].model, continued.model)
  ]
  for a, b in zip(*values, strict=True):
    np.testing.assert_array_equal(a, b)
  whole_csv = (whole[0] / "metrics.csv").read_bytes()
  assert (tmp_path / "metrics.csv").read_bytes() == whole_csv


def test_evaluation_uses_the_average_of_the_weights(whole):
  folder, result = whole
  student = result.model.student
  own = [weight.numpy() for weight in student.trainable_variables]
  opened = open_run(folder)
  opened.load_newest()
  averaged = [weight.numpy() for weight in opened.student.trainable_variables]
  assert any((a != b).any() for a, b in zip(own, averaged, strict=True))

  data = tiny.dataset(40, noise=0, seed=1)
  evaluator = Evaluator(opened.student, evaluation_batches(data, 40))
  logged = float(read_metrics(folder)[-1]["test_loss"])
  assert evaluator().loss == pytest.approx(logged, rel=1e-5)


def test_the_average_is_the_formula(tmp_path):
  """average ← 0.9 · average + 0.1 · weight, from the first step's weight on."""
  settings = _MIXING.changed(max_number_of_steps=3)
  options = dataclasses.replace(
    OPTIONS, save_interval_steps=1, steps_per_call=1
  )
  result, _ = run(tmp_path, settings, options, eval_data=None)
  kernel = result.model.student.trainable_variables[0]
  groups = variable_groups(result.model)
  histories = []
  for step in (1, 2, 3):
    checkpointing.restore(str(tmp_path / f"model.ckpt-{step}"), groups)
    average = groups["average"]["000-kernel"]
    histories.append((kernel.numpy(), average.numpy()))
  assert (histories[0][0] != histories[-1][0]).any()
  (w1, a1), (w2, a2), (w3, a3) = histories
  np.testing.assert_array_equal(w1, a1)
  np.testing.assert_allclose(a2, 0.9 * w1 + 0.1 * w2, atol=1e-6)
  np.testing.assert_allclose(a3, 0.9 * a2 + 0.1 * w3, atol=1e-6)


@pytest.mark.parametrize("second_reweight", [True, False])
def test_examples_of_sample_weight_zero_are_absent(second_reweight):
  """They neither weigh nor are partners, however large their pixels are."""
  images, labels = batch()
  keep = np.arange(9) < 6
  models = []
  for value in (1.0, 1e3):
    model = mixing_model(second_reweight=second_reweight)
    x = np.where(keep[:, None, None, None], images, value)
    for _ in range(3):
      training_step(model, x.astype(np.float32), labels, keep.astype("float64"))
    models.append(model)
  for a, b in zip(*(m.get_weights() for m in models), strict=True):
    np.testing.assert_array_equal(a, b)
  partners = models[0].mixing.sample(np.ones(9), keep).partner
  assert np.max(partners) < 6


def test_penalties_are_those_of_the_mixed_pass():
  images, labels = batch()
  student = keras.Sequential(
    [
      keras.Input((2, 3, 1)),
      keras.layers.Flatten(),
      keras.layers.Dense(4, activity_regularizer=keras.regularizers.L2(1.0)),
    ]
  )
  model = mn.MentoredModel(
    student,
    mn.UniformCurriculum(),
    9,
    mn.MentorMix(second_reweight=False, seed=2),
  )
  assert isinstance(model, mn.MentorMixModel)  # given by position
  model.compile(keras.optimizers.SGD(0.0), crossentropy())
  loss, _ = training_step(model, images, labels)
  mixture = mn.MentorMix(second_reweight=False, seed=2).sample(np.ones(9))
  student(mixture.mix(images))
  (of_keras,) = student.losses  # before 3.13 not divided by the batch's size
  assert float(loss.total - loss.weighted) == pytest.approx(
    float(of_keras), rel=1e-4
  )


@pytest.mark.parametrize("form", ["list", "dict"])
def test_labels_and_weights_in_a_structure_are_mixed_alike(form):
  images, labels = batch()
  weight = np.linspace(0.5, 2, 9)
  results = []
  for wrap in (lambda v: v, lambda v: [v] if form == "list" else {"out": v}):
    model = mixing_model()
    training_step(model, images, wrap(labels), wrap(weight))
    results.append(model.student.get_weights())
  for a, b in zip(*results, strict=True):
    np.testing.assert_array_equal(a, b)
