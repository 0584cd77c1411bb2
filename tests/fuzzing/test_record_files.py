"""Files of record sets: a right value or one line, however they are damaged."""

import io
import json
import struct

import numpy as np
import pytest
import tensorflow as tf
from fuzzing import Reader
from google.protobuf.message import DecodeError
from image_files import encoded, jpeg, picture
from PIL import Image

from mentornet_tf.datasets.reading.dataset import EvaluationBatches
from mentornet_tf.datasets.reading.open import open_data
from mentornet_tf.datasets.reading.preparation import Crop
from mentornet_tf.datasets.records.framing import masked_checksum
from mentornet_tf.datasets.records.schema import (
  Example,
  encode_example,
  load_in_memory,
)
from mentornet_tf.datasets.records.shards import read_summary

SHARD = "own_train-00000-of-00001"
NUM_CLASSES = 3
CROP = Crop(size=8, shorter_side=8)

SUMMARY = {
  "num_classes": NUM_CLASSES,
  "num_examples": 3,
  "class_names": ["a", "b", "c"],
  "shards": [{"name": SHARD, "num_examples": 3}],
  "noise": {"kind": "web", "measured_rate": 0.25},
}


def checksum(data: bytes) -> int:
  """CRC-32C as TFRecords store it, bit by bit."""
  crc = 0xFFFFFFFF
  for byte in data:
    crc ^= byte
    for _ in range(8):
      crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
  crc ^= 0xFFFFFFFF
  rotated = crc >> 15 | crc << 17
  return (rotated + 0xA282EAD8) & 0xFFFFFFFF


def framed(data: bytes) -> bytes:
  """A whole record, whose checksums say that it is sound."""
  length = struct.pack("<Q", len(data))
  return b"".join(
    [
      length,
      struct.pack("<I", checksum(length)),
      data,
      struct.pack("<I", checksum(data)),
    ]
  )


def example(image: bytes, number: int = 0, image_format="png") -> bytes:
  return encode_example(
    Example(image, image_format, number, 100 + number, 12, 10, number)
  )


def png(number: int = 0) -> bytes:
  return encoded(picture(12, 10 + number), "PNG")


def write_three(folder, image=lambda number: png()):
  records = [framed(example(image(number), number)) for number in range(3)]
  (folder / SHARD).write_bytes(b"".join(records))


def write_one(folder, content=None):
  (folder / SHARD).write_bytes(content or example(png()))


def with_summary(write):
  """A set of which a summary tells the number of classes."""

  def write_both(folder):
    write(folder)
    summary = {key: SUMMARY[key] for key in ("num_classes", "class_names")}
    (folder / "own_train.json").write_text(json.dumps(summary))

  return write_both


def in_memory(path):
  return load_in_memory(path.parent, "own", "train")


def streamed(path):
  data = open_data(path.parent, "own", "train", CROP)
  labels, clean_labels = data.labels()
  return labels, clean_labels, list(EvaluationBatches(data, 2))


def messages(path) -> list[tf.train.Example | None]:
  """The records of a file by its lengths, without their checksums.

  None stands for those that only TensorFlow's own parser reads, such as with
  keys that are no text.
  """
  data, place, found = path.read_bytes(), 0, []
  while place < len(data):
    (length,) = struct.unpack_from("<Q", data, place)
    serialised = data[place + 12 : place + 12 + length]
    try:
      found.append(tf.train.Example.FromString(serialised))
    except DecodeError:
      found.append(None)
    place += 12 + length + 4
  return found


def integers(message, key, default=None):
  feature = message.features.feature
  if key in feature and feature[key].int64_list.value:
    return feature[key].int64_list.value[0]
  return default


def check_labels(path, labels, clean_labels):
  assert ((labels >= 0) & (labels < NUM_CLASSES)).all()
  assert ((clean_labels >= -2) & (clean_labels < NUM_CLASSES)).all()
  records = messages(path)
  assert len(records) == len(labels)
  both = np.array([each is not None for each in records])
  labels, clean_labels = labels[both], clean_labels[both]
  records = list(filter(None, records))
  stored = [integers(each, "image/class/label") for each in records]
  assert labels.tolist() == stored
  clean = [integers(each, "image/class/clean_label", -1) for each in records]
  known_wrong = [integers(each, "image/class/known_wrong") for each in records]
  expected = [
    -2 if label < 0 and wrong else label
    for label, wrong in zip(clean, known_wrong, strict=True)
  ]
  assert clean_labels.tolist() == expected


def check_in_memory(path, data):
  check_labels(path, data.labels, data.clean_labels)
  records = messages(path)
  for image, message in zip(data.images, records, strict=True):
    if message is None:
      continue
    content = message.features.feature["image/encoded"].bytes_list.value[0]
    theirs = tf.io.decode_image(content, 3, expand_animations=False).numpy()
    np.testing.assert_array_equal(image, theirs)
    with Image.open(io.BytesIO(content)) as opened:
      assert image.shape[:2] == (opened.height, opened.width)
  for place, message in enumerate(records):
    if message is not None:
      stored = integers(message, "image/id", -1)
      assert data.ids[place] == (stored if stored >= 0 else place)


def check_streamed(path, value):
  labels, clean_labels, batches = value
  check_labels(path, labels, clean_labels)
  images = np.concatenate([batch["image"] for batch in batches])
  assert images.shape == (len(labels), 8, 8, 3)
  assert images.dtype == np.float32
  assert np.abs(images).max() <= 1
  again = np.concatenate([batch["label"] for batch in batches])
  assert again.tolist() == labels.tolist()


def check_summary(path, summary):
  assert summary == json.loads(path.read_text())
  assert summary.get("num_classes", 2) >= 1
  assert len(summary.get("class_names") or ()) in (
    0,
    summary.get("num_classes", len(summary.get("class_names") or ())),
  )


CACHES = ("own_train.index.npz", "own_train.damaged.json")


def memory_reader(write, **options):
  return Reader(
    SHARD, with_summary(write), in_memory, check_in_memory, **options
  )


def streamed_reader(write, **options):
  return Reader(
    SHARD,
    with_summary(write),
    streamed,
    check_streamed,
    caches=CACHES,
    **options,
  )


def in_a_record(image_format):
  return lambda image: framed(example(image, 0, image_format))


def write_image(data):
  return lambda folder: (folder / SHARD).write_bytes(data)


JPEG = jpeg(picture(12, 10))

READERS = {
  "summary": Reader(
    "own_train.json",
    lambda folder: (folder / "own_train.json").write_text(json.dumps(SUMMARY)),
    lambda path: read_summary(path.parent, "own", "train"),
    check_summary,
  ),
  "shard in memory": memory_reader(write_three),
  "message in memory": memory_reader(write_one, wrap=framed),
  "PNG in memory": memory_reader(write_image(png()), wrap=in_a_record("png")),
  "JPEG in memory": memory_reader(write_image(JPEG), wrap=in_a_record("jpeg")),
  "shard streamed": streamed_reader(
    lambda folder: write_three(folder, lambda number: JPEG)
  ),
  "message streamed": streamed_reader(write_one, wrap=framed),
  "JPEG streamed": streamed_reader(write_image(JPEG), wrap=in_a_record("jpeg")),
}


@pytest.mark.parametrize("name", READERS)
def test_damaged_records(fuzz_few, name):
  fuzz_few(READERS[name], 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_many_damaged_records(fuzz_many, name):
  assert fuzz_many(READERS[name], 60).lines


def test_the_checksum_is_that_of_tensorflow(tmp_path):
  with tf.io.TFRecordWriter(str(tmp_path / "x")) as writer:
    writer.write(b"123456789")
  assert (tmp_path / "x").read_bytes() == framed(b"123456789")
  (length,) = masked_checksum(np.array([9], np.uint64))
  assert length == checksum(struct.pack("<Q", 9))
