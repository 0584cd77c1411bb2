"""Lists and tables of images: a right value or one line."""

import re

import numpy as np
import pytest
from clothing_and_food_trees import write_clothing1m, write_food101n
from fuzzing import Reader
from imagenet_trees import SHOWN, write_devkit
from noisy_set_trees import write_cnwl, write_tiny_imagenet
from webvision_tree import write_webvision_tree

from mentornet_tf.datasets.labels.clean_labels import KNOWN_WRONG
from mentornet_tf.datasets.labels.noise import load_transition_matrix
from mentornet_tf.datasets.trees.class_order import read_class_names
from mentornet_tf.datasets.trees.clothing1m import load_clothing1m
from mentornet_tf.datasets.trees.cnwl import load_cnwl
from mentornet_tf.datasets.trees.food101n import load_food101n
from mentornet_tf.datasets.trees.imagenet_ground_truth import read_ground_truth
from mentornet_tf.datasets.trees.tables import read_image_table
from mentornet_tf.datasets.trees.tiny_imagenet import load_tiny_imagenet
from mentornet_tf.datasets.trees.webvision import load_webvision
from mentornet_tf.datasets.trees.wordnet_classes import read_synsets


def listed_images(path, listed):
  """Labels are classes, and paths stay below the folder."""
  check_images(path, listed.images, listed.num_classes)
  lines = path.read_bytes().count(b"\n") + path.read_bytes().count(b"\r") + 1
  if path.name.endswith(("key_list.txt", "filelist_google.txt")):
    assert len(listed.images) <= lines


def check_images(_, images, num_classes):
  count = len(images)
  for column in (images.labels, images.clean_labels, images.ids):
    assert column.dtype == np.int64
    assert column.shape == (count,)
  assert ((images.labels >= 0) & (images.labels < num_classes)).all()
  clean = images.clean_labels
  assert ((clean >= KNOWN_WRONG) & (clean < num_classes)).all()
  assert len(set(images.ids.tolist())) == count
  for path in images.paths:
    assert not path.startswith(b"/")
    assert b".." not in path.split(b"/")
    assert b"\0" not in path


def labelled_files(path, files):
  check_images(path, files.images, len(files.class_names))
  text = path.read_bytes()
  encoding = "utf-16" if text[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
  words = text.decode(encoding).replace("\\", "/")
  # Every path is in the file, but for "." and "//" in it.
  for each in files.images.paths:
    assert all(part in words for part in each.decode().split("/"))


def names_in_order(path, names):
  lines = path.read_bytes().decode("utf-8-sig").splitlines()
  assert list(names) == [line.strip() for line in lines if line.strip()]


def synsets_in_order(path, classes):
  text = path.read_text(encoding="utf-8", errors="backslashreplace")
  assert list(classes.wordnet_ids) == [line[:9] for line in text.splitlines()]


def ground_truth(path, truth):
  assert all(
    re.fullmatch(r"n\d{8}", each)
    for each in (*truth.in_order, *truth.by_name.values())
  )
  lines = path.read_bytes().decode("utf-8-sig").splitlines()
  words = [line.split() for line in lines if line.strip()]
  assert len(truth.in_order) in (0, len(words))
  if truth.in_order and words[0][0].startswith("n"):
    assert [each for (each,) in words] == list(truth.in_order)


def rows_of_shares(_, matrix):
  assert matrix.shape == (2, 2)
  assert (matrix >= 0).all()
  np.testing.assert_allclose(matrix.sum(axis=1), 1)


def single(name, content, read, check) -> Reader:
  return Reader(
    name,
    lambda folder: (folder / name).write_text(content, encoding="utf-8"),
    read,
    check,
  )


def in_tree(file_name, write, load, check=listed_images) -> Reader:
  """A reader of a tree, of which one file is damaged."""
  depth = file_name.count("/")
  return Reader(file_name, write, lambda path: load(path.parents[depth]), check)


def webvision_tree(folder):
  write_webvision_tree(
    folder / "w", num_classes=2, train_per_class=2, side=16, defects=False
  )


READERS = {
  "table": single(
    "x.csv",
    "path,label\na.png,0\nb.png,1\nc.png,1\n",
    read_image_table,
    labelled_files,
  ),
  "table of all columns": single(
    "x.tsv",
    "path\tlabel\tclean_label\tknown_wrong\tsplit\tnote\n"
    'a.png\temu\temu\t\ttrain\t"one ""a"""\n'
    "b.png\towl\t\t1\ttrain\t\nc.png\towl\temu\t1\tval\t\n",
    read_image_table,
    labelled_files,
  ),
  "plain list": single(
    "x.txt",
    "a b.png 0\nc.png 1\nd.png\t1\n",
    read_image_table,
    labelled_files,
  ),
  "class names": single(
    "x.txt", "emu\nowl\ngreat auk\n", read_class_names, names_in_order
  ),
  "synsets": single(
    "synsets.txt",
    "n01440764 tench, Tinca tinca\nn01443537 goldfish\n",
    read_synsets,
    synsets_in_order,
  ),
  "matrix": single(
    "x.csv",
    "0.75,0.25\n0.5,0.5\n",
    lambda path: load_transition_matrix(path, 2),
    rows_of_shares,
  ),
  "ids of ILSVRC2012": Reader(
    "d/data/ILSVRC2012_validation_ground_truth.txt",
    lambda folder: write_devkit(folder / "d"),
    read_ground_truth,
    ground_truth,
  ),
  "WordNet ids": single(
    "x.txt", "\n".join(SHOWN) + "\n", read_ground_truth, ground_truth
  ),
  "Kaggle's list": single(
    "x.csv",
    "ImageId,PredictionString\nval_1,n01000000 1 2 3 4\nval_2,n02000000\n",
    read_ground_truth,
    ground_truth,
  ),
  "WebVision": in_tree(
    "w/info/train_filelist_google.txt",
    webvision_tree,
    lambda folder: load_webvision(folder / "w", "train", "google"),
  ),
  "WebVision, validation": in_tree(
    "w/info/val_filelist.txt",
    webvision_tree,
    lambda folder: load_webvision(folder / "w", "val", "google"),
  ),
  **{
    f"Clothing1M, {name}": in_tree(
      f"c/annotations/{name}",
      lambda folder: write_clothing1m(folder / "c"),
      lambda folder: load_clothing1m(folder / "c", "train"),
    )
    for name in (
      "noisy_train_key_list.txt",
      "noisy_label_kv.txt",
      "clean_label_kv.txt",
    )
  },
  **{
    f"Food-101N, {name}": in_tree(
      f"f/meta/{name}",
      lambda folder: write_food101n(folder / "f"),
      lambda folder: load_food101n(folder / "f", "train"),
    )
    for name in ("imagelist.tsv", "classes.txt", "verified_train.tsv")
  },
  "CNWL": in_tree(
    "n/mini-imagenet/split/red_noise_nl_0.4",
    lambda folder: write_cnwl(folder / "n"),
    lambda folder: load_cnwl(folder / "n", "train"),
  ),
  "CNWL, annotations": in_tree(
    "n/mini-imagenet-annotations.json",
    lambda folder: write_cnwl(folder / "n"),
    lambda folder: load_cnwl(folder / "n", "train"),
  ),
  **{
    f"Tiny-ImageNet, {name}": in_tree(
      f"t/{name}",
      lambda folder: write_tiny_imagenet(folder / "t"),
      lambda folder: load_tiny_imagenet(folder / "t", "val"),
    )
    for name in ("wnids.txt", "words.txt", "val/val_annotations.txt")
  },
}


@pytest.mark.parametrize("name", READERS)
def test_damaged_lists(fuzz_few, name):
  fuzz_few(READERS[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_many_damaged_lists(fuzz_many, name):
  assert fuzz_many(READERS[name]).lines
