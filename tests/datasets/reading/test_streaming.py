import hashlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from large_images import NUM_CLASSES, images, jpeg, write_records

from mentornet_tf.datasets.reading.crops import Crop, evaluation_crop
from mentornet_tf.datasets.reading.preparation import BatchSlice
from mentornet_tf.datasets.reading.streamed_records import open_streamed
from mentornet_tf.datasets.reading.streaming import (
  streamed_evaluation_batches,
  streamed_training_batches,
  training_indices,
)
from mentornet_tf.datasets.records.shards import read_summary, write_summary
from mentornet_tf.errors import UserError

CROP = Crop(size=24, shorter_side=30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  return write_records(tmp_path_factory.mktemp("records"), count=50)


@pytest.fixture(scope="module")
def records(folder):
  return open_streamed(folder, "webvision_mini", "train")


def take(batches, count):
  return list(batches.take(count).as_numpy_iterator())


def assert_equal_batches(first, second):
  assert len(first) == len(second)
  for one, other in zip(first, second, strict=True):
    assert one.keys() == other.keys()
    for key in one:
      assert one[key].tobytes() == other[key].tobytes()


def test_a_set_is_opened_without_decoding(folder, records):
  assert len(records) == 50
  assert records.index.counts.tolist() == [17, 17, 16]
  assert records.num_classes == NUM_CLASSES
  assert records.class_names[2] == "class 2"
  assert records.name == "webvision_mini_train"
  assert not records.has_clean_labels
  assert records.summary == read_summary(folder, "webvision_mini", "train")
  assert (folder / "webvision_mini_train.index.npz").exists()


def test_clean_labels_are_known_where_their_noise_was_measured(tmp_path):
  write_records(tmp_path, "imagenet_mini", "val", count=6, clean=True)
  opened = open_streamed(tmp_path, "imagenet_mini", "val")
  assert opened.has_clean_labels


def test_batches_have_the_form_of_those_in_memory(records):
  batches = streamed_training_batches(records, 8, CROP, seed=0)
  assert batches.element_spec == {
    "image": tf.TensorSpec([8, 24, 24, 3], tf.float32),
    "index": tf.TensorSpec([8], tf.int64),
    "label": tf.TensorSpec([8], tf.int64),
    "clean_label": tf.TensorSpec([8], tf.int64),
    "id": tf.TensorSpec([8], tf.int64),
  }
  (batch,) = take(batches, 1)
  np.testing.assert_array_equal(batch["label"], (batch["id"] - 1000) % 6)
  np.testing.assert_array_equal(batch["clean_label"], [-1] * 8)
  assert -1 <= batch["image"].min() < batch["image"].max() <= 1


@pytest.mark.parametrize(
  "train_crop",
  ["resized", pytest.param("random", marks=pytest.mark.slow)],
)
def test_a_later_start_equals_an_uninterrupted_stream(records, train_crop):
  crop = Crop(size=24, shorter_side=30, train_crop=train_crop)
  from_zero = take(streamed_training_batches(records, 16, crop, seed=3), 9)
  for start in (1, 8):
    later = streamed_training_batches(
      records, 16, crop, seed=3, start_step=start
    )
    assert_equal_batches(from_zero[start:], take(later, 9 - start))
  (other,) = take(streamed_training_batches(records, 16, crop, seed=4), 1)
  assert (other["id"] != from_zero[0]["id"]).any()


def test_slices_together_are_the_whole_batch(records):
  crop = Crop(size=24, shorter_side=30, train_crop="resized")
  whole = take(streamed_training_batches(records, 16, crop, seed=3), 3)
  slices = [
    take(
      streamed_training_batches(
        records, 16, crop, seed=3, part=BatchSlice(i, 2)
      ),
      3,
    )
    for i in range(2)
  ]
  joined = [
    {name: np.concatenate([a[name], b[name]]) for name in a}
    for a, b in zip(*slices, strict=True)
  ]
  assert_equal_batches(whole, joined)


def test_a_late_start_takes_no_replay(records):
  (batch,) = take(
    streamed_training_batches(records, 16, CROP, seed=0, start_step=10**9), 1
  )
  assert batch["image"].shape == (16, 24, 24, 3)


@pytest.mark.parametrize("batch_size", [7, 25])
def test_each_pass_visits_every_record_once(records, batch_size):
  count = -(-150 // batch_size)
  batches = take(
    streamed_training_batches(records, batch_size, CROP, seed=1), count
  )
  ids = np.concatenate([batch["id"] for batch in batches])[:150]
  passes = ids.reshape(3, 50)
  np.testing.assert_array_equal(np.sort(passes), [np.arange(1000, 1050)] * 3)
  index = np.concatenate([batch["index"] for batch in batches])[:150]
  np.testing.assert_array_equal(index + 1000, ids)
  assert (passes[0] != passes[1]).any() and (passes[1] != passes[2]).any()
  for step in (0, count - 1):
    np.testing.assert_array_equal(
      training_indices(step, batch_size, 50, seed=1) + 1000, batches[step]["id"]
    )


def test_an_image_is_cut_differently_in_every_pass(records):
  batches = take(streamed_training_batches(records, 50, CROP, seed=1), 3)
  of_one = {
    batch["image"][list(batch["id"]).index(1007)].tobytes() for batch in batches
  }
  assert len(of_one) == 3


def test_evaluation_goes_once_in_order(records):
  batches = streamed_evaluation_batches(records, 20, CROP)
  assert batches.cardinality() == 3
  batches = list(batches.as_numpy_iterator())
  assert [len(batch["id"]) for batch in batches] == [20, 20, 10]
  ids = np.concatenate([batch["id"] for batch in batches])
  np.testing.assert_array_equal(ids, np.arange(1000, 1050))
  encoded = jpeg(images(50)[41])
  np.testing.assert_array_equal(
    batches[2]["image"][1], evaluation_crop(tf.constant(encoded), CROP)
  )


@pytest.mark.slow
def test_batches_are_the_same_with_deterministic_operations(folder, records):
  """And in another process: nothing hangs on it."""
  (batch,) = take(streamed_training_batches(records, 16, CROP, seed=3), 1)
  code = f"""
import hashlib, tensorflow as tf
tf.config.experimental.enable_op_determinism()
tf.random.set_seed(1)
from mentornet_tf.datasets.reading.crops import Crop
from mentornet_tf.datasets.reading.streamed_records import *
from mentornet_tf.datasets.reading.streaming import *
records = open_streamed({str(folder)!r}, "webvision_mini", "train")
crop = Crop(size=24, shorter_side=30)
batch = next(iter(streamed_training_batches(records, 16, crop, seed=3)))
print(hashlib.sha256(batch["image"].numpy().tobytes()).hexdigest())
"""
  result = subprocess.run(
    [sys.executable, "-c", code], capture_output=True, text=True, timeout=120
  )
  assert result.stdout.split() == [
    hashlib.sha256(batch["image"].tobytes()).hexdigest()
  ], result.stderr


@pytest.mark.parametrize(
  ("damage", "words"),
  [
    (lambda data: data[: len(data) // 4], "expected a PNG or JPEG image"),
    pytest.param(
      lambda data: b"\xff\xd8\xff no image",
      "expected a PNG or JPEG image",
      marks=pytest.mark.slow,
    ),
    (lambda data: b"", "expected a PNG or JPEG image"),
  ],
)
def test_a_damaged_image_stops_the_stream_and_is_named(tmp_path, damage, words):
  encoded = [jpeg(image) for image in images(20)]
  encoded[13] = damage(encoded[13])
  write_records(tmp_path, encoded=encoded, num_shards=2)
  records = open_streamed(tmp_path, "webvision_mini", "train")
  with pytest.raises(tf.errors.OpError):
    take(streamed_training_batches(records, 20, CROP, seed=0), 1)
  with pytest.raises(tf.errors.OpError):
    take(streamed_evaluation_batches(records, 20, CROP), 1)
  said = records.describe_damage(range(20))
  shard = tmp_path / "webvision_mini_train-00001-of-00002"
  assert said.startswith(f"{shard}: record 3: {words}")


def test_a_label_outside_the_classes_stops_the_stream(tmp_path):
  write_records(tmp_path)
  summary = read_summary(tmp_path, "webvision_mini", "train")
  changes = {"num_classes": 5, "class_names": None}
  write_summary(tmp_path, summary | changes)
  records = open_streamed(tmp_path, "webvision_mini", "train")
  with pytest.raises(tf.errors.InvalidArgumentError, match="label outside 0"):
    take(streamed_evaluation_batches(records, 20, CROP), 1)
  said = records.describe_damage(range(20))
  assert "record 5: expected a label between 0 and 4, got 5" in said


@pytest.mark.parametrize("kept", ["part of the last", "all but the last"])
def test_a_shard_that_shrinks_while_it_is_read_is_named(tmp_path, kept):
  write_records(tmp_path, count=10, num_shards=1)
  records = open_streamed(tmp_path, "webvision_mini", "train")
  shard = tmp_path / "webvision_mini_train-00000-of-00001"
  last = records.index.offsets[-1]
  end = last + 100 if kept.startswith("part") else last
  shard.write_bytes(shard.read_bytes()[:end])
  with pytest.raises(tf.errors.OpError):
    take(streamed_training_batches(records, 10, CROP, seed=0), 1)
  said = records.describe_damage(range(10))
  assert f"{shard}: record 9: expected a whole TFRecord" in said


def test_a_wrong_checksum_stops_the_stream_and_is_named(tmp_path):
  """A bit that the decoder of images would not notice."""
  encoded = [jpeg(image) + bytes(50) for image in images(10)]
  write_records(tmp_path, encoded=encoded, num_shards=1)
  records = open_streamed(tmp_path, "webvision_mini", "train")
  shard = tmp_path / "webvision_mini_train-00000-of-00001"
  content = bytearray(shard.read_bytes())
  content[content.index(bytes(50), records.index.offsets[4]) + 20] ^= 1
  shard.write_bytes(content)
  with pytest.raises(tf.errors.DataLossError):
    take(streamed_training_batches(records, 10, CROP, seed=0), 1)
  said = records.describe_damage(range(10))
  assert f"{shard}: record 4: expected a whole TFRecord" in said


@pytest.mark.parametrize(
  ("changes", "words"),
  [
    ({"num_classes": None}, "expected the number of classes in"),
    (
      {"num_examples": 31, "shards": None},
      "expected 31 records of webvision_mini_train",
    ),
    ({"num_examples": 31}, "expected 30, as in shards, as num_examples"),
    ({"num_classes": 0}, "expected an integer of 1 to 1000000 as num_"),
  ],
)
def test_a_set_that_does_not_fit_its_summary_is_refused(
  tmp_path, changes, words
):
  write_records(tmp_path)
  summary = read_summary(tmp_path, "webvision_mini", "train")
  write_summary(tmp_path, summary | changes)
  with pytest.raises(UserError, match=words):
    open_streamed(tmp_path, "webvision_mini", "train")


@pytest.mark.parametrize(
  ("arguments", "words"),
  [
    ({"batch_size": 0}, "batch_size: expected at least 1, got 0"),
    ({"seed": -1}, "seed: expected at least 0, got -1"),
    ({"start_step": -5}, "start_step: expected at least 0, got -5"),
  ],
)
def test_bad_arguments(records, arguments, words):
  arguments = {"batch_size": 4, "seed": 0} | arguments
  with pytest.raises(UserError, match=words):
    streamed_training_batches(records, crop=CROP, **arguments)
  with pytest.raises(UserError, match="batch_size: expected at least 1, got 0"):
    streamed_evaluation_batches(records, 0, CROP)


_MEMORY = """
import resource, sys
from mentornet_tf.datasets.reading.crops import Crop
from mentornet_tf.datasets.reading.streamed_records import *
from mentornet_tf.datasets.reading.streaming import *
records = open_streamed(sys.argv[1], "webvision_mini", "train")
crop = Crop(size=24, shorter_side=30)
batches = iter(streamed_training_batches(records, 50, crop, seed=0))
peaks = []
for step in range(100):
  next(batches)
  peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(peaks[19], peaks[-1])
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_what_was_read(tmp_path):
  """A hundred times 50 images of 100 kB would be 500 MB."""
  encoded = [
    data + bytes(100_000) for data in (jpeg(image) for image in images(50))
  ]
  write_records(tmp_path, encoded=encoded)
  result = subprocess.run(
    [sys.executable, "-c", _MEMORY, str(tmp_path)],
    capture_output=True,
    text=True,
    timeout=120,
  )
  early, late = map(int, result.stdout.split())  # kilobytes
  assert late - early < 60_000, result.stderr
