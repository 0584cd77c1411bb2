"""Several replicas compute what one does, at the same global batch."""

import keras
import numpy as np
import pytest
import replica_runs
from keras_backend import run_under

import mentornet_tf as mn


@pytest.fixture(scope="module")
def saved_path(tmp_path_factory):
  return tmp_path_factory.mktemp("mirrored") / "model.keras"


@pytest.fixture(scope="module")
def mirrored(saved_path):
  return run_under("tensorflow", replica_runs.mirrored, str(saved_path))


def assert_equal(got, expected, atol=1e-6):
  assert got.keys() == expected.keys()
  for name, values in expected.items():
    np.testing.assert_allclose(
      got[name], values, rtol=1e-6, atol=atol, err_msg=name
    )


def test_fit_gives_the_same_on_two_replicas(mirrored):
  one, two = (mirrored["fitted"][n] for n in "12")
  assert one["step"] == 6
  # The last batch of 11 is not shared equally.
  assert_equal(two, one)


@pytest.mark.parametrize("count", ["2", "4"])
def test_mixed_steps_are_the_same_on_each_replica(mirrored, count):
  one, several = (mirrored["mixed"][n] for n in ("1", count))
  assert_equal(several["state"], one["state"])
  for expected, got in zip(one["steps"], several["steps"], strict=True):
    for name in ("partner", "data_util/data_util"):
      assert got[name] == expected[name] * int(count)
    assert_equal(got, {k: v * int(count) for k, v in expected.items()})
  dropped = [np.equal(s["weight"], 0).sum() for s in one["steps"]]
  assert max(dropped) > 0
