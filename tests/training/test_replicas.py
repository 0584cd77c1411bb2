"""Several replicas compute what one does, at the same global batch."""

import keras
import long_replica_runs
import numpy as np
import pytest
import replica_runs
from keras_backend import run_under
from test_golden_trajectories import check

import mentornet_tf  # noqa: F401  (for Keras to find its classes)


@pytest.fixture(scope="module")
def saved_path(tmp_path_factory):
  return tmp_path_factory.mktemp("mirrored") / "model.keras"


@pytest.fixture(scope="module")
def mirrored(saved_path):
  return run_under("tensorflow", replica_runs.mirrored, str(saved_path))


@pytest.fixture(scope="module")
def mirrored_memory_and_refining():
  return run_under("tensorflow", replica_runs.mirrored_with_memory_and_refining)


def assert_equal(got, expected, atol=1e-6):
  assert got.keys() == expected.keys()
  for name, values in expected.items():
    np.testing.assert_allclose(
      got[name], values, rtol=1e-6, atol=atol, err_msg=name
    )


def test_fit_gives_the_same_on_two_replicas(mirrored):
  one, two = (mirrored["fitted"][n] for n in "12")
  assert one["step"] == 6
  assert set(one["memory visits"]) == {0, 2}
  # The last batch of 11 is not shared equally.
  assert_equal(two, one)


@pytest.mark.slow
def test_a_mentor_sees_the_same_memory_on_two_replicas(
  mirrored_memory_and_refining,
):
  one, two = (mirrored_memory_and_refining["seeing memory"][n] for n in "12")
  assert np.ptp(one["mean weight"]) > 0.3
  assert_equal(two, one)


@pytest.mark.slow
def test_refined_labels_are_the_same_on_two_replicas(
  mirrored_memory_and_refining,
):
  one, two = (mirrored_memory_and_refining["refined"][n] for n in "12")
  assert_equal(two, one)


def test_mixed_steps_are_the_same_on_each_replica(mirrored):
  one, several = (mirrored["mixed"][n] for n in "14")
  assert_equal(several["state"], one["state"])
  for expected, got in zip(one["steps"], several["steps"], strict=True):
    assert got["partner"] == expected["partner"] * 4
    assert_equal(got, {k: v * 4 for k, v in expected.items()})
  dropped = [np.equal(s["weight"], 0).sum() for s in one["steps"]]
  assert max(dropped) > 0


def test_replicas_estimate_one_percentile(mirrored):
  (one,), two = (mirrored["percentiles"][n] for n in "12")
  assert one[0][0] == np.float32(0.7) and one[-1][0] < 0.65
  for got in two:
    np.testing.assert_allclose(got, one, rtol=1e-5)


def test_a_model_of_two_replicas_is_saved_as_one(mirrored, saved_path):
  model = keras.models.load_model(saved_path)
  expected = mirrored["fitted"]["1"]
  got = replica_runs.as_lists(replica_runs.state_of(model))
  assert_equal(got, {name: expected[name] for name in got})


# JAX compiles each operation of the weighing for itself.
@pytest.mark.parametrize(
  "weighs", [False, pytest.param(True, marks=pytest.mark.slow)]
)
def test_four_devices_of_jax_are_as_one(weighs):
  results = run_under("jax", replica_runs.data_parallel, weighs)
  assert results["1"]["step"] == 6
  assert_equal(results["4"], results["1"])


def test_what_is_not_supported_is_refused_in_one_line(mirrored):
  for line, start in zip(
    mirrored["refusals"],
    (
      "train_on_batch: expected one replica, got 2, which would each be given "
      "the whole batch; use fit",
      "DeviceImages: expected one replica, got 2, which would each be given "
      "the whole batch; give fit arrays",
      "mixed_float16: expected float32 or mixed_bfloat16 on several replicas",
      "jit_compile: expected False with 2 replicas",
      "student: expected no `activity_regularizer` or `add_loss`",
      "strategy: expected student, model and optimizer built within its scope",
      "strategy: expected student, model and optimizer built within its scope",
      "steps_per_execution: expected 1 with 2 replicas, got 2",
      "strategy: expected tf.distribute.MirroredStrategy",
    ),
    strict=True,
  ):
    assert line.startswith(start)
    assert "\n" not in line


@pytest.mark.slow
def test_fifty_steps_of_cifarnet_are_the_same():
  function = long_replica_runs.cifarnet_steps
  one, *others = (
    run_under("tensorflow", function, n)["steps"] for n in (1, 2, 4)
  )
  for steps in others:
    for expected, got in zip(one, steps, strict=True):
      for name in ("partner", "weight", "before dropout", "loss", "average"):
        for each in got[name]:
          np.testing.assert_allclose(each, expected[name][0], atol=1e-6, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("student", ["cifarnet", "resnet"])
def test_two_replicas_follow_the_original(golden, figure, student):
  case = f"train_trajectory_{student}_mentornet"
  settings, recorded = golden.json(case), golden.npz(case)
  got = run_under(
    "tensorflow", long_replica_runs.golden_steps, str(golden.folder), case, 2
  )
  worst = 0.0
  names = {
    "loss": "loss",
    "weight": "v",
    "percentile": "percentile_loss",
    "average": "loss_moving_avg",
    "total_loss": "total_loss",
    "mentornet/weighted_loss": "weighted_loss",
    "data_util/data_util": "data_util",
  }
  for t, step in enumerate(got["steps"]):
    for ours, name in names.items():
      for each in step[ours]:
        sensitivity = recorded[f"sens_{name}"][t]
        ratio = check(each, recorded[name][t], sensitivity, f"{t} {name}")
        worst = max(worst, ratio)
  ratio = check(
    got["logits"], recorded["eval_logits"], recorded["sens_eval_logits"], case
  )
  worst = max(worst, ratio)
  for i, name in enumerate(settings["var_names"]):
    if name in got["norms"]:
      bound = recorded["sens_var_l2"][i]
      ratio = check(got["norms"][name], recorded["var_l2"][i], bound, name)
      worst = max(worst, ratio)
  figure(f"two replicas, {case}, error as a share of its bound", worst, 1.0)
