"""The comparison of mentors and losses at detecting noisy labels."""

import numpy as np
import pytest

from mentornet_tf.curricula.mentor_network import LogisticMentor
from mentornet_tf.errors import UserError
from mentornet_tf.mentor_training.label_quality import compare_label_quality
from mentornet_tf.mentor_training.loss_dump import LossDump


def make_dump(examples=60, seed=0):
  """Losses at epochs 10 and 60; noisy labels lie 1 nat higher on average."""
  generator = np.random.default_rng(seed)
  clean = np.zeros(examples, int)
  noisy = (np.arange(examples) % 3 == 0).astype(int)
  both = [noisy + generator.exponential(1.0, examples) * s for s in (2, 0.5)]
  return LossDump(
    name="held_out",
    example_id=np.array([str(i) for i in range(examples)] * 2),
    epoch=np.repeat([10.0, 60.0], examples),
    noisy_label=np.tile(noisy, 2),
    clean_label=np.tile(clean, 2),
    loss=np.concatenate(both),
  )


def linear_mentor(*kernel):
  mentor = LogisticMentor()
  mentor.kernel.assign(np.reshape(np.float32(kernel), (4, 1)))
  return mentor


def pairwise_auc(score, clean):
  """Share of (right, wrong) pairs in order: the definition of the area."""
  difference = score[clean][:, None] - score[~clean][None, :]
  return np.mean((difference > 0) + 0.5 * (difference == 0))


def test_areas_are_the_share_of_pairs_in_order():
  dump = make_dump()
  clean = dump.noisy_label == dump.clean_label
  mentors = {
    "difference": linear_mentor(0, -1, 0, 0),
    "inverted": linear_mentor(1, 0, 0, 0),
    "constant": linear_mentor(0, 0, 0, 0),
  }
  quality = compare_label_quality(dump, mentors, percentile=75, resamples=50)
  difference = dump.features(75, by_epoch=True)[:, 1]
  expected = pairwise_auc(-difference, clean)
  assert quality["difference"].auc == pytest.approx(expected, abs=1e-3)
  loss_auc = pairwise_auc(-dump.loss, clean)
  assert quality["loss"].auc == pytest.approx(loss_auc)
  assert quality["inverted"].auc == pytest.approx(1 - loss_auc, abs=1e-3)
  assert quality["constant"].auc == quality["constant"].low == 0.5
  for name in ("difference", "inverted", "loss"):
    one = quality[name]
    assert 0 < one.low < one.auc < one.high < 1


def test_more_examples_narrow_the_interval_and_seeds_repeat_it():
  def width(examples):
    one = compare_label_quality(
      make_dump(examples), {}, percentile=75, resamples=60
    )["loss"]
    return one.high - one.low

  assert width(800) < 0.6 * width(80)
  assert width(80) == width(80)


def test_differences_are_taken_within_an_epoch():
  dump = make_dump()
  features = dump.features(75, by_epoch=True)
  for epoch in (10, 60):
    rows = dump.epoch == epoch
    expected = dump.loss[rows] - np.percentile(dump.loss[rows], 75)
    np.testing.assert_array_equal(features[rows, 1], expected)
  np.testing.assert_array_equal(features[:, 0], dump.loss)


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"noisy_label": np.zeros(120, int)}, "got 120 clean ones of 120"),
    ({"noisy_label": np.ones(120, int)}, "got 0 clean ones of 120"),
  ],
)
def test_a_dump_without_both_kinds_is_refused(change, message):
  dump = LossDump(**{**vars(make_dump()), **change})
  with pytest.raises(UserError, match=message):
    compare_label_quality(dump, {}, percentile=75)


@pytest.mark.parametrize("confidence", [0, 1, -1, float("nan")])
def test_other_confidences_are_refused(confidence):
  with pytest.raises(UserError, match="confidence: expected a share between"):
    compare_label_quality(make_dump(), {}, percentile=75, confidence=confidence)
