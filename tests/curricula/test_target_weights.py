"""The predefined curricula against the recorded ones, and user's functions."""

import keras
import numpy as np
import pytest

from mentornet_tf.curricula import target_weights as module
from mentornet_tf.curricula.target_weights import (
  get_formula,
  list_target_weights,
  register_target_weights,
  target_weights,
)
from mentornet_tf.errors import UserError

# The order of golden `vstar` grid_sum.
NAMES = [
  "baseline",
  "self_paced",
  "hard_example_mining",
  "focal_loss",
  "spcl_linear",
  "mentornet_pd",
]
WITH_GAMMA = ["focal_loss", "spcl_linear", "mentornet_pd"]


def half_where_easy(features):
  return 0.5 * (features[:, 1] <= 0)


def constant(features, gamma=0.25):
  return features[:, 0] * 0 + gamma


def test_the_names_are_the_originals():
  assert sorted(list_target_weights()[:6]) == sorted(NAMES)


@pytest.mark.parametrize("prefix", ["", "vstar_"])
@pytest.mark.parametrize("name", NAMES)
def test_default_weights_equal_golden_exactly(golden, name, prefix):
  recorded = golden.npz("vstar")
  weights = target_weights(prefix + name, recorded["rows"])
  assert weights.dtype == np.float64
  np.testing.assert_array_equal(weights, recorded[f"v_{name}"])


@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("name", WITH_GAMMA)
def test_weights_with_gamma_equal_golden(golden, figure, name, index):
  recorded = golden.npz("vstar")
  gamma = recorded["gammas"][index]
  weights = target_weights(name, recorded["rows"], gamma=gamma)
  expected = recorded[f"v_{name}_gamma{index}"]
  if name == "focal_loss":
    # NumPy picks its power function by the processor; they differ in the last
    # bit.
    np.testing.assert_array_max_ulp(weights, expected, maxulp=1)
  else:
    np.testing.assert_array_equal(weights, expected)
    figure("target weights v*", 0, 0)


def test_sums_over_the_full_grid_equal_golden(golden):
  recorded = golden.npz("vstar")
  axes = (recorded["grid_loss"], recorded["grid_diff"])
  grid = np.stack(
    np.meshgrid(*axes, [0.0], recorded["grid_epoch"], indexing="ij"), -1
  ).reshape(-1, 4)
  for name, total in zip(NAMES, recorded["grid_sum"], strict=True):
    np.testing.assert_allclose(
      target_weights(name, grid).sum(), total, rtol=1e-13, err_msg=name
    )


@pytest.mark.parametrize("name", NAMES)
def test_tensors_give_the_same_weights_in_float32(golden, name):
  recorded = golden.npz("vstar")
  rows = recorded["rows"].astype(np.float32)
  weights = get_formula(name)(keras.ops.convert_to_tensor(rows))
  assert weights.dtype == "float32"
  np.testing.assert_allclose(
    weights, target_weights(name, rows), rtol=0, atol=3e-7
  )


def test_a_registered_function_goes_by_its_name(monkeypatch):
  monkeypatch.setattr(module, "_REGISTERED", {})
  register_target_weights("mine", half_where_easy)
  assert list_target_weights()[-1] == "mine"
  features = [[1, -1, 0, 0], [1, 1, 0, 0]]
  np.testing.assert_array_equal(target_weights("mine", features), [0.5, 0])
  np.testing.assert_array_equal(
    target_weights("vstar_mine", features), [0.5, 0]
  )


def test_a_function_goes_by_its_path():
  path = f"{__name__}:constant"
  assert target_weights(path, np.zeros((3, 4))).tolist() == [0.25] * 3
  assert target_weights(path, np.zeros((2, 4)), gamma=1.0).tolist() == [1, 1]


@pytest.mark.parametrize(
  ("name", "gamma", "message"),
  [
    ("spcl_linear", 0, "gamma: expected a number other than 0 for spcl_linear"),
    ("mentornet_pd", 0.0, "gamma: expected a number other than 0"),
    ("focal_loss", 0, "gamma: expected a number > 0 for focal_loss, got 0"),
    ("focal_loss", -1, "gamma: expected a number > 0"),
    ("focal_loss", float("nan"), "gamma: expected a number > 0"),
    ("spcl_linear", float("inf"), "gamma: expected a number other than 0"),
    ("focal_loss", "two", "got 'two'"),
    ("self_paced", 1.0, "gamma: expected none, since self_paced"),
    ("nosuch", None, "expected a known curriculum, got 'nosuch'; use baseline"),
    (7, None, "expected a name, got 7"),
    ("nosuch.module:f", None, "expected a module that can be imported"),
    ("math:nosuch", None, "expected math to define a function 'nosuch'"),
    ("math:pi", None, "expected math to define a function 'pi', got float"),
    (":f", None, "expected package.module:function"),
    (f"{__name__}:half_where_easy", 2.0, "takes only features"),
  ],
)
def test_bad_names_and_gammas_are_refused(name, gamma, message):
  with pytest.raises(UserError) as caught:
    target_weights(name, np.zeros((1, 4)), gamma=gamma)
  assert message in str(caught.value)
  assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
  ("features", "message"),
  [
    (np.zeros(4), "expected shape [N, 4], got [4]"),
    (np.zeros((2, 3)), "expected shape [N, 4], got [2, 3]"),
    ("text", "expected an array of numbers [N, 4]"),
    ([[0, np.nan, 0, 0]], "expected finite numbers, got [0.0, nan, 0.0, 0.0]"),
    ([[-1, 0, 0, 0]], "expected weights in 0..1"),
  ],
)
def test_bad_features_are_refused(features, message):
  with pytest.raises(UserError) as caught:
    target_weights("focal_loss", features, gamma=1.0)
  assert message in str(caught.value)


@pytest.mark.parametrize(
  ("function", "message"),
  [
    (lambda f: f[:, :1], "expected 2 weights, shape [2], got shape [2, 1]"),
    (lambda f: f[:, 0] + 2, "expected weights in 0..1, got 2.0 in row 0"),
    (lambda f: f[:, 0] / 0 * np.nan, "expected weights in 0..1, got nan"),
    (lambda f: "text", "expected an array of numbers"),
  ],
)
def test_what_a_function_returns_is_checked(monkeypatch, function, message):
  monkeypatch.setattr(module, "_REGISTERED", {})
  register_target_weights("mine", function)
  with np.errstate(all="ignore"), pytest.raises(UserError) as caught:
    target_weights("mine", np.zeros((2, 4)))
  assert message in str(caught.value)


@pytest.mark.parametrize(
  ("name", "function", "message"),
  [
    ("self_paced", constant, "is a predefined curriculum's"),
    ("vstar_x", constant, "is a predefined curriculum's"),
    ("no name", constant, "expected a name of letters"),
    ("mine", 3, "expected a function v*(features), got int"),
  ],
)
def test_bad_registrations_are_refused(monkeypatch, name, function, message):
  monkeypatch.setattr(module, "_REGISTERED", {})
  with pytest.raises(UserError) as caught:
    register_target_weights(name, function)
  assert message in str(caught.value)
  assert list_target_weights()[6:] == []
