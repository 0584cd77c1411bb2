"""Records whose ids or clean labels are of another kind, in memory or not."""

import json
import os

import pytest
import tensorflow as tf
from large_images import images, jpeg, write_records

from mentornet_tf.datasets.reading.preparation import Crop
from mentornet_tf.datasets.reading.streamed_data import StreamedData
from mentornet_tf.datasets.reading.streamed_records import open_streamed
from mentornet_tf.datasets.records.schema import load_in_memory
from mentornet_tf.datasets.records.shards import find_shards
from mentornet_tf.datasets.records.verification import verify_records
from mentornet_tf.errors import UserError

NAME = ("webvision_mini", "train")
SAME_SIZE = [jpeg(images(1)[0])] * 4


def integers(*values):
  return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


BAD = {
  "bytes": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"3"])),
  "float": tf.train.Feature(float_list=tf.train.FloatList(value=[3.0])),
  "two": integers(3, 4),
  "empty list": integers(),
}


def change(folder, position, key, feature):
  """Replaces a feature of a record of the only shard."""
  (shard,) = find_shards(folder, *NAME)
  raws = [raw.numpy() for raw in tf.data.TFRecordDataset(str(shard))]
  example = tf.train.Example.FromString(raws[position])
  example.features.feature[key].CopyFrom(feature)
  raws[position] = example.SerializeToString()
  with tf.io.TFRecordWriter(str(shard)) as writer:
    for raw in raws:
      writer.write(raw)
  # What the shard was written with is another matter.
  summary = folder / "webvision_mini_train.json"
  summary.write_text(summary.read_text().replace('"files"', '"other"'))
  return shard


@pytest.mark.parametrize(
  ("key", "kind"),
  [
    *(("image/class/clean_label", kind) for kind in BAD),
    ("image/id", "bytes"),
    *(
      pytest.param("image/id", kind, marks=pytest.mark.slow)
      for kind in ("float", "two", "empty list")
    ),
  ],
)
def test_another_kind_of_value_is_named(tmp_path, key, kind):
  write_records(tmp_path, encoded=SAME_SIZE, num_shards=1)
  shard = change(tmp_path, 2, key, BAD[kind])
  words = rf"^{shard}: record 2\b.*: expected one integer for '{key}', got"
  with pytest.raises(UserError, match=words):
    load_in_memory(tmp_path, *NAME)
  with pytest.raises(UserError, match=words):
    StreamedData(open_streamed(tmp_path, *NAME), Crop(size=16)).labels()


@pytest.mark.parametrize("clean", [6, -3, 2**62])
def test_a_clean_label_outside_the_classes_is_named(tmp_path, clean):
  write_records(tmp_path, encoded=SAME_SIZE, num_shards=1)
  shard = change(tmp_path, 1, "image/class/clean_label", integers(clean))
  words = rf"^{shard}: record 1\b.*clean label between -1 and 5, got {clean};"
  with pytest.raises(UserError, match=words):
    load_in_memory(tmp_path, *NAME)
  with pytest.raises(UserError, match=words):
    StreamedData(open_streamed(tmp_path, *NAME), Crop(size=16)).labels()


@pytest.mark.parametrize("clean", [5, -1])
def test_a_clean_label_that_is_known_or_not_is_read(tmp_path, clean):
  write_records(tmp_path, encoded=SAME_SIZE, num_shards=1)
  change(tmp_path, 1, "image/class/clean_label", integers(clean))
  records = open_streamed(tmp_path, *NAME)
  assert records.labels()[1].tolist() == [-1, clean, -1, -1]


def test_a_shard_of_another_write_is_found(tmp_path):
  write_records(tmp_path / "a", count=8, num_shards=2, clean=True)
  write_records(tmp_path / "b", count=8, num_shards=2, clean=False)
  _, second = find_shards(tmp_path / "a", *NAME)
  assert verify_records(tmp_path / "a", *NAME).problems == ()
  other = tmp_path / "b" / second.name
  assert other.stat().st_size != second.stat().st_size
  os.replace(other, second)
  (problem,) = verify_records(tmp_path / "a", *NAME).problems
  assert problem.startswith(f"{second}: expected the records that the summary")
  with pytest.raises(UserError, match=f"^{second}: expected .* bytes by the"):
    open_streamed(tmp_path / "a", *NAME)


def test_a_summary_that_names_a_file_which_is_not_there_is_refused(tmp_path):
  write_records(tmp_path, encoded=SAME_SIZE, num_shards=1)
  path = tmp_path / f"{'_'.join(NAME)}.json"
  summary = json.loads(path.read_text())
  summary["files"]["webvision_mini_train-00001-of-00002"] = {
    "bytes": 1,
    "checksum": "0",
  }
  path.write_text(json.dumps(summary))
  for read in (load_in_memory, open_streamed):
    with pytest.raises(UserError, match="got no such file; copy the shards"):
      read(tmp_path, *NAME)


def test_a_shard_that_is_a_pipe_is_refused(tmp_path):
  write_records(tmp_path, encoded=SAME_SIZE, num_shards=1)
  (shard,) = find_shards(tmp_path, *NAME)
  shard.unlink()
  os.mkfifo(shard)
  for read in (load_in_memory, open_streamed, verify_records):
    with pytest.raises(UserError, match=f"^{shard}: expected a file, got a pi"):
      read(tmp_path, *NAME)
