"""Files of weights, with a small network in the place of the large one."""

import h5py
import keras
import numpy as np
import pytest

from mentornet_tf.errors import UserError
from mentornet_tf.students.image_net_weights import load_image_net_weights


def network(num_classes=None, filters=5, seed=0) -> keras.Model:
  """Convolution, batch norm without scale, pooling; a last layer if asked."""
  keras.utils.set_random_seed(seed)
  images = keras.Input((8, 8, 3))
  x = keras.layers.Conv2D(filters, 3, use_bias=False)(images)
  x = keras.layers.BatchNormalization(scale=False)(x)
  x = keras.layers.Conv2D(filters, 1)(x)
  x = keras.layers.GlobalAveragePooling2D()(x)
  if num_classes:
    x = keras.layers.Dense(num_classes, activation="softmax")(x)
  model = keras.Model(images, x, name="small")
  for variable in model.variables:
    noise = np.random.default_rng(seed).normal(size=variable.shape)
    variable.assign(variable.numpy() + noise)
  return model


def body_values(model):
  return [
    v.numpy()
    for layer in model.layers
    if not isinstance(layer, keras.layers.Dense)
    for v in layer.weights
  ]


@pytest.mark.parametrize("num_classes", [None, 1000])
@pytest.mark.parametrize(
  "name", ["model.keras", "model.h5", "only.weights.h5", "model.hdf5"]
)
def test_all_but_the_last_layer_is_taken(tmp_path, name, num_classes):
  source, body = network(num_classes, seed=1), network(seed=2)
  path = tmp_path / name
  if name.endswith(".weights.h5"):
    source.save_weights(path)
  else:
    source.save(path)
  load_image_net_weights(body, path)
  for got, expected in zip(body_values(body), body_values(source), strict=True):
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("num_classes", [None, 1000])
def test_weights_as_keras_offers_them_are_taken(tmp_path, num_classes):
  """Those files hold the groups of the layers at their top."""
  source, body = network(num_classes, seed=1), network(seed=2)
  source.save(tmp_path / "whole.h5")
  path = tmp_path / "weights_tf_kernels_notop.h5"
  with h5py.File(tmp_path / "whole.h5") as whole, h5py.File(path, "w") as file:
    group = whole["model_weights"]
    for name in group:
      group.copy(name, file)
    for name, value in group.attrs.items():
      file.attrs[name] = value
  load_image_net_weights(body, path)
  for got, expected in zip(body_values(body), body_values(source), strict=True):
    np.testing.assert_array_equal(got, expected)


def message_of(body, path):
  with pytest.raises(UserError) as caught:
    load_image_net_weights(body, path)
  message = str(caught.value)
  assert "\n" not in message and message.startswith(f"{path}: expected")
  return message


def test_files_that_cannot_be_used_are_user_errors(tmp_path):
  body = network()
  assert "no such file" in message_of(body, tmp_path / "none.h5")
  assert "no such file" in message_of(body, tmp_path)
  for name in ("text.h5", "text.keras", "text.weights.h5"):
    path = tmp_path / name
    path.write_bytes(b"no weights")
    assert "got" in message_of(body, path)
  other = tmp_path / "model.ckpt"
  other.write_bytes(b"")
  assert "ends in .keras, .weights.h5 or .h5, got .ckpt" in message_of(
    body, other
  )


@pytest.mark.parametrize(
  "name", ["other.keras", "other.h5", "other.weights.h5"]
)
def test_weights_of_another_network_are_user_errors(tmp_path, name):
  wider = network(filters=6)
  path = tmp_path / name
  if name.endswith(".weights.h5"):
    wider.save_weights(path)
    assert "the weights of small" in message_of(network(), path)
  else:
    wider.save(path)
    message = message_of(network(), path)
    assert "[(3, 3, 3, 5)]" in message and "[(3, 3, 3, 6)]" in message


def test_other_numbers_of_layers_are_user_errors(tmp_path):
  small = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(5, 3)])
  small.save(tmp_path / "small.keras")
  message = message_of(network(), tmp_path / "small.keras")
  assert "3 layers with weights, got 1 layers with weights" in message
