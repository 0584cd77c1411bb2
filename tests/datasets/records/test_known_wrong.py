"""Labels that are known to be wrong, from a record to what is read of it."""

import numpy as np
import pytest
import tensorflow as tf

from mentornet_tf.datasets.labels.clean_labels import KNOWN_WRONG, UNKNOWN
from mentornet_tf.datasets.labels.noise import (
  describe_measured_noise,
  measured_noise_rate,
)
from mentornet_tf.datasets.reading.in_memory_data import InMemoryData
from mentornet_tf.datasets.reading.preparation import NO_AUGMENTATION, Crop
from mentornet_tf.datasets.reading.streamed_data import StreamedData
from mentornet_tf.datasets.reading.streamed_records import open_streamed
from mentornet_tf.datasets.records.schema import (
  Example,
  decode_examples,
  encode_example,
  load_in_memory,
)
from mentornet_tf.datasets.records.shards import planned_summary
from mentornet_tf.datasets.writing.record_set import write_shards

LABELS = np.array([0, 1, 1, 0])
CLEAN = np.array([0, KNOWN_WRONG, 0, KNOWN_WRONG])
_PNG = tf.io.encode_png(np.full((4, 4, 3), 7, np.uint8)).numpy()


def record(label, clean_label, identity=0):
  return encode_example(
    Example(_PNG, "png", label, identity, 4, 4, clean_label=clean_label)
  )


def features(serialised):
  return tf.train.Example.FromString(serialised).features.feature


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  folder = tmp_path_factory.mktemp("known_wrong")
  summary = planned_summary(
    "some",
    "train",
    1,
    len(LABELS),
    {
      "num_classes": 2,
      "class_names": ["cat", "dog"],
      "noise": {"kind": "web", **describe_measured_noise(LABELS, CLEAN)},
    },
  )
  rows = zip(LABELS, CLEAN, range(len(LABELS)), strict=True)
  write_shards([record(*row) for row in rows], folder, summary)
  return folder


def test_other_readers_see_an_unknown_clean_label_and_a_key_of_its_own():
  known_wrong = features(record(1, KNOWN_WRONG))
  assert known_wrong["image/class/clean_label"].int64_list.value == [-1]
  assert known_wrong["image/class/known_wrong"].int64_list.value == [1]
  for clean_label in (UNKNOWN, 0, 1):
    others = features(record(1, clean_label))
    assert others["image/class/clean_label"].int64_list.value == [clean_label]
    assert "image/class/known_wrong" not in others


@pytest.mark.parametrize(
  ("clean_label", "known_wrong", "expected"),
  [
    (-1, 1, KNOWN_WRONG),
    (-1, 0, UNKNOWN),
    (3, 1, 3),  # what would be right says more
  ],
)
def test_clean_labels_of_records_by_others(clean_label, known_wrong, expected):
  message = tf.train.Example.FromString(record(1, 0))
  for key, value in (
    ("clean_label", clean_label),
    ("known_wrong", known_wrong),
  ):
    values = message.features.feature[f"image/class/{key}"].int64_list.value
    values[:] = [value]
  decoded = decode_examples(message.SerializeToString(), np.int64(0))
  assert decoded["clean_label"] == expected


def test_sets_in_memory_and_streamed_give_the_same(folder):
  in_memory = load_in_memory(folder, "some", "train")
  np.testing.assert_array_equal(in_memory.clean_labels, CLEAN)
  streamed = open_streamed(folder, "some", "train")
  np.testing.assert_array_equal(streamed.labels(), [LABELS, CLEAN])
  for data in (
    InMemoryData(in_memory, NO_AUGMENTATION),
    StreamedData(streamed, Crop(size=4)),
  ):
    batch = next(iter(data.evaluation_batches(4)))
    np.testing.assert_array_equal(batch["clean_label"], CLEAN)
    assert data.has_checked_labels
    assert not data.has_clean_labels
    assert data.run_summary()["measured_noise_rate"] == 0.75


def test_labels_known_to_be_wrong_count_as_noise():
  labels, clean = np.array([0, 1, 1, 0]), np.array([0, -2, -1, 1])
  assert measured_noise_rate(labels, clean) == pytest.approx(2 / 3)
  assert describe_measured_noise(labels, clean) == {
    "measured_rate": pytest.approx(2 / 3),
    "unknown_true_labels": 1,
    "known_wrong_labels": 1,
  }
  assert "known_wrong_labels" not in describe_measured_noise(labels, labels)
