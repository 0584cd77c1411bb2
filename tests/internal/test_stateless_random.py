import numpy as np
import pytest
import tensorflow as tf

from mentornet_tf.datasets.reading.in_memory import shuffled_index
from mentornet_tf.internal.stateless_random import (
  fold_in,
  permutation,
  uniform_floats,
  uniform_integers,
)

SEEDS = (0, 7, 2**40 + 3)


@pytest.mark.parametrize("seed", SEEDS)
def test_seeds_are_folded_as_tensorflow_does(seed):
  steps = np.array([0, 1, 12_345_678_901])
  expected = [
    tf.random.experimental.stateless_fold_in(
      tf.constant([seed, 2], tf.int64), tf.constant(step, tf.int64)
    )
    for step in steps
  ]
  np.testing.assert_array_equal(fold_in(np.array([seed, 2]), steps), expected)


@pytest.mark.parametrize("count", [1, 33, 128])
def test_numbers_are_those_of_tensorflow(count):
  seeds = np.array([[seed, -seed - 5] for seed in SEEDS])
  integers = [
    tf.random.stateless_uniform([count], seed, 0, 17, tf.int64)
    for seed in seeds
  ]
  floats = [tf.random.stateless_uniform([count], seed) for seed in seeds]
  np.testing.assert_array_equal(uniform_integers(seeds, count, 17), integers)
  np.testing.assert_array_equal(uniform_floats(seeds, count), floats)


# 65,537 is where TensorFlow's own words are one bit too short.
@pytest.mark.parametrize("size", [1, 2, 3, 50, 1000, 65_536, 65_537, 131_072])
def test_orders_are_those_of_tensorflow(size):
  for seed, number in [(0, 0), (3, 5), (2**40 + 3, 1)]:
    positions = tf.range(number * size, (number + 1) * size, dtype=tf.int64)
    order = permutation((seed, 1, number), size, 24)
    np.testing.assert_array_equal(order, shuffled_index(positions, size, seed))
    np.testing.assert_array_equal(np.sort(order), np.arange(size))
