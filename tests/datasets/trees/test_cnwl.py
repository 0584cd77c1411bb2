import json

import noisy_set_trees
import numpy as np
import pytest
from noisy_set_trees import CHANGED, FROM_IMAGENET, VALIDATION, WEB

from mentornet_tf.datasets.labels.clean_labels import KNOWN_WRONG, UNKNOWN
from mentornet_tf.datasets.trees.cnwl import load_cnwl
from mentornet_tf.datasets.trees.cnwl_annotations import (
  describe_annotations,
  published,
)
from mentornet_tf.datasets.trees.cnwl_tfds import load_cnwl_tfds
from mentornet_tf.datasets.trees.mini_imagenet_classes import WORDNET_IDS
from mentornet_tf.errors import UserError


@pytest.fixture
def root(tmp_path):
  return noisy_set_trees.write_cnwl(tmp_path / "dataset_no_images")


# Name -> label and clean label of the published files.
RED = {name: (label, clean) for name, label, clean in FROM_IMAGENET} | {
  "5922767e5677aef4": (0, KNOWN_WRONG),
  "00aa": (1, 1),
  "00bb": (2, KNOWN_WRONG),
  "00cc": (1, UNKNOWN),
  "00dd": (0, UNKNOWN),
}
BLUE = {
  name: (label, clean) for name, label, clean in (*FROM_IMAGENET, *CHANGED)
}
VAL = {name: (label, label) for name, label in VALIDATION}


def assert_images(found, expected):
  assert len(found.images) == len(expected)
  for row, entry in enumerate(found.images):
    name = entry.path.rpartition(b"/")[2].partition(b".")[0].decode()
    assert (entry.label, entry.clean_label) == expected[name], name
    assert entry.id == row
    assert found.reader.read(entry).startswith(b"\xff\xd8\xff")
  assert found.class_names == WORDNET_IDS


def test_red_noise(root):
  found = load_cnwl(root, "train", "red", "0.4")
  assert_images(found, RED)
  assert [each.path for each in found.images][-5:] == [
    f"noisy_images/{name}.jpg".encode() for name, _, _ in WEB
  ]
  assert found.images[0].path.startswith(b"mini-imagenet/all_images/n01704323")
  assert found.fields["annotations"] == {"contradicting": 1, "unmatched": 1}
  assert found.fields["noise"]["kind"] == "web"
  assert found.fields["noise"]["unknown_true_labels"] == 2


def test_lists_may_begin_with_a_byte_order_mark(root):
  for path in (root / "mini-imagenet" / "split").iterdir():
    path.write_text(path.read_text(), encoding="utf-8-sig")
  path = root / "mini-imagenet-annotations.json"
  path.write_text(path.read_text(), encoding="utf-8-sig")
  assert_images(load_cnwl(root, "train", "red", "0.4"), RED)


def test_blue_noise_has_known_clean_labels(root):
  found = load_cnwl(root, "train", "blue", "0.4")
  assert_images(found, BLUE)
  assert found.fields["noise"] == {
    "kind": "symmetric",
    "measured_rate": 2 / 17,
    "unknown_true_labels": 0,
  }
  assert describe_annotations(found.fields["annotations"]) is None
  assert found.notes == (
    "expected 60,000 images in the train split of Blue Mini-ImageNet with the "
    "noise level 0.4 as published (Jiang et al., ICML 2020, as TensorFlow "
    "Datasets counts them), got 17",
    "expected 40.0 % of the checked labels of the train split of Blue "
    "Mini-ImageNet with the noise level 0.4 to be noisy as published (Jiang et "
    "al., ICML 2020, as TensorFlow Datasets counts them), got 11.8 %",
  )


def test_validation(root):
  found = load_cnwl(root, "val")
  assert_images(found, VAL)
  assert found.fields["noise"]["measured_rate"] == 0
  (note,) = found.notes
  assert note.startswith("expected 5,000 images in the val split of Red")


@pytest.mark.parametrize(
  ("color", "level", "count"),
  [
    ("red", "0.0", 50_000),
    ("red", "0.3", 49_985),
    ("red", "0.8", 50_008),
    ("blue", "0.8", 60_000),
  ],
)
def test_published_numbers(color, level, count):
  known = published(color, level)
  assert known.differences("train", count, float(level)) == ()
  assert known.differences("val", 5_000, 0.0) == ()


def test_lists_in_other_places(root):
  parent = root.parent
  assert_images(load_cnwl(parent, "train"), RED)
  inner = root / "mini-imagenet"
  (root / "mini-imagenet-annotations.json").rename(
    inner / "mini-imagenet-annotations.json"
  )
  (root / "noisy_images").rename(inner / "all_images" / "web")
  assert_images(load_cnwl(inner, "train"), RED)


def test_images_that_are_missing_keep_their_place(root):
  (root / "noisy_images" / "00bb.jpg").unlink()
  found = load_cnwl(root, "train")
  assert found.images[17].path == b"noisy_images/00bb.jpg"
  assert found.images[17].clean_label == KNOWN_WRONG


def test_entries_that_contradict_each_other_tell_nothing(root):
  path = root / "mini-imagenet-annotations.json"
  content = json.loads(path.read_text())
  content["data"][0].append(
    content["data"][0][0] | {"image/class/label/is_clean": 1}
  )
  path.write_text(json.dumps(content))
  found = load_cnwl(root, "train")
  assert found.images[15].clean_label == UNKNOWN
  counts = found.fields["annotations"]
  assert counts == {"contradicting": 2, "unmatched": 1}
  assert describe_annotations(counts) == (
    "the clean labels of 3 images are unknown: 1 have no annotation, "
    "2 one for another label"
  )


def message(root, *arguments, **options):
  with pytest.raises(UserError) as caught:
    load_cnwl(root, *arguments, **options)
  assert "\n" not in str(caught.value)
  return str(caught.value)


def test_mistakes_are_one_line(root, tmp_path):
  assert message(root, "test").startswith("split: expected one of train, val")
  level = message(root, "train", "red", "0.45")
  assert level.startswith("noise_level: expected one of 0.0, ")
  assert "split/red_noise_nl_0.8" in message(root, "train", "red", "0.8")
  assert message(root, "train", "green").startswith("color: expected one of")
  cars = message(root, "train", subset="stanford-cars")
  assert "stanford-cars/split/red_noise_nl_0.4" in cars
  listed = root / "mini-imagenet" / "split" / "red_noise_nl_0.4"
  for line in ("a.jpg", "a.jpg 100", "a.jpg -1", "../a.jpg 1", "a.jpg x"):
    listed.write_text(f"b.jpg 1\n{line}\n")
    assert "red_noise_nl_0.4: line 2: expected a file" in message(root, "train")
  listed.write_bytes(b"\xff\xfe")
  assert "got other bytes" in message(root, "train")


@pytest.mark.parametrize(
  "content",
  [
    "",
    "[]",
    '{"data": 3}',
    '{"data": [[{}]]}',
    '{"data": [[3]]}',
    '{"data": [[{"image/id": "a"}]]}',
    "[" * 100_000,
    "\udcff",
  ],
)
def test_annotations_of_another_form(root, content):
  path = root / "mini-imagenet-annotations.json"
  path.write_bytes(content.encode(errors="surrogateescape"))
  assert "annotations.json: expected JSON" in message(root, "train")


def test_annotations_are_needed(root):
  (root / "mini-imagenet-annotations.json").unlink()
  assert "expected the annotations mini-imagenet-ann" in message(root, "train")


@pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
def test_prepared_by_tensorflow_datasets(tmp_path, file_format):
  folder = noisy_set_trees.write_cnwl_tfds(tmp_path, file_format)
  # There every image from the web counts as noisy.
  web = {name: (label, KNOWN_WRONG) for name, label, _ in WEB}
  red = load_cnwl_tfds(folder, "train", "red", "0.4")
  assert_images(red, RED | web)
  assert red.fields["noise"]["unknown_true_labels"] == 0
  assert_images(load_cnwl_tfds(folder, "train", "blue", "0.4"), BLUE)
  assert_images(load_cnwl_tfds(folder, "val", "red"), VAL)
  names = [each.path for each in red.images]
  np.testing.assert_array_equal(names, sorted(names))
  with pytest.raises(UserError, match="with its train_80 split"):
    load_cnwl_tfds(folder, "train", "red", "0.8")
  with pytest.raises(UserError, match=r"^tfds_data_dir: .*mini_imagenet_red"):
    load_cnwl_tfds(folder / "files", "train")
