import keras
import numpy as np
import pytest
import tensorflow as tf
from memory_references import nearest_rank

from mentornet_tf.curricula import loss_statistics


@pytest.mark.parametrize("kind", ["x", "ties", "signed"])
def test_nearest_percentile_equals_golden(golden, figure, kind):
  recorded = golden.npz("percentile")
  compared = 0
  for size in recorded["sizes"]:
    values = recorded[f"{kind}_{size}"]
    for queries, name in (("q", "at_q"), ("q_from_p", "at_p")):
      expected = recorded[f"{kind}_{size}_{name}"]
      for q, value in zip(recorded[queries], expected, strict=True):
        got = loss_statistics.nearest_percentile(values, float(q))
        assert got.numpy() == value, (size, q)
        compared += 1
  assert compared == 176
  figure("loss percentiles", 0, 0)


@pytest.mark.parametrize("q", [0.0, 33.3, 70.0, 100.0])
def test_nearest_percentile_is_the_same_for_an_unknown_batch_size(golden, q):
  @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
  def percentile(x):
    return loss_statistics.nearest_percentile(x, q)

  recorded = golden.npz("percentile")
  for size in recorded["sizes"]:
    values = recorded[f"x_{size}"]
    expected = loss_statistics.nearest_percentile(values, q)
    assert percentile(values).numpy() == expected.numpy()


def test_exact_tie_goes_where_the_original_graph_put_it():
  # Position round(10 · 0.05): below 0.5 with · 0.01, above with / 100.
  losses = np.arange(11, dtype=np.float32)
  assert loss_statistics.nearest_percentile(losses, 95.0).numpy() == 10.0


@pytest.mark.parametrize("q", [-1, 100.5])
def test_percentile_outside_its_range_is_refused(q):
  with pytest.raises(ValueError, match=r"0\.\.100"):
    loss_statistics.nearest_percentile(np.ones(3, np.float32), q)


def test_percentile_of_nothing_is_refused():
  with pytest.raises(ValueError, match="empty"):
    loss_statistics.nearest_percentile(np.zeros(0, np.float32), 50)


def test_the_average_follows_the_percentiles_that_can_be_used():
  rng = np.random.default_rng(0)
  batches = rng.exponential(size=(4, 20)).astype(np.float32)
  masks = np.ones((4, 20), bool)
  masks[1] = False
  batches[2, 4:] = np.nan  # overflowed
  variable, average = keras.Variable(2.0), np.float32(2)
  expected = 2.0
  for losses, mask, usable in zip(
    batches, masks, [True, False, False, True], strict=True
  ):
    before = expected
    if usable:
      value = nearest_rank(losses, 0.7)
      expected = 0.9 * before + 0.1 * value
    arguments = losses, 0.7, 0.9, mask
    given, average = loss_statistics.average_percentile(average, *arguments)
    np.testing.assert_allclose(given, value if usable else before, rtol=1e-6)
    np.testing.assert_allclose(average, expected, rtol=1e-6)
    loss_statistics.follow_percentile(variable, *arguments)
    assert variable.numpy() == average.numpy()
