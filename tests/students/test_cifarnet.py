import keras
import numpy as np
import pytest
from recipe_weights import fill_with_recipe

from mentornet_tf.students.cifarnet import cifarnet


@pytest.mark.parametrize("num_classes", [10, 100])
def test_logits_equal_the_original(golden, figure, num_classes):
  recorded = golden.npz("students_cifarnet")
  student = cifarnet(num_classes)
  fill_with_recipe(student)
  logits = student(recorded["images"])
  expected = recorded[f"cifarnet_logits_{num_classes}"]
  figure("CifarNet logits", np.abs(logits - expected).max(), 1e-4)
  np.testing.assert_allclose(logits, expected, atol=1e-4, rtol=0)
  np.testing.assert_allclose(
    keras.ops.softmax(logits),
    recorded[f"cifarnet_predictions_{num_classes}"],
    atol=1e-4,
    rtol=0,
  )


@pytest.mark.parametrize(
  ("layer", "array"),
  [
    ("CifarNet-conv1", "cifarnet_pool1_first2"),
    ("CifarNet-pool2", "cifarnet_pool2_first2"),
    ("CifarNet-fc3", "cifarnet_fc3"),
  ],
)
def test_intermediate_outputs_equal_the_original(golden, figure, layer, array):
  recorded = golden.npz("students_cifarnet")
  student = cifarnet()
  fill_with_recipe(student)
  head = keras.Model(student.input, student.get_layer(layer).output)
  expected = recorded[array]
  output = head(recorded["images"][: len(expected)])
  figure("CifarNet inner outputs", np.abs(output - expected).max(), 1e-4)
  np.testing.assert_allclose(output, expected, atol=1e-4, rtol=0)


def draws_of(layer, seed=2):
  return cifarnet(10, seed=seed).get_layer(layer).get_weights()


@pytest.mark.parametrize(
  ("layer", "deviation", "bias"),
  [
    ("CifarNet-conv2", 0.05, 0.0),
    ("CifarNet-fc3", 0.04, 0.1),
    ("CifarNet-fc4", 0.04, 0.1),
  ],
)
def test_weights_start_truncated_normal(layer, deviation, bias):
  kernel, biases = draws_of(layer)
  assert np.abs(kernel).max() <= 2 * deviation
  # Cut at two deviations, a standard normal's deviation is 0.8796; five
  # standard errors, so a right initialiser fails with probability below 1e-6.
  error = 5 / (2 * kernel.size) ** 0.5
  assert abs(kernel.std() / (0.8796 * deviation) - 1) < error
  assert abs(kernel.mean()) < 5 * deviation / kernel.size**0.5
  np.testing.assert_array_equal(biases, np.float32(bias))


def test_logits_start_near_zero():
  kernel, bias = draws_of("CifarNet-logits")
  assert 1 / 192 < np.abs(kernel).max() <= 2 / 192
  assert not bias.any()


def test_dropout_keeps_the_asked_share_in_training_only():
  student = cifarnet(dropout_keep_probability=0.6)
  assert student.get_layer("CifarNet-dropout3").rate == pytest.approx(0.4)
  without = cifarnet(dropout_keep_probability=1)
  assert not any("dropout" in layer.name for layer in without.layers)


def test_one_seed_gives_one_network_and_dropout():
  images = np.random.default_rng(0).normal(size=(2, 32, 32, 3))
  first, second, third = (cifarnet(seed=seed) for seed in (4, 4, 5))
  one = first(images, training=True)
  np.testing.assert_array_equal(one, second(images, training=True))
  assert np.abs(one - third(images, training=True)).max() > 1e-4


def test_no_weight_decay():
  assert cifarnet().losses == []
