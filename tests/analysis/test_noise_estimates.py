"""Estimates of label noise, on labels whose noise is known."""

import dataclasses

import numpy as np
import pytest
from scipy import stats
from simulated_labels import simulated

import mentornet_tf as mn
from mentornet_tf.analysis.noise_estimates import (
  estimate_noise,
  wilson_interval,
)
from mentornet_tf.analysis.ranking import describe
from mentornet_tf.errors import UserError


@pytest.mark.parametrize("noise", [0.02, 0.2, 0.4])
def test_intervals_hold_the_noise_rate_as_often_as_they_say(noise):
  repeats = 400
  runs = [simulated(seed, noise=noise) for seed in range(repeats)]
  found = [estimate_noise(run.labels, run.pred_probs) for run in runs]
  held = sum(low <= noise <= high for low, high in (x.interval for x in found))
  # 0.95 within three standard errors of a share of 400.
  assert 0.917 <= held / repeats <= 0.983
  share = np.mean([estimate.share for estimate in found])
  assert share == pytest.approx(noise, abs=0.004)
  narrow = [
    estimate_noise(run.labels, run.pred_probs, confidence=0.5) for run in runs
  ]
  held = sum(low <= noise <= high for low, high in (x.interval for x in narrow))
  assert 0.425 <= held / repeats <= 0.575


def test_intervals_of_pairs_hold_what_the_labels_are():
  held = number = 0
  for seed in range(100):
    run = simulated(seed, noise=0.3)
    estimate = estimate_noise(run.labels, run.pred_probs)
    for pair in estimate.pairs:
      # The expected number, given how many labels the class has.
      expected = 0.1 * np.sum(run.labels == pair.given)
      held += pair.interval[0] <= expected <= pair.interval[1]
      number += 1
  assert number > 1100
  assert 0.93 <= held / number <= 0.97


def test_estimates_are_those_of_the_formulas():
  run = simulated(1, number=300, margin=2.0, noise=0.3)
  labels, p = run.labels, run.pred_probs
  estimate = estimate_noise(labels, p, class_names="abcd")
  least = np.array([p[labels == k, k].mean() for k in range(4)])
  above = p >= least
  counts = np.zeros((4, 4))
  for given, row, q in zip(labels, above, p, strict=True):
    if row.any():
      counts[given, q.argmax() if row.sum() > 1 else row.argmax()] += 1
  sizes, confident = np.bincount(labels), counts.sum(1)
  assert confident.sum() < 300
  rates = 1 - counts.diagonal() / confident
  w = sizes / 300
  share = (w * rates).sum()
  variance = (w**2 * rates * (1 - rates) / confident).sum()
  variance += ((w * rates**2).sum() - share**2) / 300
  number = share * (1 - share) / variance
  assert estimate.num_confident == confident.sum()
  assert estimate.share == pytest.approx(share, rel=1e-12)
  assert estimate.interval == pytest.approx(
    wilson_interval(share, number, 0.95), rel=1e-12
  )
  joint = counts / confident[:, None] * sizes[:, None]
  np.testing.assert_allclose(estimate.joint, joint, rtol=1e-12)
  np.testing.assert_allclose(
    estimate.suggested_by_given, counts / confident[:, None], rtol=1e-12
  )
  np.testing.assert_allclose(
    estimate.given_by_suggested, joint / joint.sum(0), rtol=1e-12
  )
  first = estimate.pairs[0]
  beside = joint * (1 - np.eye(4))
  assert first.count == pytest.approx(beside.max())
  assert beside[first.given, first.suggested] == beside.max()
  exact = stats.binomtest(
    int(counts[first.given, first.suggested]), int(confident[first.given])
  ).proportion_ci(0.95, method="wilson")
  assert first.interval == pytest.approx(
    (exact.low * sizes[first.given], exact.high * sizes[first.given])
  )
  counted = [pair.count for pair in estimate.pairs]
  assert counted == sorted(counted, reverse=True)


@pytest.mark.parametrize(("wrong", "number"), [(0, 40), (7, 40), (40, 40)])
def test_intervals_are_wilsons(wrong, number):
  expected = stats.binomtest(wrong, number).proportion_ci(0.9, method="wilson")
  found = wilson_interval(wrong / number, number, 0.9)
  assert found == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_clean_labels_have_an_interval_from_0():
  run = simulated(0, noise=0.0, margin=8.0)
  estimate = estimate_noise(run.labels, run.pred_probs)
  assert estimate.share == 0
  assert estimate.interval[0] == 0
  assert 0 < estimate.interval[1] < 0.02
  assert estimate.pairs == ()
  assert "most confused" not in str(estimate)


def test_a_summary_is_readable_and_json():
  run = simulated(0, number=1000, noise=0.2)
  names = ("ant", "bee", "cat", "dog")
  suspects = mn.SuspectLabels.from_arrays(
    run.labels, run.pred_probs, class_names=names
  )
  estimate = suspects.summary()
  lines = str(estimate).split("\n")
  assert lines[0].startswith(
    f"estimated noisy labels: {100 * estimate.share:.1f} % (95 % interval "
  )
  pair = estimate.pairs[0]
  assert f"{names[pair.given]} → {names[pair.suggested]} " in lines[1]
  assert lines[2] == (
    f"from the {estimate.num_confident} labels of which the model is "
    "confident; its own mistakes count, too, so this is too high where its "
    "accuracy is low"
  )
  found = estimate.as_json()
  assert found["share"] == estimate.share
  assert found["pairs"][0] == {
    **dataclasses.asdict(pair),
    "interval": list(pair.interval),
  }
  np.testing.assert_array_equal(found["joint"], estimate.joint)


def test_too_few_examples_are_refused():
  run = simulated(0, number=20)
  with pytest.raises(
    UserError,
    match="labels: expected at least 30 examples of which the model is "
    r"confident, got \d+ of 20",
  ):
    estimate_noise(run.labels, run.pred_probs)
  with pytest.raises(UserError, match="confidence: expected a number between"):
    estimate_noise(run.labels, run.pred_probs, confidence=95)


def test_a_summary_without_an_estimate_is_a_note():
  run = simulated(0, number=20)
  suspects = mn.SuspectLabels.from_arrays(run.labels, run.pred_probs)
  summary = suspects.summary()
  assert not summary.is_known and np.isnan(summary.share)
  assert np.isnan(summary.interval).all() and np.isnan(summary.joint).all()
  assert summary.pairs == ()
  note = f"note: no estimate of the label noise: {summary.why_unknown}"
  assert str(summary) == note == describe(suspects)[0]
  assert summary.why_unknown.endswith(
    f"got {summary.num_confident} of 20; rank more examples to estimate their "
    "noise"
  )
