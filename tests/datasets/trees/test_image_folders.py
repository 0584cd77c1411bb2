import os

import numpy as np
import pytest

from mentornet_tf.datasets.trees.folders import find_image_folders
from mentornet_tf.errors import UserError


def write_files(root, *paths):
  for path in paths:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(path.encode())
  return root


def listed(files):
  return list(
    zip(files.images.paths, files.images.labels.tolist(), strict=True)
  )


def test_classes_are_the_folders_in_sorted_order(tmp_path):
  write_files(
    tmp_path,
    "owl/2.jpg",
    "owl/10.jpg",
    "cat/deep/er/1.png",
    "cat/b.jpg",
    "Emu/1.gif",
    ".git/1.jpg",
    "cat/.hidden.jpg",
    "cat/.thumbs/1.jpg",
    ".DS_Store",
    "README",
  )
  files = find_image_folders(tmp_path)
  assert files.class_names == ("Emu", "cat", "owl")
  assert listed(files) == [
    (b"Emu/1.gif", 0),
    (b"cat/b.jpg", 1),
    (b"cat/deep/er/1.png", 1),
    (b"owl/10.jpg", 2),
    (b"owl/2.jpg", 2),
  ]
  assert files.images.ids.tolist() == [0, 1, 2, 3, 4]
  assert files.images.clean_labels.tolist() == [-1] * 5
  assert files.splits is None
  assert files.dropped == ((b"README", "not in a class folder"),)
  assert files.reader.read(files.images[2]) == b"cat/deep/er/1.png"


@pytest.mark.parametrize("test_folder", ["test", "val"])
def test_given_splits(tmp_path, test_folder):
  write_files(
    tmp_path,
    "train/cat/1.jpg",
    "train/dog/2.jpg",
    f"{test_folder}/dog/3.jpg",
    f"{test_folder}/list.txt",
  )
  files = find_image_folders(tmp_path)
  assert files.class_names == ("cat", "dog")
  pairs = dict(zip(listed(files), files.splits.tolist(), strict=True))
  assert pairs == {
    (b"train/cat/1.jpg", 0): "train",
    (b"train/dog/2.jpg", 1): "train",
    (f"{test_folder}/dog/3.jpg".encode(), 1): test_folder,
  }
  np.testing.assert_array_equal(np.sort(files.images.ids), [0, 1, 2])
  assert files.dropped == (
    (f"{test_folder}/list.txt".encode(), "not in a class folder"),
  )


def test_a_train_folder_alone_says_nothing_of_test_images(tmp_path):
  write_files(tmp_path, "train/cat/1.jpg", "train/dog/2.jpg")
  files = find_image_folders(tmp_path)
  assert listed(files) == [(b"train/cat/1.jpg", 0), (b"train/dog/2.jpg", 1)]
  assert files.splits is None


def test_a_class_may_be_called_train(tmp_path):
  write_files(tmp_path, "train/1.jpg", "bus/1.jpg", "test/1.jpg")
  files = find_image_folders(tmp_path)
  assert files.class_names == ("bus", "test", "train")
  assert files.splits is None


def test_links_are_followed_but_not_in_circles(tmp_path):
  write_files(tmp_path / "store", "cats/1.jpg")
  root = write_files(tmp_path / "root", "dog/1.jpg")
  (root / "cat").symlink_to(tmp_path / "store" / "cats")
  (root / "dog" / "again").symlink_to(root)
  (root / "dog" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
  files = find_image_folders(root)
  assert listed(files) == [
    (b"cat/1.jpg", 0),
    (b"dog/1.jpg", 1),
    (b"dog/gone.jpg", 1),
  ]


def test_names_that_are_no_text_are_kept(tmp_path):
  write_files(tmp_path, "cat/1.jpg")
  folder = os.fsencode(tmp_path) + b"/d\xf6g"
  os.mkdir(folder)
  with open(folder + b"/\xff.jpg", "wb") as file:
    file.write(b"a dog")
  files = find_image_folders(tmp_path)
  assert files.class_names == ("cat", "d\\xf6g")
  assert listed(files)[1] == (b"d\xf6g/\xff.jpg", 1)
  assert files.reader.read(files.images[1]) == b"a dog"


@pytest.mark.parametrize(
  ("paths", "words"),
  [
    ((), "two or more classes .*, got 0"),
    (("1.jpg", "2.jpg"), "two or more classes .*, got 0"),
    (("cat/1.jpg",), "two or more classes .*, got 1"),
    (("cat/1.jpg", "dog/.hidden"), "images of every class, got none in .*dog"),
    (("train/cat/1.jpg", "test/cat/1.jpg"), "in .*train, got 1"),
    (
      ("train/a/1", "train/b/1", "test/c/1"),
      "classes of the training images in .*test, got another one, c",
    ),
    (
      ("train/a/1", "train/b/1", "test/a/1", "val/a/1"),
      "one folder of test images in .*, got test and val",
    ),
  ],
)
def test_folders_that_cannot_be_used(tmp_path, paths, words):
  write_files(tmp_path, *paths)
  with pytest.raises(UserError, match=words) as caught:
    find_image_folders(tmp_path)
  assert "\n" not in str(caught.value)


def test_a_missing_folder(tmp_path):
  with pytest.raises(UserError, match=r"^source_dir: .* no such folder"):
    find_image_folders(tmp_path / "birds")
