"""Runs under mixed_float16 and mixed_bfloat16, and loss scaling."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from quadrant_runs import OPTIONS, SETTINGS, killed_at_the_next_checkpoint, run

import mentornet_tf as mn
from mentornet_tf.internal.dtype_policy import dtype_policy
from mentornet_tf.runs.checkpointing import variables_of
from mentornet_tf.training.actions.divergence_guard import DivergenceGuard
from mentornet_tf.training.checkpoint_groups import variable_groups
from mentornet_tf.training.observed_step import training_step

_SHORT = dataclasses.replace(OPTIONS, eval_interval_steps=None)
_RNG = np.random.default_rng(0)
_X = _RNG.normal(size=(16, 5)).astype(np.float32)
_Y = _RNG.integers(0, 3, 16)


def student(policy: str) -> keras.Model:
  keras.utils.set_random_seed(3)
  with dtype_policy(policy):
    return keras.Sequential(
      [
        keras.Input((5,)),
        keras.layers.Dense(8, activation="relu"),
        keras.layers.Dense(3, dtype="float32"),
      ]
    )


def mentored(policy: str, curriculum=None, **kwargs) -> mn.MentoredModel:
  optimizer = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
  model = mn.MentoredModel(
    student(policy), curriculum or mn.UniformCurriculum(), 20, **kwargs
  )
  model.compile(
    optimizer,
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    jit_compile=False,
  )
  model.optimizer.build(model.trainable_variables)
  return model


def state(model) -> list[np.ndarray]:
  return [v.numpy() for v in variables_of(variable_groups(model))]


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_steps_equal_plain_keras_under_the_same_policy(policy):
  plain = student(policy)
  plain.compile(
    keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    jit_compile=False,
  )
  looped, fitted = mentored(policy), mentored(policy)
  for _ in range(4):
    training_step(looped, _X, _Y)
    expected = plain.train_on_batch(_X, _Y)
    got = fitted.train_on_batch(_X, _Y)
    fitted.reset_metrics()
    plain.reset_metrics()
    assert float(np.ravel(got)[0]) == pytest.approx(float(expected), rel=1e-6)
  for model in (looped, fitted):
    for one, other in zip(
      [*model.trainable_variables, *model.optimizer.variables],
      [*plain.trainable_variables, *plain.optimizer.variables],
      strict=True,
    ):
      np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-6)


@pytest.mark.parametrize(
  "in_graph", [False, pytest.param(True, marks=pytest.mark.slow)]
)
def test_a_step_whose_gradient_overflows_is_skipped(in_graph):
  model = mentored("mixed_float16", mn.ThresholdCurriculum())
  step = lambda: training_step(model, _X, _Y)[1]["total_loss"]  # noqa: E731
  step = tf.function(step) if in_graph else step
  step()
  weights = [v.numpy() for v in model.trainable_variables]
  inner = [v.numpy() for v in model.optimizer.inner_optimizer.variables]
  scale = model.optimizer.dynamic_scale
  scale.assign(2.0**40)
  assert np.isfinite(step())  # the loss as reported is without the scale
  assert float(scale) == 2.0**39
  for variable, value in zip(model.trainable_variables, weights, strict=True):
    np.testing.assert_array_equal(variable, value)
  for variable, value in zip(  # counts of steps and averages, too
    model.optimizer.inner_optimizer.variables, inner, strict=True
  ):
    np.testing.assert_array_equal(variable, value)
  scale.assign(2.0**10)
  step()
  assert np.abs(model.trainable_variables[0].numpy() - weights[0]).max() > 0


def test_an_overflowing_loss_leaves_weights_and_moving_average():
  model = mentored("mixed_float16", mn.ThresholdCurriculum())
  training_step(model, _X, _Y)
  before = [v.numpy() for v in model.trainable_variables]
  average = float(model.curriculum.loss_moving_average)
  scale = float(model.optimizer.dynamic_scale)
  _, report = training_step(model, _X * np.float32(1e6), _Y)
  assert not np.isfinite(report["total_loss"])
  assert average > 0
  assert float(model.curriculum.loss_moving_average) == average
  assert float(model.optimizer.dynamic_scale) == scale / 2
  for variable, value in zip(model.trainable_variables, before, strict=True):
    np.testing.assert_array_equal(variable, value)


@pytest.mark.parametrize(
  ("policy", "tolerance"), [("mixed_float16", 1e-3), ("mixed_bfloat16", 1e-2)]
)
def test_losses_are_near_those_in_float64_and_the_curriculum_in_float32(
  policy, tolerance
):
  model = mentored(policy, mn.MentorCurriculum(mn.load_mentor("mentornet_pd")))
  kernel, bias, last, offset = (
    w.astype(np.float64) for w in model.student.get_weights()
  )
  logits = np.maximum(_X @ kernel + bias, 0) @ last + offset
  total = np.log(np.exp(logits).sum(1))
  weighed = training_step(model, _X, _Y)[0].weighed
  expected = total - logits[np.arange(16), _Y]
  np.testing.assert_allclose(weighed.loss, expected, atol=tolerance)
  in_float32 = mn.MentorCurriculum(mn.load_mentor("mentornet_pd"))
  again = in_float32.weigh(weighed.loss.numpy(), 0)
  np.testing.assert_allclose(weighed.weight, again.weight, rtol=1e-6)
  assert weighed.weight.dtype == tf.float32


def test_a_float16_run_is_continued_with_its_loss_scale(tmp_path, monkeypatch):
  # An average by which examples are weighed, and a scale that overflows: the
  # scale falls, and its fall has to survive the interruption.
  settings = SETTINGS.changed(
    mixed_precision="mixed_float16", ema_decay=0.9, weigh_by_average=True
  )
  build = keras.optimizers.LossScaleOptimizer.build

  def build_overflowing(self, variables):
    build(self, variables)
    self.dynamic_scale.assign(2.0**21)

  monkeypatch.setattr(
    keras.optimizers.LossScaleOptimizer, "build", build_overflowing
  )
  whole, _ = run(tmp_path / "whole", settings, _SHORT, eval_data=None)
  with killed_at_the_next_checkpoint():
    run(tmp_path / "parts", settings, _SHORT, eval_data=None)
  continued, text = run(tmp_path / "parts", settings, _SHORT, eval_data=None)
  assert "continuing from step 8" in text
  scale = float(whole.model.optimizer.dynamic_scale)
  assert 1 < scale < 2.0**21
  assert int(whole.model.optimizer.iterations) < 24  # some were skipped
  for a, b in zip(state(whole.model), state(continued.model), strict=True):
    np.testing.assert_array_equal(a, b)
  csv = [
    (tmp_path / name / "metrics.csv").read_bytes()
    for name in ("whole", "parts")
  ]
  assert csv[0] == csv[1]


def guard(most_skipped: int) -> DivergenceGuard:
  return DivergenceGuard(
    {}, None, start_step=0, interval_steps=100, most_skipped=most_skipped
  )


def test_losses_that_overflow_now_and_then_do_not_end_a_run():
  inf = float("inf")
  one = guard(3)
  for k in range(5):
    losses = np.array([1, inf, inf, 2, inf] if k % 2 else [inf, inf, 1, inf, 0])
    one.observe(5 * k + 5, {"total_loss": losses})
  with pytest.raises(AttributeError):  # there is no store to save to
    one.observe(30, {"total_loss": np.array([inf, inf, inf, inf, 1])})
  with pytest.raises(AttributeError):
    guard(0).observe(5, {"total_loss": np.array([1, inf])})


def test_the_memory_of_training_is_not_searched_for_divergence():
  weight, memory = (keras.Variable([1.0, float("nan")]) for _ in range(2))
  groups = {"student": [weight], "memory": [memory]}
  one = DivergenceGuard(groups, None, start_step=0, interval_steps=100)
  with pytest.raises(AttributeError):  # there is no store to save to
    one.check(5)
  weight.assign([1.0, 2.0])
  one.check(5)
