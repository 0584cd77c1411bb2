import numpy as np
import pytest
import tensorflow as tf

from mentornet_tf.datasets.records.framing import masked_checksum
from mentornet_tf.datasets.records.index import (
  index_records,
)
from mentornet_tf.errors import UserError

RECORDS = [bytes([i]) * (7 * i) for i in range(23)]


@pytest.fixture
def shards(tmp_path):
  """Three files with 10, 0 and 13 records of many lengths."""
  parts = [RECORDS[:10], [], RECORDS[10:]]
  paths = [tmp_path / f"part-{i}" for i in range(3)]
  for path, records in zip(paths, parts, strict=True):
    with tf.io.TFRecordWriter(str(path)) as writer:
      for record in records:
        writer.write(record)
  return paths


def read(index, numbers):
  """The data of records, from their files."""
  found = []
  for number in numbers:
    shard, _ = index.locate(number)
    content = shard.read_bytes()[index.offsets[number] :]
    length = int.from_bytes(content[:8], "little")
    found.append(content[12 : 12 + length])
  return found


def test_records_are_found_where_they_lie(shards):
  searched = []
  index = index_records(shards, on_shard=lambda: searched.append(0))
  assert len(index) == 23 and len(searched) == 3
  assert index.counts.tolist() == [10, 0, 13]
  assert read(index, range(23)) == RECORDS
  assert index.locate(9) == (shards[0], 9)
  assert index.locate(10) == (shards[2], 0)
  assert index.locate(22) == (shards[2], 12)


def test_a_part_of_the_records_keeps_their_places(shards):
  wanted = np.array([2, 9, 10, 20])
  part = index_records(shards).take(wanted)
  assert part.counts.tolist() == [2, 0, 2]
  assert read(part, range(4)) == [RECORDS[i] for i in wanted]
  assert [part.locate(i) for i in range(4)] == [
    (shards[0], 2),
    (shards[0], 9),
    (shards[2], 0),
    (shards[2], 10),
  ]
  rest = part.take(np.array([1, 3]))
  assert [rest.locate(i) for i in range(2)] == [(shards[0], 9), (shards[2], 10)]


def test_checksums_are_those_that_tensorflow_writes(shards):
  lengths = np.array([7 * i for i in range(10)], np.uint64)
  content = shards[0].read_bytes()
  position, written = 0, []
  for length in lengths.tolist():
    written.append(
      int.from_bytes(content[position + 8 : position + 12], "little")
    )
    position += 16 + length
  assert masked_checksum(lengths).tolist() == written


def test_a_kept_index_is_used_while_the_shards_stay_the_same(
  shards, tmp_path, monkeypatch
):
  cache = tmp_path / "kept.npz"
  first = index_records(shards, cache)
  searched = []
  again = index_records(shards, cache, lambda: searched.append(0))
  assert searched == []
  np.testing.assert_array_equal(first.offsets, again.offsets)
  assert read(again, range(23)) == RECORDS
  with tf.io.TFRecordWriter(str(shards[1])) as writer:
    writer.write(b"new")
  changed = index_records(shards, cache, lambda: searched.append(0))
  assert len(searched) == 3 and len(changed) == 24
  assert read(changed, [10]) == [b"new"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"text"])
def test_a_damaged_index_is_made_again(shards, tmp_path, content):
  cache = tmp_path / "kept.npz"
  cache.write_bytes(content)
  assert read(index_records(shards, cache), [22]) == [RECORDS[22]]
  searched = []
  index_records(shards, cache, lambda: searched.append(0))
  assert searched == []


def test_an_index_that_cannot_be_kept_is_no_failure(shards, tmp_path):
  cache = tmp_path / "no" / "such" / "kept.npz"
  assert len(index_records(shards, cache)) == 23
  assert not cache.exists()


def test_damage_is_named_by_shard_and_record(shards):
  content = bytearray(shards[2].read_bytes())
  starts = np.cumsum([0] + [16 + len(record) for record in RECORDS[10:]])
  damages = {
    "cut short": (content[:-5], 12),
    "cut within a header": (content[: starts[5] + 3], 5),
    "no TFRecord": (b"GIF89a and so on and on", 0),
  }
  wrong = content.copy()
  wrong[starts[4]] ^= 1
  damages["a wrong length"] = (wrong, 4)
  for damaged, record in damages.values():
    shards[2].write_bytes(damaged)
    with pytest.raises(UserError) as caught:
      index_records(shards)
    assert f"{shards[2]}: record {record}: expected a whole" in str(
      caught.value
    )
