import keras
import numpy as np
import pytest
import tensorflow as tf

from mentornet_tf.curricula.dropout_rates import parse_example_dropout_rates
from mentornet_tf.curricula.example_dropout import ExampleDropout
from mentornet_tf.errors import UserError


def test_rate_tables_equal_golden(golden):
  for text, table in golden.json("dropout_counts")["parsed"].items():
    rates = np.asarray(parse_example_dropout_rates(text), np.float32)
    np.testing.assert_array_equal(rates, np.asarray(table, np.float32))


def test_counts_equal_golden(golden, figure):
  counts = golden.json("dropout_counts")["counts"]
  assert len(counts) == 128
  for case in counts:
    dropout = ExampleDropout([case["rate"]] * 100)
    size = case["batch_size"]
    assert int(dropout.kept_count(size, 7)) == case["selected"], case
    dynamic = dropout.kept_count(tf.constant(size), 7)
    assert int(dynamic) == case["selected"], case
  figure("example dropout counts", 0, 0)


def test_malformed_rates_are_refused(golden):
  for text in golden.json("dropout_counts")["rejected"]:
    with pytest.raises(UserError, match="--rates: expected"):
      parse_example_dropout_rates(text, "--rates")


def test_the_sum_found_is_named():
  with pytest.raises(UserError, match="got the sum 99"):
    parse_example_dropout_rates("0.5,50,0.1,49")


def test_negative_epochs_are_refused():
  with pytest.raises(UserError, match="got -1 epochs"):
    parse_example_dropout_rates("0.5,101,0.1,-1")


def test_mask_keeps_the_count_in_every_batch():
  dropout = ExampleDropout([0.5] * 50 + [1.0] * 50)
  seed = keras.random.SeedGenerator(3)
  for _ in range(20):
    assert dropout.keep_mask(128, 10, seed).numpy().sum() == 64
  assert dropout.keep_mask(128, 70, seed).numpy().sum() == 0


def test_every_example_is_kept_equally_often():
  dropout = ExampleDropout([0.25] * 100)
  seed = keras.random.SeedGenerator(11)
  draws = 1000
  keep_mask = tf.function(lambda: dropout.keep_mask(20, 0, seed))
  kept = sum(keep_mask().numpy() for _ in range(draws))
  # Each count is Binomial(1000, 0.75). By Bonferroni over 20 examples a bound
  # of 4.5 standard deviations errs with probability below 2e-4.
  deviation = np.sqrt(draws * 0.75 * 0.25)
  assert np.abs(kept - draws * 0.75).max() < 4.5 * deviation


def test_the_same_seed_draws_the_same_examples():
  dropout = ExampleDropout([0.5] * 100)

  def draw(seed):
    return dropout.keep_mask(64, 0, keras.random.SeedGenerator(seed)).numpy()

  np.testing.assert_array_equal(draw(5), draw(5))
  assert (draw(5) != draw(6)).any()
