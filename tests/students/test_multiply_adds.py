import keras
import numpy as np
import pytest

from mentornet_tf.errors import UserError
from mentornet_tf.students.multiply_adds import count_multiply_adds
from mentornet_tf.students.registry import build_student


def test_every_product_is_counted():
  model = keras.Sequential(
    [
      keras.Input((9, 11, 3)),
      keras.layers.Conv2D(5, (3, 2), strides=2, use_bias=False),
      keras.layers.BatchNormalization(),
      keras.layers.Conv2D(4, 1, padding="same"),
      keras.layers.GlobalAveragePooling2D(),
      keras.layers.Dense(7),
    ]
  )
  assert model.layers[0].output.shape == (None, 4, 5, 5)
  expected = 4 * 5 * (3 * 2 * 3 * 5) + 4 * 5 * (5 * 4) + 4 * 7
  assert count_multiply_adds(model) == expected


def test_products_are_those_of_a_convolution_by_hand():
  """Ones convolved with ones count the products at each place."""
  layer = keras.layers.Conv2D(
    2, 3, use_bias=False, kernel_initializer="ones", padding="valid"
  )
  model = keras.Sequential([keras.Input((8, 6, 3)), layer])
  products = model(np.ones((1, 8, 6, 3), np.float32))
  assert count_multiply_adds(model) == int(np.sum(products))


def test_cifarnet_counts_as_its_stock_layers():
  """25 GFLOP for a training step of 128 images."""
  stock = keras.Sequential(
    [
      keras.Input((32, 32, 3)),
      keras.layers.Conv2D(64, 5, padding="same", activation="relu"),
      keras.layers.MaxPooling2D(2),
      keras.layers.Conv2D(64, 5, padding="same", activation="relu"),
      keras.layers.MaxPooling2D(2),
      keras.layers.Flatten(),
      keras.layers.Dense(384),
      keras.layers.Dense(192),
      keras.layers.Dense(10),
    ]
  )
  count = count_multiply_adds(build_student("inception", 10))
  assert count == count_multiply_adds(stock)
  assert round(6 * 128 * count / 1e9) == 25


def test_models_that_cannot_be_counted_are_user_errors():
  unknown = keras.Sequential(
    [keras.Input((None, None, 3)), keras.layers.Conv2D(5, 3)]
  )
  with pytest.raises(UserError, match="one image size"):
    count_multiply_adds(unknown)
  other = keras.Sequential(
    [keras.Input((8, 8, 3)), keras.layers.Conv2DTranspose(5, 3)]
  )
  with pytest.raises(UserError, match="Conv2DTranspose"):
    count_multiply_adds(other)
  with pytest.raises(UserError, match="functional Keras model, got str"):
    count_multiply_adds("model")
