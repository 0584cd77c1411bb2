import keras
import numpy as np
import pytest
from recipe_weights import fill_with_recipe

from mentornet_tf.errors import UserError
from mentornet_tf.students.resnet import residual_network

RECORDED_BATCH_NORMS = [
  "unit_1_0/shared_activation/init_bn",
  "unit_1_0/sub2/bn2",
  "unit_last/final_bn",
]


def small_network(**options):
  small = {"units_per_stage": 1, "stem_filters": 4, "widths": (8, 8, 12)}
  return residual_network(3, **(small | options))


@pytest.mark.parametrize(
  ("units", "num_classes"),
  [
    pytest.param(1, 10, marks=pytest.mark.slow),
    (2, 10),
    pytest.param(9, 100, marks=pytest.mark.slow),
  ],
)
def test_logits_and_decay_equal_the_original(
  golden, figure, units, num_classes
):
  recorded = golden.npz("students_resnet_eval")
  student = residual_network(num_classes, units_per_stage=units)
  fill_with_recipe(student)
  expected = recorded[f"logits_units{units}"]
  logits = student(recorded["images"][: len(expected)])
  scale = max(1, np.abs(expected).max())
  error = np.abs(logits - expected).max() / scale
  figure("residual-net logits, relative", error, 1e-4)
  np.testing.assert_allclose(logits, expected, atol=1e-4 * scale, rtol=0)
  # The original sums the decay in float32, up to 1e-4 below the exact value.
  decay, expected_decay = sum(student.losses), recorded[f"decay_units{units}"]
  error = abs(decay / expected_decay - 1)
  figure("weight-decay term, relative", error, 1e-4)
  np.testing.assert_allclose(decay, expected_decay, rtol=1e-4)


def test_training_passes_and_statistics_equal_the_original(golden, figure):
  recorded = golden.npz("students_resnet_train")
  student = residual_network(10, units_per_stage=2)
  variables = fill_with_recipe(student)

  def check_statistics(number):
    for scope in RECORDED_BATCH_NORMS:
      for statistic in (
        "moving_mean",
        "moving_variance",
        f"{scope}/moving_mean/biased",
        f"{scope}/moving_mean/local_step",
      ):
        name = f"{scope}/{statistic}"
        got = variables[name].numpy()
        expected = recorded[f"pass{number}/{name}"]
        error = np.max(np.abs(got - expected) / (1 + np.abs(expected)))
        figure("batch-norm statistics, relative to 1 + size", error, 1e-5)
        np.testing.assert_allclose(
          got,
          expected,
          rtol=1e-5,
          atol=1e-5,
          err_msg=f"pass {number}, {name}",
        )

  check_statistics(0)
  for number in (1, 2, 3):
    logits = student(recorded["images"][number - 1], training=True)
    expected = recorded[f"logits_pass{number}"]
    error = np.abs(logits - expected).max()
    figure("residual-net logits in training", error, 1e-4)
    np.testing.assert_allclose(logits, expected, atol=1e-4, rtol=0)
    check_statistics(number)


def test_decay_is_half_the_squared_norm_of_kernels_only():
  student = small_network(weight_decay=0.01, seed=1)
  kernels = [w for w in student.trainable_variables if w.name == "kernel"]
  assert len(kernels) == 1 + 2 * 3 + 1
  squares = sum(np.square(w.numpy().astype(np.float64)).sum() for w in kernels)
  np.testing.assert_allclose(sum(student.losses), 0.005 * squares, rtol=1e-5)
  assert small_network(weight_decay=0).losses == []


def test_convolutions_start_normal_with_fan_out_variance():
  student = residual_network(10, units_per_stage=1, seed=3)
  kernel = student.get_layer("unit_3_0-sub2-conv2").kernel.numpy()
  deviation = (2 / (9 * 640)) ** 0.5
  # 3.7 M draws; each bound is five standard errors, so a right initialiser
  # fails one by chance with probability below 1e-6.
  assert abs(kernel.mean()) < 5 * deviation / kernel.size**0.5
  assert abs(kernel.std() / deviation - 1) < 5 / (2 * kernel.size) ** 0.5
  # Not truncated: 0.27 % of normal draws lie beyond three deviations.
  beyond = (np.abs(kernel) > 3 * deviation).mean()
  assert abs(beyond - 0.0026998) < 5 * (0.0027 / kernel.size) ** 0.5


def test_dense_layer_starts_uniform_with_unit_scaling():
  student = residual_network(100, units_per_stage=1, seed=3)
  kernel, bias = student.get_layer("logit").get_weights()
  limit = (3 / 640) ** 0.5
  # 64,000 draws: none beyond the limit, and the largest within 0.1 % of it
  # (fails by chance with probability 0.999^64000 < 1e-27).
  assert 0.999 * limit < np.abs(kernel).max() <= limit
  assert abs(kernel.std() / (limit / 3**0.5) - 1) < 0.01  # 5.6 standard errors
  assert not bias.any()


def test_batch_norm_starts_as_the_identity_on_its_statistics():
  student = small_network()
  layer = student.get_layer("unit_last-final_bn")
  starts = {v.name: (v.numpy().min(), v.numpy().max()) for v in layer.weights}
  assert starts == {
    "gamma": (1, 1),
    "beta": (0, 0),
    "moving_mean": (0, 0),
    "moving_variance": (1, 1),
    "biased": (0, 0),
    "local_step": (0, 0),
  }


def test_equal_widths_keep_the_strides():
  student = small_network(widths=(4, 4, 4))
  names = [layer.name for layer in student.layers]
  assert not any("padding" in name for name in names)
  assert student.get_layer("unit_3_0-sub_add").output.shape[1:] == (8, 8, 4)


def test_bottleneck_units_have_three_convolutions():
  student = small_network(bottleneck=True, widths=(8, 16, 32))
  shapes = [
    tuple(student.get_layer(f"unit_2_0-sub{k}-conv{k}").kernel.shape)
    for k in (1, 2, 3)
  ]
  assert shapes == [(1, 1, 8, 4), (3, 3, 4, 4), (1, 1, 4, 16)]


def test_one_seed_gives_one_network():
  images = np.random.default_rng(0).normal(size=(2, 32, 32, 3))
  first = small_network(seed=5)(images)
  np.testing.assert_array_equal(first, small_network(seed=5)(images))
  assert np.abs(first - small_network(seed=6)(images)).max() > 1e-3


def test_layers_of_one_shape_start_differently():
  student = small_network(seed=5, units_per_stage=2)
  one, other = (
    student.get_layer(f"unit_1_1-sub{k}-conv{k}").kernel for k in (1, 2)
  )
  assert np.abs(keras.ops.subtract(one, other)).max() > 1e-3


@pytest.mark.parametrize(
  ("options", "expected", "received"),
  [
    ({"units_per_stage": 0}, "units_per_stage: expected an integer >= 1", "0"),
    ({"units_per_stage": 1.5}, "units_per_stage", "1.5"),
    ({"stem_filters": True}, "stem_filters", "True"),
    ({"widths": (8, 16)}, "widths: expected 3 integers", "(8, 16)"),
    ({"widths": 8}, "widths: expected 3 integers", "8"),
    ({"widths": (8, -16, 32)}, "widths: expected 3 integers", "-16"),
    ({"widths": (8, 11, 16)}, "even number", "8 -> 11"),
    ({"widths": (16, 8, 32)}, "widen", "16 -> 8"),
    ({"stem_filters": 16}, "widen", "16 -> 8"),
    (
      {"widths": (6, 6, 6), "bottleneck": True},
      "multiples of 4",
      "(6, 6, 6)",
    ),
    ({"leakiness": -0.1}, "leakiness: expected a number in [0, 1]", "-0.1"),
    ({"leakiness": "a"}, "leakiness", "'a'"),
    ({"weight_decay": float("nan")}, "weight_decay", "nan"),
    ({"weight_decay": -1}, "weight_decay", "-1"),
    ({"input_shape": (30, 32, 3)}, "divisible by 4", "(30, 32, 3)"),
    ({"input_shape": (2, 32, 3)}, "at least 4", "(2, 32, 3)"),
    ({"input_shape": (32, 32)}, "input_shape: expected 3", "(32, 32)"),
    ({"seed": "x"}, "seed: expected an integer", "'x'"),
  ],
)
def test_bad_options_are_user_errors(options, expected, received):
  with pytest.raises(UserError) as caught:
    small_network(**options)
  message = str(caught.value)
  assert expected in message
  assert received in message.split("got", 1)[1]
  assert "\n" not in message
