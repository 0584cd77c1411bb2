import os

import noisy_set_trees
import numpy as np
import pytest
from noisy_set_trees import TINY_CLASSES, TINY_VAL

from mentornet_tf.datasets.labels.label_noise import LabelNoise
from mentornet_tf.datasets.labels.noise import corrupt_labels
from mentornet_tf.datasets.trees.tiny_imagenet import load_tiny_imagenet
from mentornet_tf.errors import UserError


@pytest.fixture
def root(tmp_path):
  return noisy_set_trees.write_tiny_imagenet(tmp_path / "tiny-imagenet-200")


def test_training_images_in_the_order_of_the_ids(root):
  train = load_tiny_imagenet(root, "train")
  labels = np.arange(3).repeat(4)
  np.testing.assert_array_equal(train.images.labels, labels)
  np.testing.assert_array_equal(train.images.clean_labels, labels)
  np.testing.assert_array_equal(train.images.ids, np.arange(12))
  entry = train.images[5]
  assert entry.path == b"train/n01000001/images/n01000001_1.JPEG"
  assert train.reader.read(entry) == noisy_set_trees.image(1, 1)
  # Names as in words.txt; the id where it lacks one.
  assert train.class_names == (
    "cannon",
    "goldfish, Carassius auratus",
    "n02000002",
  )
  assert train.fields["wordnet_ids"] == list(TINY_CLASSES)
  assert train.fields["noise"] == {"kind": "none", "measured_rate": 0.0}
  assert train.notes == (
    "expected 100,000 images in the train split of Tiny-ImageNet as published "
    "(Stanford CS231n), got 12",
  )


def assert_validation(found, order):
  for entry, (name, label) in zip(found.images, order, strict=True):
    assert entry.path.endswith(b"/" + name.encode())
    assert entry.label == entry.clean_label == label
    assert found.reader.read(entry) == noisy_set_trees.image(label, 99)


def test_validation_images_are_labelled_by_their_list(root):
  found = load_tiny_imagenet(root, "val", LabelNoise("symmetric", rate=1.0))
  assert_validation(found, TINY_VAL)
  assert found.fields["noise"]["kind"] == "none"


def test_lists_may_begin_with_a_byte_order_mark(root):
  for path in (root / "wnids.txt", root / "val" / "val_annotations.txt"):
    path.write_text(path.read_text(), encoding="utf-8-sig")
  assert_validation(load_tiny_imagenet(root, "val"), TINY_VAL)


@pytest.mark.parametrize("inner", ["", "images"])
@pytest.mark.parametrize("with_list", [False, True])
def test_validation_images_that_were_sorted_into_folders(
  root, inner, with_list
):
  for name, label in TINY_VAL:
    folder = root / "val" / TINY_CLASSES[label] / inner
    folder.mkdir(parents=True)
    (root / "val" / "images" / name).rename(folder / name)
  order = TINY_VAL
  if not with_list:
    (root / "val" / "val_annotations.txt").unlink()
    order = sorted(TINY_VAL, key=lambda each: each[1])
  assert_validation(load_tiny_imagenet(root, "val"), order)


def test_noise_of_the_training_labels(root):
  noise = LabelNoise("symmetric", rate=0.8, seed=3)
  found = load_tiny_imagenet(root, "train", noise)
  clean = np.arange(3).repeat(4)
  noisy = corrupt_labels(clean, 3, "symmetric", 0.8, 3)
  np.testing.assert_array_equal(found.images.labels, noisy)
  np.testing.assert_array_equal(found.images.clean_labels, clean)
  assert found.fields["noise"] == {
    "kind": "symmetric",
    "rate": 0.8,
    "seed": 3,
    "measured_rate": np.mean(noisy != clean),
  }


def message(root, split="train", *arguments):
  with pytest.raises(UserError) as caught:
    load_tiny_imagenet(root, split, *arguments)
  assert "\n" not in str(caught.value)
  return str(caught.value)


def test_mistakes_are_one_line(root, tmp_path):
  assert message(root, "test").startswith("split: expected one of train, val")
  assert message(tmp_path).startswith("source_dir: expected Tiny-ImageNet's")
  kinds = message(root, "train", LabelNoise("instance", rate=0.2))
  assert kinds.startswith("noise: expected one of none, symmetric")
  (root / "wnids.txt").write_text("n03000003\nn01000001\nn04000004\n")
  assert "none for 1 of 3, such as n04000004" in message(root)
  assert "val_annotations.txt: line 1: expected" in message(root, "val")
  (root / "wnids.txt").write_text("n03000003\nn03000003\n")
  assert "2 lines with 1 different" in message(root)
  (root / "wnids.txt").write_bytes(b"\xff\xfe\x00")
  assert "got other bytes" in message(root)


def test_a_pipe_is_no_list(root):
  (root / "wnids.txt").unlink()
  os.mkfifo(root / "wnids.txt")
  assert "expected a file, got a pipe" in message(root)
