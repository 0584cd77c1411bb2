"""Curricula and models under every Keras back end, against golden numbers."""

import json

import auto_percentiles
import keras
import numpy as np
import pytest
from keras_backend import OTHER_BACKENDS, run_under
from recipe_weights import fill_with_recipe

import mentornet_tf as mn
from mentornet_tf.curricula.training_percent import training_percent

_STEPS = 6
_CASE = "train_trajectory_cifarnet_mentornet"


def small_student() -> keras.Model:
  student = keras.Sequential(
    [
      keras.Input((6, 6, 1)),
      keras.layers.Flatten(),
      keras.layers.Dense(
        12, "relu", kernel_regularizer=keras.regularizers.L2(0.01)
      ),
      keras.layers.BatchNormalization(),
      keras.layers.Dense(5, activity_regularizer=keras.regularizers.L2(0.01)),
    ]
  )
  rng = np.random.default_rng(2)
  student.set_weights(
    [
      rng.normal(scale=0.3, size=w.shape) if w.ndim > 1 else w
      for w in student.get_weights()
    ]
  )
  return student


def batches() -> tuple[np.ndarray, np.ndarray]:
  rng = np.random.default_rng(1)
  images = rng.normal(size=(16 * _STEPS, 6, 6, 1)).astype(np.float32)
  return images, rng.integers(0, 5, len(images))


def trained(**options) -> dict[str, list]:
  """What `fit` reports and leaves behind, without any random number."""
  curriculum = mn.MentorCurriculum(
    mn.load_mentor("mentornet_pd"), example_dropout_rates="0,100"
  )
  model = mn.MentoredModel(small_student(), curriculum, _STEPS, **options)
  refines = "refining" in options
  ema = options.get("weigh_by_average", refines)
  model.compile(
    keras.optimizers.SGD(0.1, momentum=0.9, use_ema=ema, ema_momentum=0.5),
    keras.losses.SparseCategoricalCrossentropy(
      from_logits=True, ignore_class=None if refines else 3
    ),
    metrics=["accuracy"],
  )
  images, labels = batches()
  weight = np.linspace(0, 2, len(labels))
  history = model.fit(
    images, labels, 16, 1, sample_weight=weight, shuffle=False, verbose=0
  ).history
  history |= model.evaluate(images, labels, return_dict=True, verbose=0)
  values = {
    f"weight {number}": value
    for number, value in enumerate(model.student.get_weights())
  }
  values |= {f"log {name}": value for name, value in history.items()}
  values["average"] = model.curriculum.loss_moving_average.value
  values["step"] = model.step.value
  return {
    name: np.ravel(keras.ops.convert_to_numpy(value)).tolist()
    for name, value in values.items()
  }


def measure() -> dict[str, dict]:
  """Training of every kind; none of it needs TensorFlow."""
  results = {
    "plain": trained(original_metrics=True),
    "ema": trained(weigh_by_average=True),
    "refined": trained(refining=mn.RefinedLabels()),
  }
  # Back ends have other random numbers; that it trains must do.
  model = mn.MentoredModel(
    small_student(),
    mn.MentorCurriculum(mn.load_mentor("mentornet_pd")),
    10 * _STEPS,
    mixing=mn.MentorMix(alpha=2.0),
  )
  model.compile(
    keras.optimizers.SGD(0.05),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
  )
  images, labels = batches()
  before = float(model.evaluate(images, labels, verbose=0))
  model.fit(images, labels, batch_size=16, epochs=10, verbose=0)
  after = float(model.evaluate(images, labels, verbose=0))
  averages = [
    float(c.loss_moving_average)
    for c in (model.curriculum, model.second_curriculum)
  ]
  results["auto"] = {
    "percentiles": np.ravel(auto_percentiles.estimates()).tolist()
  }
  results["mixed"] = {"loss": [before, after], "averages": averages}
  return results


def golden_errors(folder: str) -> dict[str, float]:
  """Each recorded quantity's largest difference as a share of its bound."""
  errors = {}

  def check(name, got, expected, bound):
    got = keras.ops.convert_to_numpy(got).astype(float)
    error = np.max(np.abs(got - expected) / bound)
    errors[name] = max(errors.get(name, 0.0), float(error))

  recorded = np.load(f"{folder}/percentile.npz")
  for size in recorded["sizes"]:
    for q, expected in zip(
      recorded["q"], recorded[f"x_{size}_at_q"], strict=True
    ):
      got = mn.nearest_percentile(recorded[f"x_{size}"], float(q))
      check("percentile", got, expected, 1e-30)
      q = keras.ops.convert_to_tensor(float(q), "float32")
      got = mn.nearest_percentile(recorded[f"x_{size}"], q)
      check("percentile of a tensor", got, expected, 1e-30)

  recorded = np.load(f"{folder}/mentor_forward.npz")
  for name in ("mentornet_pd", "random"):
    mentor = mn.load_mentor(f"{folder}/mentor_{name}")
    expected = recorded[f"logits_{name}"]
    bound = 1e-5 * np.maximum(1, np.abs(expected))
    check("mentor logits", mentor(recorded["features"]), expected, bound)

  for k in (1, 2, 3, 4):
    with open(f"{folder}/mentor_sequence_{k}.json") as file:
      settings = json.load(file)
    recorded = np.load(f"{folder}/mentor_sequence_{k}.npz")
    curriculum = mn.MentorCurriculum(
      mn.load_mentor(f"{folder}/{settings['mentor_checkpoint']}"),
      **{
        name: settings[name]
        for name in (
          "loss_p_percentile",
          "burn_in_epoch",
          "fixed_epoch_after_burn_in",
          "loss_moving_average_decay",
          "example_dropout_rates",
        )
      },
    )
    for t, losses in enumerate(recorded["losses"]):
      step = keras.ops.convert_to_tensor(int(recorded["step"][t]), "int32")
      percent = training_percent(step, int(recorded["max_step"]))
      weighed = curriculum.weigh(losses, percent)
      for got, name in (
        (weighed.epoch, "cur_epoch"),
        (weighed.percentile_loss, "percentile_loss"),
        (weighed.dropout_rate, "dropout_rate"),
      ):
        check(f"sequence {name}", got, recorded[name][t], 1e-30)
      for got, name in (
        (weighed.loss_moving_average, "loss_moving_avg"),
        (weighed.loss_difference, "lossdiff"),
        (weighed.curriculum_weight, "v_sigmoid"),
        (weighed.weight_before_dropout, "v_bound"),
      ):
        check(f"sequence {name}", got, recorded[name][t], 1e-5)

  for name, got, expected, sensitivity in trajectory(folder):
    bound = np.maximum(10 * sensitivity, 1e-4 * np.abs(expected).max())
    check(f"trajectory {name}", got, expected, bound)
  return errors


def trajectory(folder: str):
  """Yields what eight steps of CifarNet compute, beside the recorded."""
  with open(f"{folder}/{_CASE}.json") as file:
    settings = json.load(file)
  recorded, flags = np.load(f"{folder}/{_CASE}.npz"), settings["flags"]
  student = mn.build_student("inception", dropout_keep_probability=1.0)
  fill_with_recipe(student)
  model = mn.MentoredModel(
    student,
    mn.MentorCurriculum(
      mn.load_mentor(f"{folder}/{flags['trained_mentornet_dir']}"),
      loss_p_percentile=flags["loss_p_percentile"],
      example_dropout_rates=flags["example_dropout_rates"],
    ),
    settings["max_step_run"],
    original_metrics=True,
  )
  model.compile(
    keras.optimizers.SGD(flags["learning_rate"]),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
  )
  for t in range(settings["steps"]):
    report = model.train_on_batch(
      recorded["images"][t], recorded["labels"][t], return_dict=True
    )
    assert report["debug/epoch_step"] == recorded["epoch"][t]
    for ours, name in (
      ("total_loss", "total_loss"),
      ("mentornet/weighted_loss", "weighted_loss"),
      ("debug/percentile_loss", "percentile_loss"),
      ("debug/loss_moving_percentile", "loss_moving_avg"),
      ("data_util/data_util", "data_util"),
    ):
      yield name, report[ours], recorded[name][t], recorded[f"sens_{name}"][t]
  logits = student(recorded["eval_images"], training=False)
  yield "logits", logits, recorded["eval_logits"], recorded["sens_eval_logits"]


@pytest.fixture(scope="module")
def expected():
  return measure()


@pytest.mark.parametrize("backend", OTHER_BACKENDS)
def test_models_train_as_under_tensorflow(expected, backend):
  got = run_under(backend, measure)
  for kind in ("plain", "ema", "refined", "auto"):
    assert got[kind].keys() == expected[kind].keys()
    for name, values in expected[kind].items():
      np.testing.assert_allclose(
        got[kind][name], values, rtol=2e-5, atol=1e-6, err_msg=name
      )
  for result in (got, expected):
    before, after = result["mixed"]["loss"]
    assert after < 0.9 * before
    assert min(result["mixed"]["averages"]) > 0


@pytest.mark.slow
@pytest.mark.parametrize("backend", OTHER_BACKENDS)
def test_golden_numbers_hold(golden, figure, backend):
  # Reading the original's checkpoints takes TensorFlow.
  errors = run_under(
    backend, golden_errors, str(golden.folder), may_use_tensorflow=True
  )
  assert len(errors) == 16
  assert max(errors.values()) <= 1, errors
  for name, error in errors.items():
    figure(f"under {backend}: {name}, share of its bound", error, 1)
