"""MentorMix's samples. Each statistical test fails by chance once in 10,000."""

import keras
import numpy as np
import pytest
from scipy import stats

import mentornet_tf as mn

_ERROR_RATE = 1e-4


def sampled(weight, count, **options):
  """Partners and shares [count, B] of `count` samples for the same weights."""
  mixing = mn.MentorMix(**options)

  def sample():
    mixture = mixing.sample(weight)
    return mixture.partner, mixture.share

  if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

    sample = tf.function(sample)  # which takes less time
  drawn = [sample() for _ in range(count)]
  return tuple(
    np.stack([keras.ops.convert_to_numpy(each) for each in column])
    for column in zip(*drawn, strict=True)
  )


def test_partners_are_sampled_from_the_softmax_of_the_weights():
  weight = np.array([1.0, 0.0, 0.5, 0.9, 0.1, 1.0], np.float32)
  partners, _ = sampled(weight, 500)
  expected = np.exp(weight.astype(float))
  expected /= expected.sum()
  counts = np.bincount(partners.ravel(), minlength=6)
  assert stats.chisquare(counts, expected * partners.size).pvalue > _ERROR_RATE


@pytest.mark.slow
def test_partners_are_independent_of_the_example():
  partners, _ = sampled(np.array([1.0, 0.0, 0.5, 0.9], np.float32), 2000)
  table = np.stack([np.bincount(column, minlength=4) for column in partners.T])
  assert stats.chi2_contingency(table).pvalue > _ERROR_RATE
  # Nor does one sample predict the next.
  pairs = np.bincount(4 * partners[:-1, 0] + partners[1:, 0], minlength=16)
  assert stats.chi2_contingency(pairs.reshape(4, 4)).pvalue > _ERROR_RATE


@pytest.mark.parametrize("alpha", [0.4, 2.0, 8.0])
def test_shares_follow_the_beta_distribution_folded_at_one_half(alpha):
  weight = np.array([0.5, 1.0, 0.49, 0.0], np.float32)
  _, shares = sampled(weight, 400, alpha=alpha)
  trusted, others = shares[:, :2].ravel(), shares[:, 2:].ravel()
  assert trusted.min() >= 0.5 >= others.max()

  def folded(x):
    return 2 * stats.beta.cdf(x, alpha, alpha) - 1

  assert stats.kstest(trusted, folded).pvalue > _ERROR_RATE
  assert stats.kstest(1 - others, folded).pvalue > _ERROR_RATE
  # Each example has a share of its own.
  assert abs(np.corrcoef(shares.T)[0, 1]) < 4 / np.sqrt(len(shares))


@pytest.mark.parametrize("alpha", [0.4, 8.0])
def test_shares_are_the_same_distribution_under_xla(alpha):
  if keras.backend.backend() != "tensorflow":
    pytest.skip("other back ends compile by themselves")
  import tensorflow as tf

  mixing = mn.MentorMix(alpha=alpha)
  weight = np.ones(4096, np.float32)
  sample = tf.function(lambda: mixing.sample(weight).share, jit_compile=True)
  shares = sample().numpy()
  assert shares.dtype == np.float32

  def folded(x):
    return 2 * stats.beta.cdf(x, alpha, alpha) - 1

  assert stats.kstest(shares, folded).pvalue > _ERROR_RATE


def test_samples_repeat_with_the_seed_alone():
  weight = np.linspace(0, 1, 8, dtype=np.float32)
  first, again = sampled(weight, 3, seed=5), sampled(weight, 3, seed=5)
  other = sampled(weight, 3, seed=6)
  for a, b, c in zip(first, again, other, strict=True):
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()
    assert (a[0] != a[1]).any()


def test_a_mixture_mixes_any_shape():
  mixing = mn.MentorMix()
  mixture = mixing.sample(np.linspace(0, 1, 5, dtype=np.float32))
  partner, share = np.asarray(mixture.partner), np.asarray(mixture.share)
  images = np.random.default_rng(0).normal(size=(5, 4, 3, 2))
  images = images.astype(np.float32)
  factor = share[:, None, None, None]
  np.testing.assert_allclose(
    mixture.mix(images),
    factor * images + (1 - factor) * images[partner],
    rtol=1e-6,
  )
  np.testing.assert_array_equal(mixture.of_partners(partner), partner[partner])


@pytest.mark.parametrize("alpha", [0, -1.0, float("nan"), float("inf")])
def test_alpha_must_be_a_positive_number(alpha):
  with pytest.raises(mn.UserError, match="alpha: expected a finite number > 0"):
    mn.MentorMix(alpha)
