import json
import resource

import pytest
import tensorflow as tf

from mentornet_tf.datasets.records import shards
from mentornet_tf.datasets.writing import staging
from mentornet_tf.datasets.writing.record_set import write_shards
from mentornet_tf.errors import UserError

RECORDS = [f"record {number}".encode() for number in range(7)]


def plan(num_shards, num_records=7, **fields):
  return shards.planned_summary(
    "digits", "train", num_shards, num_records, fields
  )


def contents(folder):
  return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_records_lie_in_order_in_near_equal_shards(tmp_path):
  paths = write_shards(RECORDS, tmp_path / "new", plan(3))
  assert [path.name for path in paths] == [
    "digits_train-00000-of-00003",
    "digits_train-00001-of-00003",
    "digits_train-00002-of-00003",
    "digits_train.json",
  ]
  read = [
    [record.numpy() for record in tf.data.TFRecordDataset(str(path))]
    for path in paths[:3]
  ]
  assert read == [RECORDS[:3], RECORDS[3:5], RECORDS[5:]]
  assert shards.find_shards(tmp_path / "new", "digits", "train") == paths[:3]


def test_summary_holds_counts_and_fields(tmp_path):
  write_shards(RECORDS, tmp_path, plan(2, source="here"))
  summary = json.loads((tmp_path / "digits_train.json").read_text())
  assert {
    name: each["bytes"] for name, each in summary.pop("files").items()
  } == {
    path.name: path.stat().st_size for path in tmp_path.glob("digits_train-*")
  }
  assert summary == {
    "dataset": "digits",
    "split": "train",
    "num_examples": 7,
    "source": "here",
    "shards": [
      {"name": "digits_train-00000-of-00002", "num_examples": 4},
      {"name": "digits_train-00001-of-00002", "num_examples": 3},
    ],
  }


def test_same_input_same_bytes(tmp_path):
  write_shards(RECORDS, tmp_path / "a", plan(2, x=1, y=2))
  write_shards(RECORDS, tmp_path / "b", plan(2, y=2, x=1))
  assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_new_set_replaces_the_old_one(tmp_path):
  write_shards(RECORDS, tmp_path, plan(5))
  write_shards(RECORDS, tmp_path, plan(2))
  assert sorted(contents(tmp_path)) == [
    "digits_train-00000-of-00002",
    "digits_train-00001-of-00002",
    "digits_train.json",
  ]


def test_failure_leaves_what_was_there(tmp_path):
  write_shards(RECORDS, tmp_path, plan(2))
  before = contents(tmp_path)

  def failing():
    yield from RECORDS[:5]
    raise RuntimeError("source broke")

  with pytest.raises(RuntimeError, match="source broke"):
    write_shards(failing(), tmp_path, plan(3))
  assert contents(tmp_path) == before


@pytest.mark.parametrize("records", [RECORDS[:6], [*RECORDS, b"more"]])
def test_wrong_number_of_records_leaves_nothing(tmp_path, records):
  with pytest.raises(ValueError, match="records came"):
    write_shards(records, tmp_path, plan(2))
  assert contents(tmp_path) == {}


def test_interrupted_renaming_shows_as_missing_shards(tmp_path, monkeypatch):
  write_shards(RECORDS, tmp_path, plan(3))
  real_replace = staging.os.replace

  def replace(source, target):
    if target == tmp_path / "digits_train-00001-of-00003":
      raise KeyboardInterrupt
    real_replace(source, target)

  monkeypatch.setattr(staging.os, "replace", replace)
  with pytest.raises(KeyboardInterrupt):
    write_shards(RECORDS, tmp_path, plan(3))
  with pytest.raises(UserError, match="missing digits_train-00001-of-00003"):
    shards.find_shards(tmp_path, "digits", "train")
  assert sorted(contents(tmp_path)) == ["digits_train-00000-of-00003"]


def test_what_a_killed_process_left_is_removed(tmp_path):
  work_dir = tmp_path / "digits_train.work"
  work_dir.mkdir()
  (work_dir / "lock").touch()
  (work_dir / "digits_train-00000-of-00002").write_bytes(b"whole")
  (work_dir / ".partial-1-digits_train-00001-of-00002").write_bytes(b"half")
  write_shards(RECORDS, tmp_path, plan(2))
  write_shards(RECORDS, tmp_path / "fresh", plan(2))
  written = contents(tmp_path / "fresh")
  (tmp_path / "fresh").rename(tmp_path.with_name("fresh"))
  assert contents(tmp_path) == written


def test_a_second_process_is_refused(tmp_path):
  first = staging.StagedSet(tmp_path, "digits", "train")
  with first.alone(), pytest.raises(UserError, match="at work"):
    write_shards(RECORDS, tmp_path, plan(2))


def test_other_sets_in_the_folder_stay(tmp_path):
  other = shards.planned_summary("digits", "test", 1, 7, {})
  write_shards(RECORDS, tmp_path, other)
  write_shards(RECORDS, tmp_path, plan(2))
  assert len(shards.find_shards(tmp_path, "digits", "test")) == 1


@pytest.mark.parametrize("num_shards", [0, 8])
def test_number_of_shards_out_of_bounds(num_shards):
  with pytest.raises(UserError, match=f"1 to 7 for .* got {num_shards}"):
    plan(num_shards)


def test_unwritable_folder_names_its_path(tmp_path):
  (tmp_path / "file").write_text("")
  with pytest.raises(OSError) as caught:
    write_shards(RECORDS, tmp_path / "file" / "below", plan(2))
  assert "file" in caught.value.filename


def test_shard_numbers_beyond_the_count(tmp_path):
  write_shards(RECORDS, tmp_path, plan(2))
  (tmp_path / "digits_train-00007-of-00002").touch()
  with pytest.raises(UserError, match="found digits_train-00007-of-00002"):
    shards.find_shards(tmp_path, "digits", "train")


def test_a_full_disk_leaves_nothing_and_is_named(tmp_path):
  two = shards.planned_summary("digits", "train", 2, 2, {})
  size = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (1000, size[1]))
  try:
    with pytest.raises(UserError, match=r"-00000-of-00002: expected to write"):
      write_shards([bytes(2000)] * 2, tmp_path, two)
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, size)
  assert list(tmp_path.iterdir()) == []
