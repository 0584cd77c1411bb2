"""Steps on refined labels against their algebra in float64."""

import keras
import numpy as np
import pytest
from quadrant_runs import SETTINGS, killed_at_the_next_checkpoint, run

import mentornet_tf as mn
from mentornet_tf.training.ema import averaged_weights

_DECAY = 0.01
_TEMPERATURE = 0.5


def refining_model(loss=None, mixing=None, **refining):
  keras.utils.set_random_seed(1)
  regularizer = keras.regularizers.L2(_DECAY)
  student = keras.Sequential(
    [
      keras.Input((6,)),
      keras.layers.Dense(4, kernel_regularizer=regularizer),
    ]
  )
  model = mn.MentoredModel(
    student,
    mn.FormulaCurriculum("spcl_linear", loss_p_percentile=0.6),
    total_steps=10,
    mixing=mixing,
    refining=mn.RefinedLabels(_TEMPERATURE, **refining),
  )
  model.compile(
    keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.8),
    loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True),
  )
  model.optimizer.build(student.trainable_variables)
  return model


def batch(seed=0):
  rng = np.random.default_rng(seed)
  return rng.normal(size=(9, 6)).astype(np.float32), rng.integers(0, 4, 9)


def log_probabilities(x, kernel, bias):
  logits = x @ kernel + bias
  logits -= logits.max(1, keepdims=True)
  return logits - np.log(np.exp(logits).sum(1, keepdims=True))


def values(variables):
  return [keras.ops.convert_to_numpy(v).astype(float) for v in variables]


def step(model, x, y, sample_weight=None):
  """Trains on a batch as `fit` does, and returns what it weighed by."""
  weights = []
  weigh = model.curriculum.weigh

  def recorded(*args, **options):
    weighed = weigh(*args, **options)
    weights.append(weighed.weight)
    return weighed

  model.curriculum.weigh = recorded
  model.run_eagerly = True
  model.train_on_batch(x, y, sample_weight)
  model.curriculum.weigh = weigh
  return np.asarray(weights[0], float)


@pytest.mark.parametrize("mixes", [False, True])
@pytest.mark.parametrize(
  ("one_hot", "reduction"),
  [(False, "mean"), (True, "mean"), (False, "sum")],
)
def test_steps_are_the_algebra(mixes, one_hot, reduction):
  def mixing():
    return mn.MentorMix(2.0, second_reweight=False, seed=4)

  loss = (
    keras.losses.CategoricalCrossentropy
    if one_hot
    else keras.losses.SparseCategoricalCrossentropy
  )
  model = refining_model(
    loss(from_logits=True, reduction=reduction),
    mixing() if mixes else None,
    balance_decay=0.5,
  )
  sampler = mixing()
  predicted, given = np.full(4, 0.25), np.full(4, 0.25)
  for number in range(3):
    x, labels = batch(number)
    targets = np.eye(4)[labels]
    kernel, bias = values(model.student.weights)
    # The average begins with the first step.
    guessing = values(averaged_weights(model.optimizer)) if number else None
    p = np.exp(log_probabilities(x, *(guessing or (kernel, bias))))
    user = np.linspace(0.5, 1.5, 9).astype(np.float32)
    user[number] = 0  # as if the example was absent
    present = user > 0
    weight = step(model, x, targets if one_hot else labels, user)
    assert 0 < (weight[present] < 0.5).sum() < 8

    predicted = 0.5 * predicted + 0.5 * p[present].mean(0)
    given = 0.5 * given + 0.5 * targets[present].mean(0)
    guess = (p * given / predicted) ** (1 / _TEMPERATURE)
    guess /= guess.sum(1, keepdims=True)
    refined = weight[:, None] * targets + (1 - weight[:, None]) * guess
    inputs, user = x.astype(float), user.astype(float)
    if mixes:
      mixture = sampler.sample(weight.astype(np.float32), present)
      partner = np.asarray(mixture.partner)
      share = np.asarray(mixture.share, float)[:, None]
      # Under mixing the user's weights are mixed as well.
      inputs, refined, user = (
        share * v + (1 - share) * v[partner]
        for v in (inputs, refined, user[:, None])
      )
      user = user[:, 0] * present
    slope = np.exp(log_probabilities(inputs, kernel, bias)) - refined
    slope *= user[:, None] / (len(x) if reduction == "mean" else 1)
    expected = (
      kernel - 0.1 * (inputs.T @ slope + 2 * _DECAY * kernel),
      bias - 0.1 * slope.sum(0),
    )
    for found, value in zip(
      values(model.student.weights), expected, strict=True
    ):
      np.testing.assert_allclose(found, value, rtol=1e-5, atol=1e-6)


def test_the_student_learns_from_augmented_inputs_and_guesses_for_others():
  class Twice(keras.layers.Layer):
    def call(self, x, training=False):
      assert training
      return 2 * x

  model = refining_model(augmenter=Twice(), balance=False)
  x, labels = batch()
  kernel, bias = values(model.student.weights)
  weight = step(model, x, labels)[:, None]
  guess = np.exp(log_probabilities(x, kernel, bias)) ** (1 / _TEMPERATURE)
  guess /= guess.sum(1, keepdims=True)
  refined = weight * np.eye(4)[labels] + (1 - weight) * guess
  slope = (np.exp(log_probabilities(2.0 * x, kernel, bias)) - refined) / 9
  np.testing.assert_allclose(
    values(model.student.weights)[0],
    kernel - 0.1 * (2 * x.T @ slope + 2 * _DECAY * kernel),
    rtol=1e-5,
    atol=1e-6,
  )


def test_a_binary_student_learns():
  student = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
  model = mn.MentoredModel(
    student,
    mn.FormulaCurriculum("spcl_linear", loss_p_percentile=0.6),
    10,
    refining=mn.RefinedLabels(balance=False),
  )
  loss = keras.losses.BinaryCrossentropy(from_logits=True)
  model.compile(keras.optimizers.SGD(0.1, use_ema=True), loss)
  model.optimizer.build(student.trainable_variables)
  x, labels = batch()
  labels = (labels > 1).astype(np.float32)[:, None]
  kernel, bias = values(student.weights)
  weight = step(model, x, labels)[:, None]
  p = 1 / (1 + np.exp(-(x @ kernel + bias)))
  guess = p**2 / (p**2 + (1 - p) ** 2)
  slope = (p - (weight * labels + (1 - weight) * guess)) / 9
  np.testing.assert_allclose(
    values(student.weights)[0], kernel - 0.1 * x.T @ slope, rtol=1e-5, atol=1e-6
  )


def test_it_is_saved_and_loaded(tmp_path):
  model = refining_model(mixing=mn.MentorMix(second_reweight=False))
  x, labels = batch()
  model.fit(x, labels, batch_size=9, epochs=2, verbose=0)
  model.save(tmp_path / "m.keras")
  again = keras.saving.load_model(tmp_path / "m.keras")
  for each in (model, again):
    each.fit(x, labels, batch_size=9, epochs=2, verbose=0)
  for one, other in zip(
    values(model.variables), values(again.variables), strict=True
  ):
    np.testing.assert_allclose(one, other, rtol=1e-6)


def test_what_it_cannot_train_is_refused():
  def model(**options):
    student = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4)])
    return mn.MentoredModel(student, mn.ThresholdCurriculum(), 10, **options)

  with pytest.raises(mn.UserError, match="refining: expected a RefinedLabels"):
    model(refining=True)
  refining = mn.RefinedLabels()
  with pytest.raises(mn.UserError, match="weigh_by_average: expected True"):
    model(refining=refining, weigh_by_average=False)
  with pytest.raises(mn.UserError, match="weigh_by_average: expected True"):
    model(refining=refining, judge_by_average=False)
  with pytest.raises(mn.UserError, match="mixing: expected a MentorMix"):
    model(refining=refining, mixing=True)
  with pytest.raises(mn.UserError, match="second_reweight: expected False"):
    model(refining=refining, mixing=mn.MentorMix())
  with pytest.raises(mn.UserError, match="loss_weights: expected none"):
    weighted = refining_model()
    weighted.compile(weighted.optimizer, "mse", loss_weights=[0.5])
    weighted.fit(*batch(), verbose=0)
  other = mn.RefinedLabels()
  other.build(5)
  with pytest.raises(mn.UserError, match="refining: expected one of 4 classes"):
    model(refining=other)
  ignoring = keras.losses.SparseCategoricalCrossentropy(
    from_logits=True, ignore_class=0
  )
  with pytest.raises(mn.UserError, match="refining: expected a label for"):
    refining_model(ignoring).fit(*batch(), verbose=0)
  with pytest.raises(mn.UserError, match="optimizer that averages"):
    averageless = model(refining=refining)
    averageless.compile("sgd", "sparse_categorical_crossentropy")
    averageless.fit(*batch(), verbose=0)


_REFINING = SETTINGS.changed(
  curriculum="mentormix",
  trained_mentornet_dir="mentornet_pd",
  second_reweight=False,
  weigh_by_average=True,
  ema_decay=0.9,
  refine_labels=True,
)


def test_a_killed_run_continues_to_the_same_numbers(tmp_path):
  run(tmp_path / "whole", _REFINING, eval_data=None)
  with killed_at_the_next_checkpoint():
    run(tmp_path / "parts", _REFINING, eval_data=None)
  run(tmp_path / "parts", _REFINING, eval_data=None)
  whole, parts = (
    (tmp_path / name / "metrics.csv").read_bytes()
    for name in ("whole", "parts")
  )
  assert whole == parts


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    ({"weigh_by_average": False}, "refine_labels: expected `weigh_by_average`"),
    ({"ema_decay": 0.0}, "refine_labels: expected `weigh_by_average` and"),
    ({"second_reweight": True}, "second_reweight: expected False"),
    (
      {"curriculum": "none", "trained_mentornet_dir": None},
      "refine_labels: expected a curriculum that weighs by losses with it, got",
    ),
  ],
)
def test_settings_that_do_not_fit_are_refused(changes, message):
  with pytest.raises(mn.UserError, match=message):
    _REFINING.changed(**changes)
