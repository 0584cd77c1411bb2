import keras
import numpy as np
import tensorflow as tf

from mentornet_tf.settings import TrainingSettings
from mentornet_tf.training import optimizers
from mentornet_tf.training.builders import build_optimizer

# The original's trainers, as settings of ours.
_TRAINERS = {
  "resnet_mentornet": ("resnet101", "mentornet"),
  "resnet_baseline": ("resnet101", "none"),
  "cifarnet_mentornet": ("inception", "mentornet"),
  "cifarnet_baseline": ("inception", "none"),
}


def test_schedules_and_optimisers_equal_golden(golden, figure):
  cases = golden.json("learning_rates")
  assert len(cases) == 8
  for case in cases:
    studentnet, curriculum = _TRAINERS[case["which"]]
    settings = TrainingSettings.of(
      studentnet=studentnet,
      curriculum=curriculum,
      batch_size=case["batch_size"],
      learning_rate=case["learning_rate"],
      learning_rate_decay_factor=case["learning_rate_decay_factor"],
      num_epochs_per_decay=case["num_epochs_per_decay"],
    )
    optimizer = build_optimizer(settings, num_examples=50_000)
    is_momentum = isinstance(optimizer, optimizers.Momentum)
    assert is_momentum == (case["optimizer"] == "MomentumOptimizer")
    for step, value in zip(case["steps"], case["values"], strict=True):
      optimizer.iterations.assign(step)
      rate = np.float32(keras.ops.convert_to_numpy(optimizer.learning_rate))
      assert rate == np.float32(value), (case["which"], step)
  figure("learning rates", 0, 0)


def test_rate_is_applied_outside_the_accumulator():
  # Golden QUIRKS: rates 0.1 then 0.01 with unit gradients leave 0.881.
  schedule = keras.optimizers.schedules.PiecewiseConstantDecay([0], [0.1, 0.01])
  optimizer = optimizers.Momentum(schedule, momentum=0.9)
  weight = keras.Variable([1.0])
  for _ in range(2):
    optimizer.apply([tf.ones([1])], [weight])
  np.testing.assert_allclose(weight.numpy(), [0.881], atol=1e-6)


def test_momentum_serialises():
  optimizer = optimizers.Momentum(0.3, momentum=0.7)
  copy = keras.saving.deserialize_keras_object(
    keras.saving.serialize_keras_object(optimizer)
  )
  assert copy.get_config() == optimizer.get_config()


def test_boundaries_scale_on_request_only():
  literal = optimizers.piecewise_schedule(0.1)
  scaled = optimizers.piecewise_schedule(0.1, max_number_of_steps=390)
  assert literal.boundaries == [19531, 25000, 30000]
  assert scaled.boundaries == [195, 250, 300]
