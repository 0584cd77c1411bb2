import dataclasses
import json
import os

import numpy as np
import pytest
import tensorflow as tf
from conversions import NAME, contents, request
from image_files import decoded, jpeg
from PIL import Image

from mentornet_tf.datasets.images.bytes_columns import BytesColumn
from mentornet_tf.datasets.images.decoding import encode_jpeg
from mentornet_tf.datasets.images.listing import (
  FileReader,
  ImageList,
  ListedImages,
)
from mentornet_tf.datasets.records.schema import read_tfrecords
from mentornet_tf.datasets.records.shards import find_shards, read_summary
from mentornet_tf.datasets.writing import conversion
from mentornet_tf.datasets.writing.conversion import ConversionRequest, convert
from mentornet_tf.datasets.writing.plan import ConversionPlan
from mentornet_tf.datasets.writing.runners import LocalRunner
from mentornet_tf.errors import UserError


def features(shards):
  """The features of every record, as plain values."""
  for record in tf.data.TFRecordDataset([str(path) for path in shards]):
    feature = tf.train.Example.FromString(record.numpy()).features.feature
    yield {
      key: (value.bytes_list.value or value.int64_list.value)[0]
      for key, value in feature.items()
    }


def test_every_value_of_the_tree_is_in_the_records(tree, listed, whole):
  records = {
    each["image/path"].decode(): each for each in features(whole.shards)
  }
  kept = tree.kept("train_filelist_google")
  assert records.keys() == kept.keys() and len(kept) == 22
  assert sum(each["num_examples"] for each in whole.summary["shards"]) == 22
  lines = [path for path, _ in tree.lists["train_filelist_google"]]
  for path, label in kept.items():
    record = records[path]
    original = (tree.root / path).read_bytes()
    image = tf.io.decode_jpeg(record["image/encoded"])
    assert record["image/format"] == b"jpeg"
    assert record["image/class/label"] == label
    assert record["image/class/clean_label"] == -1
    assert record["image/id"] == lines.index(path)
    assert record["image/query"].decode() == path.split("/")[1]
    assert (
      record["image/synset"].decode() == (listed.fields["wordnet_ids"][label])
    )
    size = record["image/height"], record["image/width"], 3
    assert image.shape == size
    if path in tree.repaired:
      assert original != encode_jpeg(decoded(original))
      original = encode_jpeg(decoded(original))
    assert record["image/encoded"] == original, path


def test_readers_take_the_set(tree, whole):
  folder = whole.shards[0].parent
  assert find_shards(folder, NAME, "train") == list(whole.shards)
  rows = list(read_tfrecords(folder, NAME, "train"))
  labels = tree.kept("train_filelist_google").values()
  assert sorted(int(row["label"]) for row in rows) == sorted(labels)
  assert all(row["image"].dtype == tf.uint8 for row in rows)


def test_summary_and_report(tree, listed, whole):
  folder = whole.shards[0].parent
  summary = read_summary(folder, NAME, "train")
  assert summary == whole.summary
  shards = summary.pop("shards")
  assert [each["name"] for each in shards] == [p.name for p in whole.shards]
  files = summary.pop("files")
  assert {name: each["bytes"] for name, each in files.items()} == {
    path.name: path.stat().st_size for path in whole.shards
  }
  counts = [len(list(features([path]))) for path in whole.shards]
  assert [each["num_examples"] for each in shards] == counts
  repaired = {"CMYK JPEG": 1, "GIF": 1, "PNG": 1, "grey JPEG": 1}
  skipped = {
    "damaged JPEG data": 1,
    "empty file": 1,
    "listed twice": 1,
    "missing file": 1,
    "truncated JPEG": 1,
    "unreadable file": 1,
    "web page (not read)": 1,
  }
  images = {
    "listed": len(tree.lists["train_filelist_google"]),
    "kept": 22,
    "repaired": repaired,
    "skipped": skipped,
  }
  assert summary == {
    "class_names": [f"class {label}, kind of grating" for label in range(3)],
    "dataset": NAME,
    "decode": True,
    "exif_orientation": False,
    "images": images,
    "images_sha256": listed.images.fingerprint(),
    "noise": {"kind": "web"},
    "num_classes": 3,
    "num_examples": 22,
    "num_shards": 4,
    "ordering": "train_filelist_google",
    "seed": 1,
    "shorter_side": None,
    "square_side": None,
    "source": "WebVision 1.0, train_filelist_google.txt",
    "split": "train",
    "store": None,
    "webvision_labels": [0, 1, 2],
    "wordnet_ids": listed.fields["wordnet_ids"],
  }
  report = json.loads(whole.report_path.read_text())
  assert dict(report.pop("repaired_images")) == tree.repaired
  twice = {path: "listed twice" for path in tree.listed_twice}
  assert dict(report.pop("skipped_images")) == tree.skipped | twice
  assert report == {"dataset": NAME, "split": "train", **images}
  names = {path.name for path in whole.shards}
  assert contents(folder).keys() == names | {
    f"{NAME}_train.json",
    f"{NAME}_train.report.json",
  }
  assert not [path for path in folder.iterdir() if path.is_dir()]


def test_the_order_is_the_permutation_of_the_seed(listed, whole, tmp_path):
  def ids(shards):
    return [each["image/id"] for each in features(shards)]

  order = listed.images.shuffled(1).ids.tolist()
  kept = set(ids(whole.shards))
  assert ids(whole.shards) == [each for each in order if each in kept]
  other = convert(request(tmp_path, listed, seed=2))
  assert ids(other.shards) != ids(whole.shards)
  assert set(ids(other.shards)) == kept


def test_processes_write_the_same_bytes(listed, whole, tmp_path):
  done, started = [], []
  runner = LocalRunner(num_workers=2)
  convert(
    request(tmp_path, listed),
    runner,
    lambda *counts: started.append(counts),
    done.append,
  )
  assert contents(tmp_path) == contents(whole.shards[0].parent)
  assert started == [(len(listed.images), 0)]
  assert sum(done) == len(listed.images)


def test_larger_images_are_reduced(tree, listed, tmp_path):
  converted = convert(request(tmp_path, listed, shorter_side=50))
  sizes = set()
  for record in features(converted.shards):
    original = decoded((tree.root / record["image/path"].decode()).read_bytes())
    height, width = record["image/height"], record["image/width"]
    assert min(height, width) == min(50, *original.size)
    shape = tf.io.decode_jpeg(record["image/encoded"]).shape
    assert shape == (height, width, 3)
    ratio = original.width / original.height
    assert width / height == pytest.approx(ratio, abs=0.03)
    sizes.add(min(original.size))
  assert min(sizes) < 50 < max(sizes)
  assert converted.summary["shorter_side"] == 50


def file_list(root, contents_by_name, label=0):
  """Files of a folder as a list; None lists a file without writing it."""
  root.mkdir(exist_ok=True)
  for name, content in contents_by_name.items():
    if content is not None:
      (root / name).write_bytes(content)
  count = len(contents_by_name)
  images = ImageList(
    BytesColumn.of(os.fsencode(name) for name in contents_by_name),
    labels=np.full(count, label),
    clean_labels=np.full(count, -1),
    ids=np.arange(count),
  )
  return ListedImages(images, FileReader(str(root)), ("only",), "files")


def refused(folder, listed, words, **settings):
  settings = {"num_shards": None} | settings
  with pytest.raises(UserError, match=words) as caught:
    convert(request(folder, listed, **settings))
  assert "\n" not in str(caught.value)
  assert not folder.exists()


def test_a_set_without_a_usable_image_leaves_nothing(tmp_path):
  files = file_list(tmp_path / "in", {"a": b"text", "b": b"text", "c": b""})
  refused(
    tmp_path / "out",
    files,
    r"got none \(2 not an image, 1 empty file\); correct the folder",
  )


def test_a_wrong_folder_is_reported_before_the_work(tmp_path):
  files = file_list(tmp_path / "in", {f"{i}.jpg": None for i in range(100)})
  refused(
    tmp_path / "out", files, r"got none of 64 looked for \(such as 0.jpg\)"
  )


def test_a_folder_that_vanishes_is_reported(tmp_path, listed):
  """An unmounted disk must not become a set of skipped images."""
  names = {f"{i:03}.jpg": None for i in range(100)}
  files = file_list(tmp_path / "in", names | {"000.jpg": b"text"})
  with pytest.raises(UserError, match=r"got none of 50 \(such as 0"):
    convert(request(tmp_path / "out", files, num_shards=2))


@pytest.mark.parametrize(
  ("settings", "words"),
  [
    ({"num_shards": 5}, "num_shards: expected 1 to 3 for 3 records, got 5"),
    ({"num_shards": 100_000}, "at most 99999, got 100000"),
  ],
)
def test_bad_numbers_of_shards(tmp_path, settings, words):
  files = file_list(tmp_path / "in", dict.fromkeys("abc", b"x"))
  refused(tmp_path / "out", files, words, **settings)


def test_bad_lists_and_names(tmp_path):
  files = file_list(tmp_path / "in", {"a": b"x"}, label=1)
  refused(tmp_path / "out", files, "labels between 0 and 0, got 1")
  files = file_list(tmp_path / "in", {})
  refused(
    tmp_path / "out", files, "at least one image of webvision_google_train"
  )
  files = file_list(tmp_path / "in", {"a": b"x"})
  named = dataclasses.replace(files, class_names=("a\x1b[31m",))
  refused(tmp_path / "out", named, r"control characters, got 'a\\x1b\[31m'")
  bad = ConversionRequest(tmp_path / "out", "../x", "train", files)
  with pytest.raises(UserError, match=r"dataset_name: .*, got '\.\./x'"):
    convert(bad)


def test_a_shard_takes_about_1250_images(listed):
  rng = np.arange(6000)
  many = dataclasses.replace(
    listed, images=listed.images.take(rng % len(listed.images))
  )
  plan = conversion.conversion_plan(
    ConversionRequest("out", NAME, "train", many)
  )
  assert plan.num_shards == 5
  assert [len(plan.rows(index)) for index in range(5)] == [1200] * 5
  assert plan.rows(4) == range(4800, 6000)
  assert isinstance(plan, ConversionPlan)


def test_damaged_data_is_skipped_in_every_form(tree, listed, tmp_path):
  (damaged,) = tree.damaged
  for number, options in enumerate(
    ({}, {"shorter_side": 20}, {"square_side": 16})
  ):
    out = tmp_path / str(number)
    counts = convert(request(out, listed, **options)).summary["images"]
    assert counts["skipped"]["damaged JPEG data"] == 1, options
    report = json.loads((out / f"{NAME}_train.report.json").read_text())
    assert [damaged, "damaged JPEG data"] in report["skipped_images"]


def test_without_decoding_such_an_image_is_kept(tree, listed, tmp_path, whole):
  (damaged,) = tree.damaged
  trusting = convert(request(tmp_path, listed, decode=False))
  records = {
    each["image/path"].decode(): each["image/encoded"]
    for each in features(trusting.shards)
  }
  assert records[damaged] == (tree.root / damaged).read_bytes()
  assert len(records) == 23 and not trusting.summary["decode"]
  # All others are the same.
  for each in features(whole.shards):
    assert records[each["image/path"].decode()] == each["image/encoded"]


def test_a_set_of_an_older_version_was_not_decoded(listed, tmp_path):
  convert(request(tmp_path, listed, decode=False))
  path = tmp_path / f"{NAME}_train.json"
  summary = json.loads(path.read_text())
  for option in ("decode", "exif_orientation", "store"):
    del summary[option]
  path.write_text(json.dumps(summary))
  assert convert(request(tmp_path, listed, decode=False)).summary == summary
  with pytest.raises(UserError, match="got a set with different decode;"):
    convert(request(tmp_path, listed))


def test_pictures_are_turned_in_records_where_asked_for(tmp_path):
  exif = Image.Exif()
  exif[0x0112] = 6
  (tmp_path / "a.jpg").write_bytes(jpeg(exif=exif))
  (tmp_path / "b.jpg").write_bytes(jpeg())
  images = ImageList(
    BytesColumn.of([b"a.jpg", b"b.jpg"]), *np.zeros((3, 2), np.int64)
  )
  files = ListedImages(images, FileReader(str(tmp_path)), ("one",), "two")
  for turned in (False, True):
    converted = convert(
      ConversionRequest(
        tmp_path / f"{turned}", "two", "train", files, exif_orientation=turned
      )
    )
    repaired = {"rotated JPEG": 1} if turned else {}
    assert converted.summary["images"]["repaired"] == repaired
    shapes = {
      each["image/path"]: (each["image/height"], each["image/width"])
      for each in features(converted.shards)
    }
    assert shapes == {
      b"a.jpg": (64, 48) if turned else (48, 64),
      b"b.jpg": (48, 64),
    }
