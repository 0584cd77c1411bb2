import json

import pytest
import tensorflow as tf
from image_files import jpeg, picture

from mentornet_tf.datasets.records.schema import Example, encode_example
from mentornet_tf.datasets.records.shards import planned_summary
from mentornet_tf.datasets.records.verification import (
  ShardFindings,
  verify_records,
  verify_shard,
)
from mentornet_tf.datasets.writing.record_set import write_shards
from mentornet_tf.errors import UserError


def record(content, number, label=0):
  return encode_example(
    Example(content, "jpeg", label, number, 1, 1, path=b"f/%d.jpg" % number)
  )


def write(folder, records, num_shards=2):
  summary = planned_summary(
    "pets", "train", num_shards, len(records), {"num_classes": 2}
  )
  return write_shards(records, folder, summary)


# Images of several sizes: a record set from the web has them.
SOUND = [jpeg(picture(20 + i, 30)) for i in range(6)]


def findings(folder, records):
  shard, _ = write(folder, records, num_shards=1)
  return shard, verify_shard((shard,), 2, 0)


def test_images_whose_pixels_are_damaged_are_listed(tmp_path):
  # A part is lost, and yet the file has its end.
  damaged = jpeg()[:700] + b"\xff\xd9"
  contents = [*SOUND[:2], damaged, SOUND[2]]
  shard, found = findings(
    tmp_path, [record(each, i) for i, each in enumerate(contents)]
  )
  assert found == ShardFindings(
    num_records=4,
    problems=(),
    damaged_jpegs=(
      f"{shard}: record 2 (f/2.jpg): Corrupt JPEG data: premature end of data "
      "segment",
    ),
  )


def test_every_record_without_an_image_is_named(tmp_path):
  contents = [SOUND[0], b"no image", SOUND[1][:300], SOUND[2]]
  shard, found = findings(
    tmp_path, [record(each, i) for i, each in enumerate(contents)]
  )
  assert found.num_records == 4
  assert [line.partition(": expected")[0] for line in found.problems] == [
    f"{shard}: record 1 (f/1.jpg)",
    f"{shard}: record 2 (f/2.jpg)",
  ]
  assert "cannot be decoded" in found.problems[0]
  assert found.damaged_jpegs == ()


@pytest.mark.parametrize("label", [-1, 2])
def test_labels_outside_the_classes(tmp_path, label):
  shard, found = findings(
    tmp_path, [record(SOUND[0], 0, 1), record(SOUND[1], 1, label)]
  )
  (problem,) = found.problems
  assert problem.startswith(
    f"{shard}: record 1 (f/1.jpg): expected a label between 0 and 1, got "
    f"{label}"
  )


def test_a_flipped_bit(tmp_path):
  records = [record(each, i) for i, each in enumerate(SOUND)]
  shard, _ = write(tmp_path, records, num_shards=1)
  data = bytearray(shard.read_bytes())
  data[len(data) // 2] ^= 1
  shard.write_bytes(data)
  found = verify_shard((shard,), 2, 0)
  (problem,) = found.problems
  assert problem.startswith(f"{shard}: record {found.num_records}: expected a")
  assert "truncated or corrupted" in problem
  assert 0 < found.num_records < 6


@pytest.mark.parametrize(
  "num_workers", [1, pytest.param(2, marks=pytest.mark.slow)]
)
def test_lost_records_are_found_by_the_summary(tmp_path, num_workers):
  first, second, _ = write(
    tmp_path, [record(each, i) for i, each in enumerate(SOUND)]
  )
  kept = [each.numpy() for each in tf.data.TFRecordDataset(str(second))][:2]
  with tf.io.TFRecordWriter(str(second)) as writer:
    for each in kept:
      writer.write(each)
  totals, counts = [], []
  found = verify_records(
    tmp_path,
    "pets",
    "train",
    num_workers=num_workers,
    on_start=lambda *each: totals.append(each),
    on_records=counts.append,
  )
  assert totals == [(6, 0)] and sum(counts) == 5
  assert (found.num_shards, found.num_records) == (2, 5)
  assert found.damaged_jpegs == ()
  assert found.problems == (
    f"{second}: record 2: expected 3 records by the summary, got 2; copy "
    "this shard again or write the set again",
  )
  first.unlink()
  with pytest.raises(UserError, match="missing pets_train-00000-of-00002"):
    verify_records(tmp_path, "pets", "train")


@pytest.mark.parametrize("text", [None, "{}"])
def test_a_set_without_a_summary(tmp_path, text):
  *_, summary = write(tmp_path, [record(SOUND[0], 0)], num_shards=1)
  summary.unlink()
  if text is not None:
    summary.write_text(json.dumps({}))
  with pytest.raises(UserError, match=r"pets_train\.json, got none"):
    verify_records(tmp_path, "pets", "train")
