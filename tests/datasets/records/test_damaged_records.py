import json
import re

import numpy as np
import pytest
from image_files import jpeg, picture

from mentornet_tf.datasets.records import damaged as damaged_records
from mentornet_tf.datasets.records.damaged import find_damaged
from mentornet_tf.datasets.records.schema import (
  Example,
  encode_example,
  load_in_memory,
)
from mentornet_tf.datasets.records.shards import planned_summary
from mentornet_tf.datasets.writing.record_set import write_shards
from mentornet_tf.errors import UserError

SCAN = jpeg().index(b"\xff\xda") + 100
BROKEN = jpeg()[:SCAN] + b"\xff\xd8" + jpeg()[SCAN + 2 :]


def record(number, content=None, label=0):
  content = content or jpeg(picture(32, 32).rotate(number))
  path = b"f/%d.jpg" % number
  return encode_example(
    Example(content, "jpeg", label, number, 32, 32, path=path)
  )


def write(folder, changed=None, count=11, num_classes=2):
  """Records, some of them others than `record` makes, in three shards."""
  records = [(changed or {}).get(i, record(i)) for i in range(count)]
  fields = {"num_classes": num_classes}
  summary = planned_summary("pets", "train", 3, count, fields)
  return write_shards(records, folder, summary)[:-1]


DAMAGED = {
  2: record(2, BROKEN),
  3: record(3, b"no image"),
  7: b"no example",
  10: record(10, label=2),
}


def test_every_kind_is_found_and_named(tmp_path):
  shards = write(tmp_path, DAMAGED)
  seen = []
  found = find_damaged(shards, 2, 4, on_shard=lambda: seen.append(1))
  np.testing.assert_array_equal(found.positions, [2, 3, 7, 10])
  np.testing.assert_array_equal(found.sound(11), [0, 1, 4, 5, 6, 8, 9])
  places = [line.partition(": expected")[0] for line in found.lines]
  assert places == [
    f"{shards[0]}: record 2 (f/2.jpg)",
    f"{shards[0]}: record 3 (f/3.jpg)",
    f"{shards[1]}: record 3",
    f"{shards[2]}: record 2 (f/10.jpg)",
  ]
  assert len(seen) == 3


def test_more_than_that_are_refused_in_one_line(tmp_path):
  shards = write(tmp_path, DAMAGED)
  place = re.escape(f"{shards[0]}: record 2 (f/2.jpg)")
  with pytest.raises(
    UserError,
    match=f"^max_damaged: expected at most 3 damaged records, got 4 .*{place}",
  ) as caught:
    find_damaged(shards, 2, 3)
  assert "\n" not in str(caught.value)


def test_a_shard_that_is_cut_is_no_matter_of_single_records(tmp_path):
  shards = write(tmp_path)
  shards[1].write_bytes(shards[1].read_bytes()[:-1])
  with pytest.raises(UserError, match="record 3: expected a whole TFRecord"):
    find_damaged(shards, 2, 100)


def test_what_was_found_is_kept_until_the_shards_change(tmp_path, monkeypatch):
  shards = write(tmp_path, DAMAGED)
  cache = tmp_path / "pets_train.damaged.json"
  first = find_damaged(shards, 2, 4, cache)
  searched = []
  inspect = damaged_records.inspect_shard
  monkeypatch.setattr(
    damaged_records,
    "inspect_shard",
    lambda shard, classes: searched.append(shard) or inspect(shard, classes),
  )
  again = find_damaged(shards, 2, 4, cache)
  np.testing.assert_array_equal(again.positions, first.positions)
  assert again.lines == first.lines and not searched
  with pytest.raises(UserError, match="at most 1 damaged records, got 4"):
    find_damaged(shards, 2, 1, cache)
  assert len(find_damaged(shards, 3, 4, cache).lines) == 3
  assert len(searched) == 3
  write(tmp_path, {2: DAMAGED[2]})
  assert len(find_damaged(shards, 3, 4, cache).lines) == 1
  assert len(searched) == 6


@pytest.mark.parametrize(
  "content",
  [
    b"",
    b"[]",
    b"\xff",
    b'{"source": 1, "damaged": []}',
    b'{"damaged": [["x", "y"]]}',
    b"[" * 100_000,
    "entries",
    "numbers",
  ],
)
def test_a_cache_that_is_damaged_is_made_again(tmp_path, content):
  shards = write(tmp_path, DAMAGED)
  cache = tmp_path / "cache.json"
  find_damaged(shards, 2, 4, cache)
  if isinstance(content, str):
    kept = json.loads(cache.read_text())
    kept["damaged"] = {"entries": [3], "numbers": [[1.5, ""], [2**70, ""]]}[
      content
    ]
    content = json.dumps(kept).encode()
  cache.write_bytes(content)
  found = find_damaged(shards, 2, 4, cache)
  np.testing.assert_array_equal(found.positions, [2, 3, 7, 10])


def test_a_set_is_loaded_without_them(tmp_path):
  whole, part = tmp_path / "whole", tmp_path / "part"
  write(whole)
  write(part, DAMAGED)
  with pytest.raises(UserError, match=r"record 2 \(f/2\.jpg\): expected a PNG"):
    load_in_memory(part, "pets", "train")
  with pytest.raises(UserError, match="at most 3 damaged records, got 4"):
    load_in_memory(part, "pets", "train", max_damaged=3)
  expected = load_in_memory(whole, "pets", "train")
  assert expected.damaged == ()
  found = load_in_memory(part, "pets", "train", max_damaged=4)
  kept = [0, 1, 4, 5, 6, 8, 9]
  np.testing.assert_array_equal(found.images, expected.images[kept])
  np.testing.assert_array_equal(found.ids, kept)
  np.testing.assert_array_equal(found.labels, expected.labels[kept])
  assert len(found.damaged) == 4


def test_images_of_other_sizes_are_still_refused(tmp_path):
  other = record(9, jpeg(picture(30, 32)))
  write(tmp_path, {**DAMAGED, 9: other})
  with pytest.raises(UserError, match=r"record 1 \(f/9\.jpg\): .* of 32x32"):
    load_in_memory(tmp_path, "pets", "train", max_damaged=4)


def test_a_set_of_damaged_records_alone_is_refused(tmp_path):
  write(tmp_path, {i: record(i, b"no image") for i in range(11)})
  with pytest.raises(UserError, match="all other records"):
    load_in_memory(tmp_path, "pets", "train", max_damaged=11)
