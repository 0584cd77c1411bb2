"""Small record sets of JPEG images of many sizes, and a student for them."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from mentornet_tf.datasets.records.schema import Example, encode_example
from mentornet_tf.datasets.records.shards import planned_summary
from mentornet_tf.datasets.writing.record_set import write_shards

STUDENT = "large_images:student"
NUM_CLASSES = 6


def student(num_classes: int, *, input_shape) -> keras.Model:
  return keras.Sequential(
    [
      keras.Input(input_shape),
      keras.layers.AveragePooling2D(8),
      keras.layers.Flatten(),
      keras.layers.Dropout(0.1),
      keras.layers.Dense(num_classes),
    ]
  )


def texture(height: int, width: int, seed: int = 0) -> np.ndarray:
  """Smooth colours with fine noise on them, [height, width, 3] uint8."""
  rng = np.random.default_rng(seed)
  coarse = rng.integers(0, 256, (height // 16 + 2, width // 16 + 2, 3))
  smooth = tf.image.resize(
    coarse.astype(np.float32), (height, width), "bicubic"
  )
  noisy = smooth + rng.normal(0, 6, (height, width, 3))
  return np.clip(noisy, 0, 255).astype(np.uint8)


def jpeg(image: np.ndarray, **options) -> bytes:
  return tf.io.encode_jpeg(image, quality=90, **options).numpy()


def sizes(count: int) -> list[tuple[int, int]]:
  """Heights and widths from 80 to 160 pixels."""
  rng = np.random.default_rng(count)
  return [tuple(each) for each in rng.integers(80, 161, (count, 2)).tolist()]


def images(count: int, seed: int = 0) -> list[np.ndarray]:
  """Textures in the colour of their class, i % NUM_CLASSES."""
  colours = np.array(
    [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1)]
  )
  return [
    (
      0.4 * texture(*size, seed=seed + i) + 150 * colours[i % NUM_CLASSES]
    ).astype(np.uint8)
    for i, size in enumerate(sizes(count))
  ]


def write_records(
  folder: Path,
  dataset_name: str = "webvision_mini",
  split: str = "train",
  count: int = 30,
  num_shards: int = 3,
  *,
  encoded: list[bytes] | None = None,
  clean: bool = False,
  clean_labels: list[int] | None = None,
  seed: int = 0,
  **fields,
) -> Path:
  """A set whose ids start at 1000 and whose labels are i % NUM_CLASSES."""
  if encoded is None:
    encoded = [jpeg(image) for image in images(count, seed)]
  records = []
  for i, data in enumerate(encoded):
    label = i % NUM_CLASSES
    true = label if clean else -1
    if clean_labels is not None:
      true = clean_labels[i]
    example = Example(data, "jpeg", label, 1000 + i, 0, 0, true)
    records.append(encode_example(example))
  summary = planned_summary(
    dataset_name,
    split,
    num_shards,
    len(records),
    {
      "num_classes": NUM_CLASSES,
      "class_names": [f"class {i}" for i in range(NUM_CLASSES)],
      "noise": {"kind": "web", "measured_rate": 0.0 if clean else None},
    }
    | fields,
  )
  write_shards(records, folder, summary)
  return folder
