"""Digests are compared with plain hashes of the values, and with one change."""

import dataclasses
import hashlib

import numpy as np
import pytest
import tensorflow as tf

from mentornet_tf.datasets.reading.digests import (
  in_memory_digest,
  records_digest,
)
from mentornet_tf.datasets.records.index import index_records
from mentornet_tf.datasets.records.schema import InMemoryDataset


@pytest.fixture
def dataset():
  rng = np.random.default_rng(0)
  return InMemoryDataset(
    images=rng.integers(0, 256, (6, 4, 4, 3), np.uint8),
    labels=np.array([0, 1, 2, 0, 1, 2]),
    clean_labels=np.array([0, 1, 2, 2, 1, -1]),
    ids=np.arange(6),
    num_classes=3,
    class_names=("a", "b", "c"),
    name="tiny_train",
  )


def test_it_is_the_hash_of_every_value(dataset):
  expected = hashlib.sha256()
  for name in ("ids", "labels", "clean_labels", "images"):
    array = getattr(dataset, name)
    expected.update(f"{array.dtype.str}{array.shape}".encode())
    expected.update(array.tobytes())
  assert in_memory_digest(dataset) == expected.hexdigest()


@pytest.mark.parametrize("name", ["ids", "labels", "clean_labels", "images"])
def test_one_other_value_gives_another_digest(dataset, name):
  changed = getattr(dataset, name).copy()
  changed.flat[3] += 1
  other = dataclasses.replace(dataset, **{name: changed})
  assert in_memory_digest(other) != in_memory_digest(dataset)


def test_the_order_matters(dataset):
  # Batches are drawn by position.
  order = np.array([1, 0, 2, 3, 4, 5])
  assert in_memory_digest(dataset.take(order)) != in_memory_digest(dataset)


def write(folder, records, per_shard=3):
  folder.mkdir()
  shards = []
  for first in range(0, len(records), per_shard):
    shards.append(folder / f"shard-{first}")
    with tf.io.TFRecordWriter(str(shards[-1])) as writer:
      for record in records[first : first + per_shard]:
        writer.write(record)
  return index_records(shards)


RECORDS = [bytes([i]) * (10 + i) for i in range(8)]


def test_a_copy_of_the_shards_has_the_same_digest(tmp_path):
  one, other = (write(tmp_path / name, RECORDS) for name in "ab")
  assert records_digest(one) == records_digest(other)


@pytest.mark.parametrize("at", range(8))
def test_other_bytes_of_the_same_length_are_noticed(tmp_path, at):
  changed = [*RECORDS]
  changed[at] = b"x" * len(changed[at])
  one = write(tmp_path / "a", RECORDS)
  other = write(tmp_path / "b", changed)
  assert records_digest(one) != records_digest(other)


def test_records_in_other_shards_are_another_set(tmp_path):
  one = write(tmp_path / "a", RECORDS)
  other = write(tmp_path / "b", RECORDS, per_shard=4)
  assert records_digest(one) != records_digest(other)


def test_parts_of_a_set_are_told_apart(tmp_path):
  index = write(tmp_path / "a", RECORDS)
  digests = {
    records_digest(index.take(np.array(part)))
    for part in ([0, 1], [0, 2], [1, 4, 7], [1, 4, 6])
  }
  assert len(digests) == 4
