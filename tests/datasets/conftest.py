"""Small record sets and archives in the official layouts."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from mentornet_tf.datasets.records.schema import Example, encode_example
from mentornet_tf.datasets.records.shards import planned_summary
from mentornet_tf.datasets.writing.record_set import write_shards


def random_images(count: int, height: int = 32, width: int = 32) -> np.ndarray:
  rng = np.random.default_rng(count)
  return rng.integers(0, 256, (count, height, width, 3), np.uint8)


def png(image: np.ndarray) -> bytes:
  return tf.io.encode_png(image).numpy()


class RecordSets:
  """Writes record sets below one folder."""

  def __init__(self, folder: Path):
    self.folder = folder

  def example(self, image, label, identity, clean_label=-1) -> bytes:
    height, width = image.shape[:2]
    return encode_example(
      Example(png(image), "png", label, identity, height, width, clean_label)
    )

  def write(
    self, images, labels, *, clean_labels=None, num_shards=2, **fields
  ) -> Path:
    """A set "cifar10_train" whose ids start at 100."""
    clean = labels if clean_labels is None else clean_labels
    records = [
      self.example(image, label, 100 + position, clean_label)
      for position, (image, label, clean_label) in enumerate(
        zip(images, labels, clean, strict=True)
      )
    ]
    summary = planned_summary(
      "cifar10", "train", num_shards, len(records), fields
    )
    write_shards(records, self.folder, summary)
    return self.folder

  def write_raw(self, records, name="cifar10_train-00000-of-00001") -> Path:
    """One shard of given bytes, without a summary."""
    with tf.io.TFRecordWriter(str(self.folder / name)) as writer:
      for record in records:
        writer.write(record)
    return self.folder


@pytest.fixture
def record_sets(tmp_path) -> RecordSets:
  return RecordSets(tmp_path)


class Archives:
  """Writes archives in the official layouts, a few images a file."""

  def __init__(self, folder: Path):
    self.folder = folder

  def planes(self, images: np.ndarray) -> np.ndarray:
    """[N, 32, 32, 3] -> [N, 3072]: red, green and blue planes, row-major."""
    return images.transpose(0, 3, 1, 2).reshape(len(images), -1)

  def _write(self, name: str, content: bytes) -> Path:
    path = self.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path

  def binary_file(self, name, images, labels, coarse=None) -> Path:
    columns = [] if coarse is None else [np.uint8(coarse)[:, np.newaxis]]
    columns += [np.uint8(labels)[:, np.newaxis], self.planes(images)]
    return self._write(name, np.hstack(columns).tobytes())

  def python_file(self, name, images, labels, key="labels") -> Path:
    batch = {"data": self.planes(images), key: [int(each) for each in labels]}
    return self._write(name, pickle.dumps(batch, protocol=2))

  def cifar10_binary(self, images, labels, test_images, test_labels) -> Path:
    parts = np.array_split(np.arange(len(images)), 5)
    for batch, rows in enumerate(parts, start=1):
      self.binary_file(
        f"cifar-10-batches-bin/data_batch_{batch}.bin",
        images[rows],
        labels[rows],
      )
    self.binary_file(
      "cifar-10-batches-bin/test_batch.bin", test_images, test_labels
    )
    return self.folder / "cifar-10-batches-bin"

  def cifar10_python(self, images, labels, test_images, test_labels) -> Path:
    parts = np.array_split(np.arange(len(images)), 5)
    for batch, rows in enumerate(parts, start=1):
      self.python_file(
        f"cifar-10-batches-py/data_batch_{batch}", images[rows], labels[rows]
      )
    self.python_file("cifar-10-batches-py/test_batch", test_images, test_labels)
    return self.folder / "cifar-10-batches-py"


@pytest.fixture
def archives(tmp_path) -> Archives:
  return Archives(tmp_path)


class SmallCifar:
  """A few images with labels for both splits."""

  images = random_images(20)
  labels = np.arange(20) * 7 % 10
  test_images = random_images(6)
  test_labels = np.arange(6)

  @property
  def splits(self):
    return self.images, self.labels, self.test_images, self.test_labels


@pytest.fixture
def small_cifar() -> SmallCifar:
  return SmallCifar()
