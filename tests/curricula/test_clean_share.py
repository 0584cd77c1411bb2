"""The share of clean labels from losses, against a fit in NumPy float64."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from auto_percentiles import two_modes

import mentornet_tf as mn
from mentornet_tf.curricula import clean_share
from mentornet_tf.curricula.loss_statistics import nearest_percentile


def reference_fit(histogram):
  """EM of two Gaussians on log(1 + loss / (2 mean)), counts by bin."""
  centers = np.exp(np.linspace(-10, 6, 96))
  mass = histogram / histogram.sum()
  x = np.log1p(centers / (2 * (mass * centers).sum()))
  mean = (mass * x).sum()
  floor = 1e-3 * (mass * (x - mean) ** 2).sum() + 1e-9
  lower = np.where(x <= mean, 0.7, 0.3)
  for _ in range(31):
    parts = np.stack([lower, 1 - lower]) * mass
    weight = parts.sum(1) + 1e-6
    means = (parts * x).sum(1) / weight
    variance = (parts * (x - means[:, None]) ** 2).sum(1) / weight + floor
    weight /= weight.sum()
    density = (
      weight[:, None]
      * np.exp(-((x - means[:, None]) ** 2) / (2 * variance[:, None]))
      / np.sqrt(variance[:, None])
    )
    lower = density[0] / np.maximum(density.sum(0), 1e-300)
  return weight[0], (means[1] - means[0]) / np.sqrt(variance.mean())


def weighing(curriculum):
  """Compiled: a function of losses, and a mask, that gives the percentile."""
  return tf.function(
    lambda loss, mask=None: curriculum.weigh(loss, 5, mask=mask).percentile
  )


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_the_mixture_is_that_of_numpy(share):
  losses = two_modes(np.random.default_rng(1), share, 4000)
  position = np.clip((np.log(losses) + 10) / 16, 0, 1) * 95
  histogram = np.bincount(np.round(position).astype(int), minlength=96)
  expected = reference_fit(histogram.astype(np.float64))
  got = clean_share.fit_mixture(histogram.astype(np.float32))
  np.testing.assert_allclose(got, expected, rtol=1e-4)
  assert expected[0] == pytest.approx(share, abs=0.07)


@pytest.mark.parametrize(
  "scale", [1e-3, pytest.param(1.0, marks=pytest.mark.slow), 20.0]
)
def test_the_percentile_comes_near_the_share_at_every_scale(scale):
  rng = np.random.default_rng(0)
  curriculum = mn.ThresholdCurriculum(loss_p_percentile="auto")
  weigh = weighing(curriculum)
  used = [float(weigh(scale * two_modes(rng, 0.4, 128))) for _ in range(500)]
  assert used[0] == np.float32(0.7)
  assert used[-1] == pytest.approx(0.4, abs=0.06)
  assert max(np.abs(np.diff(used))) < 0.04


def test_nothing_is_told_from_one_mode_or_few_losses():
  rng = np.random.default_rng(0)
  curriculum = mn.UniformCurriculum(loss_p_percentile="auto")
  weigh = weighing(curriculum)
  for _ in range(100):
    weigh(np.float32(rng.normal(2.3, 0.3, 128)))
  assert float(curriculum.percentile) == np.float32(0.7)
  few = mn.UniformCurriculum(loss_p_percentile="auto")
  for _ in range(30):
    few.weigh(two_modes(rng, 0.4, 16), 5)
  assert float(few.percentile) == np.float32(0.7)


def test_what_does_not_count_is_not_seen():
  rng = np.random.default_rng(0)
  masked, alone = (
    mn.ThresholdCurriculum(loss_p_percentile="auto") for _ in range(2)
  )
  weigh_alone, weigh_masked = weighing(alone), weighing(masked)
  for _ in range(60):
    losses = two_modes(rng, 0.4, 64)
    weigh_alone(losses)
    others = np.float32([np.nan, np.inf, 0, -1, 3e4])
    mask = np.r_[np.ones(64), np.zeros(5)] > 0
    weigh_masked(np.r_[losses, others], mask)
  for got, expected in zip(
    masked.clean_share.variables, alone.clean_share.variables, strict=True
  ):
    np.testing.assert_array_equal(got, expected)
  assert float(masked.percentile) != np.float32(0.7)


def test_losses_of_no_number_leave_the_estimate_finite():
  curriculum = mn.ThresholdCurriculum(loss_p_percentile="auto")
  weigh = weighing(curriculum)
  for values in ([np.nan] * 64, [0.0] * 64, [-1.0] * 64, [1e30, np.inf] * 32):
    for _ in range(30):
      weigh(np.float32(values))
    assert 0.05 <= float(curriculum.percentile) <= 0.95


def test_a_copy_with_the_state_continues_alike():
  rng = np.random.default_rng(0)
  first = mn.FormulaCurriculum("self_paced", loss_p_percentile="auto")
  for _ in range(25):
    first.weigh(two_modes(rng, 0.4, 64), 5)
  copy = keras.saving.deserialize_keras_object(
    keras.saving.serialize_keras_object(first)
  )
  copy.set_weights(first.get_weights())
  assert copy.loss_p_percentile == "auto"
  clone = first.clone()
  assert float(clone.percentile) == np.float32(0.7)
  for _ in range(25):
    losses = two_modes(rng, 0.4, 64)
    one, two = first.weigh(losses, 5), copy.weigh(losses, 5)
    np.testing.assert_array_equal(one.weight, two.weight)
    assert float(one.percentile) == float(two.percentile)
  assert float(one.percentile) < 0.6


def test_the_second_weights_of_mentormix_follow_the_first():
  student = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
  model = mn.MentoredModel(
    student,
    mn.ThresholdCurriculum(loss_p_percentile="auto"),
    total_steps=10,
    mixing=mn.MentorMix(),
  )
  second = model.second_curriculum
  before = second.clean_share.get_weights()
  second.weigh(np.ones(600, np.float32), 3)
  for value, variable in zip(before, second.clean_share.variables, strict=True):
    np.testing.assert_array_equal(value, variable)
  model.curriculum.clean_share.share.assign(0.3)
  assert float(second.percentile) == np.float32(0.3)


def test_fit_reports_the_percentile_and_saved_models_keep_it(tmp_path):
  rng = np.random.default_rng(0)
  student = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
  curriculum = mn.ThresholdCurriculum(loss_p_percentile="auto")
  model = mn.MentoredModel(student, curriculum, total_steps=20)
  model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
  x, y = rng.normal(size=(320, 4)), rng.integers(0, 3, 320)
  for _ in range(2):
    history = model.fit(x, y, batch_size=32, verbose=0)
  percentile = [float(curriculum.percentile)]
  assert history.history["loss_p_percentile"] == percentile != [0.7]
  model.save(tmp_path / "model.keras")
  loaded = keras.saving.load_model(tmp_path / "model.keras")
  for got, expected in zip(
    loaded.curriculum.variables, curriculum.variables, strict=True
  ):
    np.testing.assert_array_equal(got, expected)
  assert float(keras.ops.sum(curriculum.clean_share._histogram)) > 500


@pytest.mark.parametrize("kind", ["x", "ties", "signed"])
def test_a_percentile_of_a_tensor_equals_golden(golden, kind):
  recorded = golden.npz("percentile")
  for size in recorded["sizes"]:
    values = recorded[f"{kind}_{size}"]
    for queries, name in (("q", "at_q"), ("q_from_p", "at_p")):
      expected = recorded[f"{kind}_{size}_{name}"]
      for q, value in zip(recorded[queries], expected, strict=True):
        got = nearest_percentile(values, tf.constant(q, tf.float64))
        assert got.numpy() == value, (size, q)
