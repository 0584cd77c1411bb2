"""Dropout that is the same on several replicas as on one device."""

import dropout_runs
import keras
import numpy as np
from keras_backend import run_under

from mentornet_tf.students.layers.batch_dropout import BatchDropout


def test_one_replica_drops_as_keras_does():
  x = np.ones((8, 5), np.float32)
  ours, stock = BatchDropout(0.5, seed=3), keras.layers.Dropout(0.5, seed=3)
  for _ in range(2):
    np.testing.assert_array_equal(
      ours(x, training=True), stock(x, training=True)
    )
  np.testing.assert_array_equal(ours(x), x)


def test_replicas_drop_what_one_device_drops():
  one, two = run_under("tensorflow", dropout_runs.dropped_parts)
  assert np.equal(one, 0).any(axis=1).all()
  np.testing.assert_array_equal(np.concatenate(two), one)
