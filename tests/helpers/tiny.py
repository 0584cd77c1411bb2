"""A student and a data set small enough for whole runs in tests."""

import keras
import numpy as np

from mentornet_tf.datasets.records.schema import InMemoryDataset

STUDENT = "tiny:student"


def student(num_classes: int) -> keras.Model:
  return keras.Sequential(
    [
      keras.Input((32, 32, 3)),
      keras.layers.AveragePooling2D(8),
      keras.layers.Flatten(),
      keras.layers.Dropout(0.1),
      keras.layers.Dense(num_classes),
    ]
  )


def exact_student(num_classes: int) -> keras.Model:
  """One without dropout, which replicas compute as one device does."""
  return keras.Sequential(
    [
      keras.Input((32, 32, 3)),
      keras.layers.AveragePooling2D(8),
      keras.layers.Flatten(),
      keras.layers.Dense(num_classes),
    ]
  )


def dataset(num_examples=60, noise=0.3, seed=0) -> InMemoryDataset:
  """Images of one bright quadrant each, told apart by which one it is."""
  rng = np.random.default_rng(seed)
  clean = rng.integers(0, 4, num_examples)
  images = rng.integers(0, 120, (num_examples, 32, 32, 3)).astype(np.uint8)
  for image, quadrant in zip(images, clean, strict=True):
    row, column = divmod(int(quadrant), 2)
    image[16 * row : 16 * row + 16, 16 * column : 16 * column + 16] += 120
  wrong = rng.random(num_examples) < noise
  labels = np.where(wrong, (clean + 1) % 4, clean)
  return InMemoryDataset(
    images=images,
    labels=labels,
    clean_labels=clean,
    ids=np.arange(num_examples),
    num_classes=4,
    class_names=tuple("abcd"),
    name="quadrants_train",
  )
