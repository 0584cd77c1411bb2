"""Trees that can be read in several ways, and the line that refuses each."""

import os

import pytest

from mentornet_tf.datasets.trees.folder_layout import find_layout
from mentornet_tf.errors import UserError


def tree(root, paths):
  """Writes files; "{a,b}/c" stands for several."""
  for path in paths.split():
    head, _, rest = path.partition("{")
    words, _, tail = rest.partition("}")
    for each in words.split(","):
      if "{" in tail:
        tree(root, head + each + tail)
        continue
      file = root / (head + each + tail)
      file.parent.mkdir(parents=True, exist_ok=True)
      file.write_bytes(b"an image" if file.suffix == ".jpg" else b"text")
  return root


@pytest.mark.parametrize(
  ("paths", "classes", "splits", "skipped"),
  [
    ("{a,b}/1.jpg", "a b", {}, ""),
    ("{a,b}/1.jpg {meta,Labels}/x.txt", "a b", {}, "Labels meta"),
    # A class, since it holds images.
    ("{a,labels}/1.jpg", "a labels", {}, ""),
    # Folders for sizes, say, are no classes.
    ("{a,b}/images/1.jpg", "a b", {}, ""),
    ("a/{x,y}/1.jpg b/{x,z}/1.jpg", "a b", {}, ""),
    ("train/{a,b}/1.jpg", "a b", {"train": "train"}, ""),
    # Tiny ImageNet.
    (
      "train/{a,b}/images/1.jpg val/{a,b}/1.jpg words.txt",
      "a b",
      {"train": "train", "val": "val"},
      "",
    ),
    (
      "Train/{a,b}/1.jpg Dev/a/1.jpg info/a.txt lists/x/1.txt",
      "a b",
      {"Dev": "val", "Train": "train"},
      "info lists",
    ),
    (
      "train/{a,b}/1.jpg train/meta/1.txt",
      "a b",
      {"train": "train"},
      "train/meta",
    ),
  ],
)
def test_layouts(tmp_path, paths, classes, splits, skipped):
  layout = find_layout(tree(tmp_path, paths))
  assert layout.classes == tuple(classes.split())
  assert layout.splits == splits
  assert layout.skipped == tuple(skipped.split())


@pytest.mark.parametrize(
  ("paths", "words"),
  [
    # Food-101N.
    (
      "images/{a,b}/1.jpg meta/x.tsv",
      "got images and meta; give .*/images as",
    ),
    (
      "images/{a,b}/1.jpg tools/x.py",
      "got images and tools; give .*/images as",
    ),
    ("only/{a,b}/1.jpg", "got only; give .*/only as"),
    ("out/in/{a,b}/1.jpg", "got out; give .*/out/in as"),
    ("out/{train,val}/{a,b}/1.jpg", "got out; give .*/out as"),
    # As detectors are trained.
    ("images/train/1.jpg labels/train/1.txt", "got images and labels"),
    ("images/{train,val}/1.jpg labels/{train,val}/1.txt", "give .*/images as"),
    (
      "train/images/1.jpg train/labels/1.txt",
      "train, got images and labels",
    ),
    # Splits below the classes, and data sets beside each other.
    ("{a,b}/{train,test}/1.jpg", "above .*, got test and train in .*/a; move"),
    ("{a,b}/{Train,val}/1.jpg", "above .*, got Train and val in .*/a; move"),
    (
      "{one,two}/{a,b}/1.jpg",
      "one and two, which all hold a and b; give one",
    ),
    (
      "{one,two}/images/{a,b}/1.jpg",
      "all hold a and b; .*/one/images, as",
    ),
    ("{train2017,val2017}/{a,b}/1.jpg", "all hold a and b; give .*/train2017"),
    # Files without labels.
    (
      "{train,test}/1.jpg",
      "in each of test and train in .*, got images without",
    ),
    (
      "train/{a,b}/1.jpg test/1.jpg",
      "in .*/test, as in train, got none; make",
    ),
    ("train/{a,b}/1.jpg VAL/x.txt", "in .*/VAL, as in train, got none; make"),
    # One split twice, or none to train on.
    (
      "{train,val,validation}/{a,b}/1.jpg",
      "split val in .*, got val and valid",
    ),
    (
      "{train,Train,test}/{a,b}/1.jpg",
      "split train in .*, got Train and train",
    ),
    ("{val,test}/{a,b}/1.jpg", "no folder train; add it, or give .*/val as"),
    # Splits or classes.
    (
      "train/{a,b}/1.jpg bus/1.jpg",
      "got train with .* beside bus with images",
    ),
    (
      "{train,unlabeled}/{a,b}/1.jpg",
      "beside unlabeled with images; give .*train",
    ),
    ("{bus,train,test}/1.jpg", "got images without"),
  ],
)
def test_trees_that_are_refused(tmp_path, paths, words):
  with pytest.raises(UserError, match=words) as caught:
    find_layout(tree(tmp_path, paths))
  assert str(caught.value).startswith("source_dir: expected ")
  assert "\n" not in str(caught.value)


def test_files_without_a_suffix_are_known_by_their_first_bytes(tmp_path):
  tree(tmp_path, "train/{a,b}/1.jpg")
  (tmp_path / "more").mkdir()
  (tmp_path / "more" / "1").write_bytes(b"text")
  os.mkfifo(tmp_path / "more" / "pipe")
  assert find_layout(tmp_path).skipped == ("more",)
  (tmp_path / "more" / "1").write_bytes(b"\xff\xd8\xff\xe0")
  with pytest.raises(UserError, match="beside more with images"):
    find_layout(tmp_path)
