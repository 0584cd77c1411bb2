from dataclasses import replace

import numpy as np
import pytest
from image_files import picture, write_birds

from mentornet_tf.datasets.images.listing import FileReader
from mentornet_tf.datasets.labels.clean_labels import KNOWN_WRONG
from mentornet_tf.datasets.labels.label_noise import LabelNoise
from mentornet_tf.datasets.labels.noise import corrupt_labels
from mentornet_tf.datasets.records.schema import load_in_memory, read_tfrecords
from mentornet_tf.datasets.trees.folders import (
  LabeledFiles,
  find_image_folders,
  image_list,
)
from mentornet_tf.datasets.trees.splits import (
  describe_clean_labels,
  records_name,
  split_own_images,
  stratified_test,
)
from mentornet_tf.datasets.trees.tables import read_image_table
from mentornet_tf.datasets.writing.conversion import ConversionRequest, convert
from mentornet_tf.errors import UserError


def labelled_files(counts=(10, 30, 5), splits=None, clean=None):
  labels = np.repeat(np.arange(len(counts)), counts).tolist()
  images = image_list([b"%d.jpg" % row for row in range(len(labels))], labels)
  if clean is not None:
    images.clean_labels[:] = clean
  names = tuple("abcdef"[: len(counts)])
  reader = FileReader("/images")
  dropped = ((b"README", "not in a class folder"),)
  return LabeledFiles(images, splits, names, reader, "files", "paths", dropped)


def test_without_a_fraction_all_images_are_for_training():
  files = labelled_files()
  (split,) = split_own_images(files, "birds").items()
  name, listed = split
  assert name == "train"
  assert listed.images.labels.tolist() == files.images.labels.tolist()
  assert listed.images.ids.tolist() == list(range(45))
  # Whether labels are right is not known.
  assert set(listed.images.clean_labels.tolist()) == {-1}
  assert listed.fields == {
    "noise": {"kind": "none", "measured_rate": None, "unknown_true_labels": 45},
    "ordering": "paths",
    "test_fraction": None,
  }
  assert listed.class_names == ("a", "b", "c")
  assert listed.dropped == files.dropped


def test_a_share_of_each_class_is_for_testing():
  splits = split_own_images(labelled_files(), "birds", test_fraction=0.2)
  counts = {
    name: np.bincount(listed.images.labels).tolist()
    for name, listed in splits.items()
  }
  assert counts == {"train": [8, 24, 4], "test": [2, 6, 1]}
  ids = [set(listed.images.ids.tolist()) for listed in splits.values()]
  assert ids[0] | ids[1] == set(range(45))
  assert not ids[0] & ids[1]
  assert splits["test"].dropped == ()


def test_the_choice_is_a_function_of_the_seed():
  labels = np.arange(40) % 4
  chosen = [stratified_test(labels, 0.3, seed) for seed in (0, 0, 1)]
  np.testing.assert_array_equal(chosen[0], chosen[1])
  assert (chosen[0] != chosen[2]).any()
  # By PCG64's first eight numbers, which all versions of NumPy share.
  chosen = np.flatnonzero(stratified_test(np.arange(8) % 2, 0.5, 0))
  assert chosen.tolist() == [1, 2, 3, 6]


def test_given_splits_are_kept():
  given = np.full(45, "train")
  given[::9], given[1::9] = "test", "val"
  splits = split_own_images(labelled_files(splits=given), "birds")
  assert list(splits) == ["train", "val", "test"]
  assert splits["test"].images.ids.tolist() == [0, 9, 18, 27, 36]
  assert splits["val"].images.ids.tolist() == [1, 10, 19, 28, 37]
  assert len(splits["train"].images) == 35
  only = labelled_files(splits=np.full(45, "train"))
  assert list(split_own_images(only, "birds")) == ["train"]


def test_given_splits_other_than_training_keep_their_labels():
  given = np.array(["train", "val", "test"] * 15)
  splits = split_own_images(
    labelled_files(splits=given), "birds", LabelNoise("pairflip", rate=1.0)
  )
  for name, listed in splits.items():
    changed = listed.images.labels != listed.images.clean_labels
    assert changed.all() if name == "train" else not changed.any()
    assert listed.fields["noise"]["measured_rate"] == (name == "train")


@pytest.mark.parametrize("kind", ["symmetric", "pairflip"])
def test_noise_goes_to_the_training_split(kind):
  noise = LabelNoise(kind, rate=0.5, seed=3)
  files = labelled_files()
  splits = split_own_images(files, "birds", noise, test_fraction=0.2, seed=3)
  train, test = splits["train"].images, splits["test"].images
  for images in (train, test):
    np.testing.assert_array_equal(
      images.clean_labels, files.images.labels[images.ids]
    )
  np.testing.assert_array_equal(
    train.labels, corrupt_labels(train.clean_labels, 3, kind, 0.5, 3)
  )
  np.testing.assert_array_equal(test.labels, test.clean_labels)
  assert splits["train"].fields["noise"] == {
    "kind": kind,
    "rate": 0.5,
    "seed": 3,
    "measured_rate": np.mean(train.labels != train.clean_labels),
    "unknown_true_labels": 0,
  }
  assert splits["test"].fields["noise"] == {
    "kind": "none",
    "measured_rate": 0.0,
    "unknown_true_labels": 0,
  }
  # The files are as they were.
  assert set(files.images.clean_labels.tolist()) == {-1}


def test_noise_by_a_matrix(tmp_path):
  np.save(tmp_path / "matrix.npy", np.eye(3)[[1, 2, 0]])
  noise = LabelNoise("matrix", matrix=tmp_path / "matrix.npy")
  images = split_own_images(labelled_files(), "birds", noise)["train"].images
  np.testing.assert_array_equal(images.labels, (images.clean_labels + 1) % 3)


def test_clean_labels_that_are_given_are_kept():
  clean = np.arange(45) % 3
  listed = split_own_images(labelled_files(clean=clean), "birds")["train"]
  assert listed.images.clean_labels.tolist() == clean.tolist()
  rate = np.mean(listed.images.labels != clean)
  assert listed.fields["noise"] == {
    "kind": "none",
    "measured_rate": rate,
    "unknown_true_labels": 0,
  }


@pytest.mark.parametrize(
  ("clean", "line"),
  [
    ([-1] * 45, None),
    (
      [0] * 12 + [-1] * 33,
      "clean labels of 12 of 45 listed images, 16.7 % of them unlike the label",
    ),
    (
      [0] * 9 + [3] + [-1] * 35,
      "clean labels of 10 of 45 listed images, 10.0 % of them unlike the label"
      "; no image has the label d: check the column clean_label",
    ),
    # Of 15 that were checked, 2 have another class and 3 are wrong at least.
    (
      [0] * 10 + [KNOWN_WRONG] * 3 + [-1] * 30 + [1] * 2,
      "clean labels of 15 of 45 listed images, 33.3 % of them unlike the label "
      "(3 known to be wrong only)",
    ),
    (
      [KNOWN_WRONG] * 45,
      "clean labels of 45 of 45 listed images, 100.0 % of them unlike the "
      "label (45 known to be wrong only)",
    ),
  ],
)
def test_clean_labels_are_described(clean, line):
  files = labelled_files(counts=(10, 30, 5, 0), clean=clean)
  listed = split_own_images(files, "birds")["train"]
  assert describe_clean_labels(listed) == line


def test_clean_labels_that_are_not_given_are_counted():
  clean = np.where(np.arange(45) < 10, 0, -1)
  listed = split_own_images(labelled_files(clean=clean), "birds")["train"]
  noise = listed.fields["noise"]
  assert noise["unknown_true_labels"] == 35
  assert noise["measured_rate"] == np.mean(listed.images.labels[:10] != 0)


def test_a_source_may_add_to_the_summary():
  files = replace(labelled_files(), fields={"annotations": {"ties": 1}})
  splits = split_own_images(files, "birds", test_fraction=0.2)
  for listed in splits.values():
    assert listed.fields["annotations"] == {"ties": 1}
    assert listed.fields["ordering"] == "paths"


@pytest.mark.parametrize("kind", ["symmetric", "pairflip"])
def test_noise_needs_images_of_every_class(kind, tmp_path):
  files = labelled_files(counts=(10, 0, 5))
  with pytest.raises(UserError, match=r"^noise: .* 1 of 3 classes .* as b\)"):
    split_own_images(files, "birds", LabelNoise(kind))
  # All images of the last class are for testing.
  given = np.array(["train"] * 40 + ["test"] * 5)
  with pytest.raises(UserError, match=r"^noise: .* 1 of 3 classes .* as c\)"):
    split_own_images(labelled_files(splits=given), "birds", LabelNoise(kind))
  np.save(tmp_path / "matrix.npy", np.eye(3)[[2, 1, 0]])
  noise = LabelNoise("matrix", matrix=tmp_path / "matrix.npy")
  (listed,) = split_own_images(files, "birds", noise).values()
  assert listed.images.labels.tolist() == [2] * 10 + [0] * 5


@pytest.mark.parametrize(
  ("files", "settings", "words"),
  [
    ({}, {"test_fraction": 0.01}, "one test image of 45, got none with 0.01"),
    ({}, {"test_fraction": 1.0}, "one image for training, got test images"),
    (
      {"splits": np.array(["train", "val", "train"] * 15)},
      {"test_fraction": 0.2},
      "^test_fraction: expected none .* splits, train, val, got 0.2",
    ),
    ({"splits": np.full(45, "test")}, {}, "got test images only"),
    (
      {"clean": KNOWN_WRONG},
      {"noise": LabelNoise("symmetric")},
      "^noise: expected none where clean labels are given",
    ),
    (
      {"clean": 0},
      {"noise": LabelNoise("symmetric")},
      "^noise: expected none where clean labels",
    ),
    ({}, {"noise": LabelNoise("instance")}, "got 'instance'"),
  ],
)
def test_settings_that_cannot_be_used(files, settings, words):
  with pytest.raises(UserError, match=words) as caught:
    split_own_images(labelled_files(**files), "birds", **settings)
  assert "\n" not in str(caught.value)


def test_names_of_records(tmp_path, monkeypatch):
  (tmp_path / "birds" / "code").mkdir(parents=True)
  monkeypatch.chdir(tmp_path / "birds" / "code")
  assert records_name(None, "..") == "birds"
  assert records_name(None, ".") == "code"
  assert records_name(None, "/images/Birds_2.0/") == "Birds_2.0"
  for table in ("birds.csv", "birds.tsv", "birds.txt", "birds.lst"):
    assert records_name(None, f"tables/{table}") == "birds"
  assert records_name("owls", "/images/birds") == "owls"
  with pytest.raises(UserError, match=r"^dataset_name: .* got none"):
    records_name(None, None)


@pytest.fixture
def birds(tmp_path):
  return write_birds(tmp_path / "birds")


def converted(output_dir, splits, **settings):
  return {
    split: convert(
      ConversionRequest(output_dir, "birds", split, listed, **settings)
    )
    for split, listed in splits.items()
  }


def test_folders_become_records(birds, tmp_path):
  splits = split_own_images(find_image_folders(birds), "birds")
  written = converted(tmp_path / "out", splits)
  assert written["train"].summary["images"] == {
    "listed": 22,
    "kept": 20,
    "repaired": {"CMYK JPEG": 1},
    "skipped": {"not an image": 1, "truncated JPEG": 1},
  }
  records = list(read_tfrecords(tmp_path / "out", "birds", "train"))
  assert sorted(int(each["label"]) for each in records) == [0] * 10 + [1] * 10
  assert {int(each["clean_label"]) for each in records} == {-1}
  sizes = sorted(each["image"].shape[0] for each in records)
  # The CMYK picture is 48 pixels high.
  assert sizes == sorted([*range(40, 50), *range(40, 43), *range(44, 50), 48])


def test_a_table_becomes_records(birds, tmp_path):
  (tmp_path / "list.csv").write_text(
    "path,label,clean_label,split\n"
    "emu/1.jpg,owl,emu,train\n"
    "owl/1.jpg,owl,owl,train\n"
    "owl/2.jpg,owl,owl,test\n"
    "owl/none.jpg,owl,owl,test\n"
  )
  files = read_image_table(tmp_path / "list.csv", birds)
  written = converted(tmp_path / "out", split_own_images(files, "birds"))
  found = {
    split: {
      int(each["id"]): (int(each["label"]), int(each["clean_label"]))
      for each in read_tfrecords(tmp_path / "out", "birds", split)
    }
    for split in ("train", "test")
  }
  assert found == {"train": {0: (1, 0), 1: (1, 1)}, "test": {2: (1, 1)}}
  skipped = written["test"].summary["images"]["skipped"]
  assert skipped == {"missing file": 1}


def test_squares_load_in_memory(birds, tmp_path):
  splits = split_own_images(find_image_folders(birds), "birds")
  converted(tmp_path / "out", splits, square_side=24)
  loaded = load_in_memory(tmp_path / "out", "birds", "train")
  assert loaded.images.shape == (20, 24, 24, 3)
  # The middle of a picture, reduced.
  expected = np.asarray(picture(24, 32))[:, 4:28].astype(int)
  assert np.abs(loaded.images - expected).max() <= 12


def test_squares_and_a_shorter_side_contradict_each_other(birds, tmp_path):
  splits = split_own_images(find_image_folders(birds), "birds")
  with pytest.raises(
    UserError, match=r"^shorter_side, .*, got 20 and 24; leave"
  ):
    converted(tmp_path / "out", splits, square_side=24, shorter_side=20)
