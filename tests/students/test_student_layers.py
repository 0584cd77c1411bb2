"""Every layer of the students: values, dtypes, gradients, serialisation."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from student_layers import LAYERS, model_with, training_step

from mentornet_tf.students.layers import pooled_convolution
from mentornet_tf.students.layers.local_response_normalization import (
  LocalResponseNormalization,
)
from mentornet_tf.students.layers.pooled_convolution import PooledConvolution
from mentornet_tf.students.layers.zero_debiased_batch_normalization import (
  ZeroDebiasedBatchNormalization,
)
from mentornet_tf.students.resnet import ChannelPadding


def images(batch=2, side=6, channels=7, seed=0):
  draw = np.random.default_rng(seed).normal(size=(batch, side, side, channels))
  return draw.astype(np.float32)


@pytest.mark.parametrize("layer_name", LAYERS)
@pytest.mark.parametrize("batch", [1, 3])
def test_symbolic_shape_and_dtype_hold(layer_name, batch):
  layer = LAYERS[layer_name]()
  symbolic = layer(keras.Input((6, 6, 7)))
  output = layer(images(batch))
  assert symbolic.shape[0] is None
  assert (batch, *symbolic.shape[1:]) == tuple(output.shape)
  assert symbolic.dtype == keras.backend.standardize_dtype(output.dtype)
  assert symbolic.dtype == "float32"


WEIGHTS = {
  "batch_norm": {
    "gamma": (7,),
    "beta": (7,),
    "moving_mean": (7,),
    "moving_variance": (7,),
    "biased": (7,),
    "local_step": (),
  },
  "pooled": {"kernel": (3, 3, 7, 4), "bias": (4,)},
}
TRAINED = {"gamma", "beta", "kernel", "bias"}


@pytest.mark.parametrize("layer_name", LAYERS)
def test_weights_have_their_names_and_shapes(layer_name):
  layer = LAYERS[layer_name]()
  layer.build((None, 6, 6, 7))
  weights = {weight.name: tuple(weight.shape) for weight in layer.weights}
  assert weights == WEIGHTS.get(layer_name, {})
  trained = {weight.name for weight in layer.trainable_weights}
  assert trained == TRAINED & weights.keys()


@pytest.mark.parametrize("layer_name", LAYERS)
def test_a_training_step_moves_every_weight(layer_name):
  step = training_step(model_with(LAYERS[layer_name]()))
  assert np.isfinite(step.pop("loss"))
  # Batch normalization takes away what the bias before it adds.
  still = {"1-bias"} if layer_name == "batch_norm" else set()
  assert {
    n for n, moved in step.items() if not abs(moved).max() > 1e-4
  } == still


def test_a_training_step_through_batch_norm_equals_the_stock_layer():
  ours = training_step(model_with(LAYERS["batch_norm"]()))
  stock_layer = keras.layers.BatchNormalization(momentum=0.8, epsilon=0.01)
  stock = training_step(model_with(stock_layer))
  np.testing.assert_allclose(ours["loss"], stock["loss"], rtol=1e-6)
  for name in ("0-kernel", "2-gamma", "3-beta", "5-moving_variance"):
    np.testing.assert_allclose(ours[name], stock[name], rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("layer_name", LAYERS)
def test_mixed_precision_gives_bfloat16_close_to_float32(layer_name):
  full = LAYERS[layer_name]()
  expected = full(images(), training=True)
  config = full.get_config() | {"dtype": "mixed_bfloat16"}
  mixed = type(full).from_config(config)
  mixed.build((None, 6, 6, 7))
  mixed.set_weights([np.ones(w.shape) for w in full.weights])
  full.set_weights([np.ones(w.shape) for w in full.weights])
  expected = full(images(), training=True).numpy()
  output = mixed(images(), training=True)
  assert output.dtype == tf.bfloat16
  # bfloat16 keeps 8 bits; sums of up to 63 rounded products lose a few more.
  np.testing.assert_allclose(
    tf.cast(output, tf.float32), expected, rtol=0.02, atol=0.1
  )
  assert all(w.dtype == "float32" for w in mixed.weights)


@pytest.mark.parametrize("layer_name", LAYERS)
def test_saved_layer_gives_the_same_values(layer_name, tmp_path):
  inputs = keras.Input((6, 6, 7))
  model = keras.Model(inputs, LAYERS[layer_name]()(inputs))
  rng = np.random.default_rng(1)
  model.set_weights([rng.uniform(0.5, 2, w.shape) for w in model.weights])
  model.save(tmp_path / "layer.keras")
  restored = keras.saving.load_model(tmp_path / "layer.keras")
  for one, other in zip(
    model.get_weights(), restored.get_weights(), strict=True
  ):
    np.testing.assert_array_equal(one, other)
  np.testing.assert_array_equal(model(images()), restored(images()))
  assert model.layers[-1].get_config() == restored.layers[-1].get_config()


@pytest.mark.parametrize(
  ("depth_radius", "bias", "alpha", "beta"),
  [(4, 1.0, 0.001 / 9, 0.75), (1, 2.0, 0.5, 0.75), (2, 1.5, 0.3, 0.4)],
)
def test_lrn_equals_tensorflow_with_its_gradient(
  depth_radius, bias, alpha, beta
):
  layer = LocalResponseNormalization(depth_radius, bias, alpha, beta)
  x = tf.constant(3 * images(channels=12))
  upstream = tf.constant(images(channels=12, seed=1))
  with tf.GradientTape(persistent=True) as tape:
    tape.watch(x)
    stock = tf.nn.local_response_normalization(
      x, depth_radius, bias, alpha, beta
    )
    ours = layer(x)
  np.testing.assert_allclose(ours, stock, rtol=1e-5, atol=1e-6)
  np.testing.assert_allclose(
    tape.gradient(ours, x, upstream),
    tape.gradient(stock, x, upstream),
    rtol=1e-5,
    atol=2e-6,
  )


def test_lrn_takes_other_ranks_and_few_channels():
  x = images(channels=3)
  layer = LocalResponseNormalization()
  whole = layer(x)
  np.testing.assert_allclose(layer(x[0, 0]), whole[0, 0], rtol=1e-6)


@pytest.mark.parametrize("side", [8, 9])
@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("with_ties", [False, True])
@pytest.mark.parametrize("onednn", [False, True])
def test_pooled_convolution_equals_stock_layers(
  side, size, with_ties, onednn, monkeypatch
):
  monkeypatch.setattr(pooled_convolution, "uses_onednn", lambda: onednn)
  ours = PooledConvolution(5, size)
  stock = keras.Sequential(
    [
      keras.layers.Conv2D(5, size, padding="same", activation="relu"),
      keras.layers.MaxPooling2D(2),
    ]
  )
  x = images(side=side)
  if with_ties:  # As in the padded border of a training image.
    x[0, :, :4] = 0.25
  x = tf.constant(x)
  ours.build(x.shape)
  stock.build(x.shape)
  ours.bias.assign([-0.5, 0.3, 0, 1, 0.1])
  stock.set_weights(ours.get_weights())
  with tf.GradientTape(persistent=True) as tape:
    tape.watch(x)
    values, expected = ours(x), stock(x)
    loss, stock_loss = tf.reduce_sum(values**2), tf.reduce_sum(expected**2)
  np.testing.assert_allclose(values, expected, rtol=1e-6, atol=2e-6)
  sources = [v.value for v in ours.weights]
  wanted = [v.value for v in stock.weights]
  if not with_ties:  # Which of equal windows gets the gradient is open.
    sources, wanted = [x, *sources], [x, *wanted]
  for one, other in zip(
    tape.gradient(loss, sources),
    tape.gradient(stock_loss, wanted),
    strict=True,
  ):
    scale = max(1, np.abs(other).max())
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6 * scale)


def test_pooled_convolution_needs_an_odd_kernel():
  with pytest.raises(ValueError, match="odd number, got 4"):
    PooledConvolution(5, 4)


def test_channel_padding_puts_zeros_on_both_sides():
  x = images()
  padded = ChannelPadding(2)(x)
  np.testing.assert_array_equal(padded[..., 2:-2], x)
  assert not padded[..., :2].numpy().any()
  assert not padded[..., -2:].numpy().any()


def test_batch_norm_forgets_its_first_mean_but_not_its_first_variance():
  layer = ZeroDebiasedBatchNormalization(momentum=0.9)
  layer.build((None, 6, 6, 7))
  layer.moving_mean.assign([5.0] * 7)
  layer.moving_variance.assign([5.0] * 7)
  batches = [images(seed=seed) + seed for seed in range(3)]
  means = [batch.mean((0, 1, 2)) for batch in batches]
  layer(batches[0], training=True)
  np.testing.assert_allclose(
    layer.moving_mean.numpy(), means[0], rtol=1e-5, atol=1e-6
  )
  variance = 0.9 * 5 + 0.1 * batches[0].var((0, 1, 2))
  np.testing.assert_allclose(layer.moving_variance.numpy(), variance, rtol=1e-5)
  for batch in batches[1:]:
    layer(batch, training=True)
  weights = np.array([0.81, 0.9, 1])
  expected = weights @ np.stack(means) / weights.sum()
  np.testing.assert_allclose(layer.moving_mean.numpy(), expected, rtol=1e-5)
  assert layer.local_step.numpy() == 3


def test_batch_norm_infers_from_its_moving_statistics():
  layer = ZeroDebiasedBatchNormalization()
  layer.build((None, 6, 6, 7))
  gamma, beta, mean, variance = (
    np.random.default_rng(2).uniform(0.5, 2, (4, 7)).astype(np.float32)
  )
  layer.set_weights([gamma, beta, mean, variance, mean, np.float32(4)])
  before = layer.get_weights()
  expected = gamma * (images() - mean) / np.sqrt(variance + 1e-3) + beta
  np.testing.assert_allclose(layer(images()), expected, rtol=1e-5, atol=1e-5)
  layer.trainable = False
  frozen = layer(images(), training=True)
  np.testing.assert_allclose(frozen, expected, rtol=1e-5, atol=1e-5)
  for one, other in zip(before, layer.get_weights(), strict=True):
    np.testing.assert_array_equal(one, other)


def test_batch_norm_sums_in_float32_under_bfloat16():
  # 4,096 values near 300: bfloat16 sums would stop growing long before.
  x = tf.cast(300 + images(batch=16, side=16), tf.bfloat16)
  layer = ZeroDebiasedBatchNormalization(dtype="bfloat16")
  output = layer(x, training=True)
  assert output.dtype == tf.bfloat16
  assert all(w.dtype == "float32" for w in layer.weights)
  exact = tf.cast(x, tf.float32).numpy().mean((0, 1, 2))
  np.testing.assert_allclose(layer.moving_mean.numpy(), exact, rtol=1e-5)
