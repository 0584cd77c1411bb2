import json

import numpy as np
import pytest

from mentornet_tf.datasets.labels.label_noise import LabelNoise
from mentornet_tf.datasets.labels.noise import corrupt_labels
from mentornet_tf.datasets.records.schema import load_in_memory
from mentornet_tf.datasets.sources.digits import load_digits
from mentornet_tf.datasets.writing.in_memory import (
  NoisyRecords,
  write_noisy_records,
)
from mentornet_tf.errors import UserError

SYMMETRIC = LabelNoise("symmetric", rate=0.4, seed=3)


def contents(folder):
  return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_written_digits_read_back_by_value(tmp_path):
  written = write_noisy_records(NoisyRecords(tmp_path, noise=SYMMETRIC))
  source = load_digits("train")
  noisy = corrupt_labels(source.labels, 10, "symmetric", 0.4, 3)
  train = load_in_memory(tmp_path, "digits", "train")
  np.testing.assert_array_equal(train.images, source.images)
  np.testing.assert_array_equal(train.labels, noisy)
  np.testing.assert_array_equal(train.clean_labels, source.labels)
  np.testing.assert_array_equal(train.ids, source.ids)
  test = load_in_memory(tmp_path, "digits", "test")
  np.testing.assert_array_equal(test.images, load_digits("test").images)
  np.testing.assert_array_equal(test.labels, test.clean_labels)
  assert [len(result.files) for result in written.values()] == [6, 2]
  files = train.summary.pop("files")
  assert [*files] == [path.name for path in written["train"].files[:-1]]
  assert train.summary == written["train"].summary
  assert {
    key: value for key, value in train.summary.items() if key != "shards"
  } == {
    "dataset": "digits",
    "split": "train",
    "num_examples": 1442,
    "num_classes": 10,
    "class_names": list("0123456789"),
    "noise": {
      "kind": "symmetric",
      "rate": 0.4,
      "seed": 3,
      "measured_rate": np.mean(noisy != source.labels),
    },
    "ordering": "digits",
    "source": source.description,
  }
  assert test.summary["noise"] == {"kind": "none", "measured_rate": 0.0}


def test_same_request_same_bytes(tmp_path):
  request = NoisyRecords(
    tmp_path, noise=SYMMETRIC, splits=("train",), max_train_examples=60
  )
  write_noisy_records(request)
  before = contents(tmp_path)
  write_noisy_records(request)
  assert contents(tmp_path) == before


def test_cifar_from_an_archive(archives, small_cifar, tmp_path):
  archives.cifar10_binary(*small_cifar.splits)
  out = tmp_path / "out"
  starts, steps = [], []
  write_noisy_records(
    NoisyRecords(out, "cifar10", source_dir=tmp_path, num_shards=3),
    on_start=lambda split, count: starts.append((split, count)),
    on_record=lambda: steps.append(1),
  )
  assert starts == [("train", 20), ("test", 6)] and len(steps) == 26
  train = load_in_memory(out, "cifar10", "train")
  np.testing.assert_array_equal(train.images, small_cifar.images)
  np.testing.assert_array_equal(train.labels, small_cifar.labels)
  np.testing.assert_array_equal(train.ids, np.arange(20))
  assert len(train.summary["shards"]) == 3
  assert train.summary["ordering"] == "binary"


def test_a_subset_keeps_the_noise_of_the_whole_set(tmp_path):
  whole = NoisyRecords(tmp_path / "whole", noise=SYMMETRIC, splits=("train",))
  part = NoisyRecords(
    tmp_path / "part",
    noise=SYMMETRIC,
    splits=("train",),
    max_train_examples=50,
  )
  write_noisy_records(whole)
  write_noisy_records(part)
  whole = load_in_memory(whole.output_dir, "digits", "train")
  part = load_in_memory(part.output_dir, "digits", "train")
  np.testing.assert_array_equal(part.labels, whole.labels[:50])
  np.testing.assert_array_equal(part.ids, whole.ids[:50])
  assert part.summary["source"].endswith("first 50 of 1442")


def small(folder, **settings):
  settings = {"splits": ("train",), "max_train_examples": 10} | settings
  return NoisyRecords(folder, **settings)


def test_other_settings_need_overwrite(tmp_path):
  write_noisy_records(small(tmp_path))
  before = contents(tmp_path)
  other = small(tmp_path, noise=SYMMETRIC, num_shards=2)
  with pytest.raises(
    UserError, match=r"different noise, shards; .*`overwrite`"
  ):
    write_noisy_records(other)
  assert contents(tmp_path) == before
  write_noisy_records(
    small(tmp_path, noise=SYMMETRIC, num_shards=2, overwrite=True)
  )
  summary = json.loads((tmp_path / "digits_train.json").read_text())
  assert summary["noise"]["kind"] == "symmetric"
  assert len(contents(tmp_path)) == 3


def test_records_without_a_summary_are_not_overwritten(tmp_path):
  (tmp_path / "digits_train-00000-of-00001").write_bytes(b"someone's own")
  with pytest.raises(UserError, match="`overwrite`"):
    write_noisy_records(small(tmp_path))


def test_no_split_is_written_when_one_is_refused(tmp_path):
  write_noisy_records(small(tmp_path, splits=("test",)))
  (tmp_path / "digits_test.json").write_text("{}")
  before = contents(tmp_path)
  with pytest.raises(UserError, match="no other digits_test records"):
    write_noisy_records(small(tmp_path, splits=("train", "test")))
  assert contents(tmp_path) == before


@pytest.mark.parametrize(
  ("settings", "words"),
  [
    (
      {"dataset_name": "mnist"},
      "dataset_name: expected one of digits, ",
    ),
    ({"splits": ("val",)}, "split: expected one of train, test, got 'val'"),
    ({"splits": ()}, "splits: expected at least one split"),
    ({"source_dir": "x"}, "^source_dir, tfds_data_dir: expected neither"),
    (
      {"dataset_name": "cifar10", "source_dir": "x", "tfds_data_dir": "y"},
      "^source_dir, tfds_data_dir: .*, got both",
    ),
    ({"max_train_examples": 0}, "between 1 and 1442, got 0"),
    ({"max_train_examples": 1443}, "between 1 and 1442, got 1443"),
    ({"num_shards": 11}, "num_shards: expected 1 to 10 for 10 records, got 11"),
  ],
)
def test_bad_requests(tmp_path, settings, words):
  with pytest.raises(UserError, match=words):
    write_noisy_records(small(tmp_path / "out", **settings))
  assert not (tmp_path / "out").exists()
