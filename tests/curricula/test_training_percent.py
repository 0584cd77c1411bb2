import numpy as np
import pytest
import tensorflow as tf

from mentornet_tf.curricula.training_percent import training_percent


def test_percentages_equal_golden(golden, figure):
  recorded = golden.npz("epoch_percentage")
  names = [name for name in recorded if name.startswith("epoch_max")]
  assert len(names) == 7
  for name in names:
    total = int(name.removeprefix("epoch_max"))
    expected = np.minimum(recorded[name], 99)
    steps = tf.range(len(expected), dtype=tf.int64)
    np.testing.assert_array_equal(training_percent(steps, total), expected)
    scalars = [training_percent(step, total) for step in range(len(expected))]
    np.testing.assert_array_equal(scalars, expected)
  figure("epoch percentages", 0, 0)


def test_integers_give_python_integers():
  for step in (21, np.int64(21), np.int32(21)):
    percent = training_percent(step, 40)
    assert percent == 52
    assert type(percent) is int


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_tensors_give_int32_of_their_shape(dtype):
  percent = training_percent(tf.constant([[0, 21], [39, 40]], dtype), 40)
  assert percent.dtype == tf.int32
  np.testing.assert_array_equal(percent, [[0, 52], [97, 99]])


def test_long_trainings_do_not_overflow_int32():
  # 100 · step is beyond 2³¹ here.
  total = 2_000_000_000
  steps = [999_999_999, 1_000_000_000, 1_999_999_999, 2_000_000_000]
  expected = [49, 50, 99, 99]
  assert [training_percent(step, total) for step in steps] == expected
  percent = training_percent(tf.constant(steps, tf.int32), total)
  np.testing.assert_array_equal(percent, expected)
