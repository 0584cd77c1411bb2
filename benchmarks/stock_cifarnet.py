"""CifarNet from stock Keras layers: what the benchmarks compare against."""

from collections.abc import Callable

import keras
import tensorflow as tf
from keras import layers


def stock_normalization(x):
  """TensorFlow's own local response normalization, as CifarNet uses it."""
  # TensorFlow has no bfloat16 kernel of it for processors.
  y = tf.cast(x, tf.float32)
  y = tf.nn.local_response_normalization(y, 4, 1.0, 0.001 / 9, 0.75)
  return tf.cast(y, x.dtype)


def stock_cifarnet(
  normalization: Callable[[], keras.layers.Layer] = lambda: layers.Lambda(
    stock_normalization
  ),
) -> keras.Model:
  """The network of `cifarnet`, around the given normalization layer."""
  images = x = keras.Input((32, 32, 3))
  x = layers.Conv2D(64, 5, padding="same", activation="relu")(x)
  x = layers.MaxPooling2D(2)(x)
  x = normalization()(x)
  x = layers.Conv2D(64, 5, padding="same", activation="relu")(x)
  x = normalization()(x)
  x = layers.MaxPooling2D(2)(x)
  x = layers.Flatten()(x)
  x = layers.Dense(384, activation="relu")(x)
  x = layers.Dropout(0.2)(x)
  x = layers.Dense(192, activation="relu")(x)
  return keras.Model(images, layers.Dense(10, dtype="float32")(x))
