import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import mentornet_tf as mn
from mentornet_tf.datasets.records.schema import (
  Example,
  encode_example,
  load_in_memory,
  read_tfrecords,
)
from mentornet_tf.errors import UserError


def images_like(count, height=32, width=32):
  rng = np.random.default_rng(count)
  return rng.integers(0, 256, (count, height, width, 3), np.uint8)


IMAGES = images_like(7)
LABELS = np.array([3, 1, 4, 1, 5, 9, 2])
CLEAN = np.array([3, 1, 4, 1, 5, 8, -1])


def original_record(image_bytes, label, image_format=b"png"):
  """Only the three keys of the original's records."""
  feature = {
    "image/encoded": tf.train.Feature(
      bytes_list=tf.train.BytesList(value=[image_bytes])
    ),
    "image/format": tf.train.Feature(
      bytes_list=tf.train.BytesList(value=[image_format])
    ),
    "image/class/label": tf.train.Feature(
      int64_list=tf.train.Int64List(value=label)
    ),
  }
  features = tf.train.Features(feature=feature)
  return tf.train.Example(features=features).SerializeToString()


def png(image):
  return tf.io.encode_png(image).numpy()


def test_every_value_comes_back(record_sets):
  folder = record_sets.write(IMAGES, LABELS, clean_labels=CLEAN)
  rows = list(read_tfrecords(folder, "cifar10", "train").as_numpy_iterator())
  assert mn.read_tfrecords is read_tfrecords
  assert [row["image"].dtype for row in rows] == [np.uint8] * 7
  np.testing.assert_array_equal([row["image"] for row in rows], IMAGES)
  np.testing.assert_array_equal([row["label"] for row in rows], LABELS)
  np.testing.assert_array_equal([row["clean_label"] for row in rows], CLEAN)
  np.testing.assert_array_equal([row["id"] for row in rows], range(100, 107))
  assert {row[key].dtype for row in rows for key in row if key != "image"} == {
    np.dtype(np.int64)
  }


def test_load_in_memory_gives_the_same(record_sets):
  names = list("abcdefghij")
  folder = record_sets.write(
    IMAGES, LABELS, clean_labels=CLEAN, num_classes=10, class_names=names
  )
  loaded = load_in_memory(folder, "cifar10", "train")
  np.testing.assert_array_equal(loaded.images, IMAGES)
  np.testing.assert_array_equal(loaded.labels, LABELS)
  np.testing.assert_array_equal(loaded.clean_labels, CLEAN)
  np.testing.assert_array_equal(loaded.ids, range(100, 107))
  assert loaded.class_names == tuple(names)
  assert loaded.num_classes == 10
  assert loaded.name == "cifar10_train"
  assert loaded.summary["num_examples"] == len(loaded) == 7
  with pytest.raises(dataclasses.FrozenInstanceError):
    loaded.labels = LABELS


def test_record_holds_the_documented_keys():
  record = encode_example(Example(png(IMAGES[0]), "png", 4, 17, 32, 31, 5))
  feature = tf.train.Example.FromString(record).features.feature
  assert {key: list(feature[key].int64_list.value) for key in feature} == {
    "image/encoded": [],
    "image/format": [],
    "image/class/label": [4],
    "image/class/clean_label": [5],
    "image/id": [17],
    "image/height": [32],
    "image/width": [31],
  }
  assert feature["image/encoded"].bytes_list.value[0] == png(IMAGES[0])
  assert feature["image/format"].bytes_list.value[0] == b"png"


def test_reads_records_of_the_original(record_sets):
  folder = record_sets.write_raw(
    [
      original_record(png(image), [label])
      for image, label in zip(IMAGES, LABELS, strict=True)
    ]
  )
  loaded = load_in_memory(folder, "cifar10", "train")
  np.testing.assert_array_equal(loaded.images, IMAGES)
  np.testing.assert_array_equal(loaded.labels, LABELS)
  np.testing.assert_array_equal(loaded.clean_labels, [-1] * 7)
  np.testing.assert_array_equal(loaded.ids, range(7))
  assert loaded.num_classes == 10 and loaded.summary == {}
  rows = read_tfrecords(folder, "cifar10", "train").as_numpy_iterator()
  assert [row["id"] for row in rows] == list(range(7))


def test_reads_jpeg(record_sets):
  jpeg = tf.io.encode_jpeg(np.full((32, 32, 3), 77, np.uint8)).numpy()
  folder = record_sets.write_raw([original_record(jpeg, [0], b"jpeg")])
  loaded = load_in_memory(folder, "cifar10", "train")
  np.testing.assert_array_equal(loaded.images, np.full((1, 32, 32, 3), 77))


def test_number_of_classes_without_name_or_summary(record_sets):
  record = original_record(png(IMAGES[0]), [6])
  folder = record_sets.write_raw([record], "pets_train-00000-of-00001")
  assert load_in_memory(folder, "pets", "train").num_classes == 7


def message(folder, dataset_name="cifar10", split="train"):
  with pytest.raises(UserError) as caught:
    load_in_memory(folder, dataset_name, split)
  assert "\n" not in str(caught.value)
  return str(caught.value)


def test_missing_folder(tmp_path):
  text = message(tmp_path / "nowhere")
  assert "nowhere does not exist" in text and "correct the path" in text


def test_a_file_instead_of_a_folder(tmp_path):
  (tmp_path / "file").write_text("")
  assert "file is a file" in message(tmp_path / "file")


def test_empty_folder(tmp_path):
  assert "an empty folder" in message(tmp_path)


def test_other_set_is_named(record_sets):
  folder = record_sets.write(IMAGES, LABELS)
  assert "got records of cifar10_train only" in message(folder, split="test")


def test_missing_shard(record_sets):
  folder = record_sets.write(IMAGES, LABELS, num_shards=3)
  (folder / "cifar10_train-00001-of-00003").unlink()
  assert "missing cifar10_train-00001-of-00003" in message(folder)


def test_two_sets_in_one_folder(record_sets):
  folder = record_sets.write(IMAGES, LABELS, num_shards=3)
  (folder / "cifar10_train-00000-of-00002").touch()
  assert "sets of 2 and 3 shards" in message(folder)


@pytest.mark.parametrize("cut", [1, 13])
def test_truncated_shard(record_sets, cut):
  folder = record_sets.write(IMAGES, LABELS)
  shard = folder / "cifar10_train-00001-of-00002"
  shard.write_bytes(shard.read_bytes()[:-cut])
  text = message(folder)
  assert f"{shard}: record 2" in text and "truncated" in text


def test_shard_cut_between_records(record_sets):
  folder = record_sets.write(IMAGES, LABELS)
  (folder / "cifar10_train-00001-of-00002").write_bytes(b"")
  assert "expected 7 records" in message(folder)
  assert "got 4" in message(folder)


def test_corrupted_byte(record_sets):
  folder = record_sets.write(IMAGES, LABELS)
  shard = folder / "cifar10_train-00000-of-00002"
  content = bytearray(shard.read_bytes())
  content[len(content) // 2] ^= 1
  shard.write_bytes(content)
  text = message(folder)
  assert f"{shard}: record" in text and "corrupted" in text


def test_not_an_example(record_sets):
  folder = record_sets.write_raw([b"\xff\xff\xff"])
  assert "record 0: expected a tf.train.Example" in message(folder)


@pytest.mark.parametrize("labels", [[], [1, 2]])
def test_wrong_number_of_labels(record_sets, labels):
  record = original_record(png(IMAGES[0]), labels)
  text = message(record_sets.write_raw([record]))
  assert (
    f"expected one value for 'image/class/label', got {len(labels)}" in text
  )


def test_undecodable_image(record_sets):
  good = original_record(png(IMAGES[0]), [1])
  bad = original_record(b"no image", [1])
  text = message(record_sets.write_raw([good, bad]))
  assert "00000-of-00001: record 1" in text and "cannot be decoded" in text


@pytest.mark.parametrize("label", [-1, 10])
def test_label_out_of_range(record_sets, label):
  good = original_record(png(IMAGES[0]), [9])
  bad = original_record(png(IMAGES[0]), [label])
  folder = record_sets.write_raw([good, bad])
  text = message(folder)
  assert "record 1: expected a label between 0 and 9" in text
  assert f"got {label}" in text
  with pytest.raises(tf.errors.InvalidArgumentError, match="label outside 0"):
    list(read_tfrecords(folder, "cifar10", "train"))


@pytest.mark.parametrize("position", [1, 600])
def test_images_of_different_sizes(record_sets, position):
  """Within one batch of decoding, and beyond."""
  usual = original_record(png(IMAGES[0]), [1])
  other = original_record(png(images_like(1, 16, 20)[0]), [1])
  records = [usual] * position + [other]
  text = message(record_sets.write_raw(records))
  assert f"record {position}: expected an image of 32x32" in text
  assert "got 16x20" in text


@pytest.mark.parametrize("text", ["{", "[]", '{"num_classes": "ten"}'])
def test_unusable_summary(record_sets, text):
  folder = record_sets.write(IMAGES, LABELS)
  (folder / "cifar10_train.json").write_text(text)
  assert "write the set again" in message(folder)
