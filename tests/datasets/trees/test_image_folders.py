import os

import numpy as np
import pytest

from mentornet_tf.datasets.trees.folders import find_image_folders
from mentornet_tf.errors import UserError

# Beside splits in the tests.
SKIPPED = ("docs", "helpers", "info")


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


@pytest.mark.parametrize(
  ("names", "words"),
  [
    (["0", "1", "2", "10", "11"], ["11", "2", "10", "0", "1"]),
    (["10", "2", "x"], ["2", "x", "10"]),
  ],
)
def test_numbers_are_ordered_by_value(tmp_path, names, words):
  write_files(tmp_path, *(f"{name}/{name}.jpg" for name in words))
  files = find_image_folders(tmp_path)
  assert files.class_names == tuple(names)
  assert sorted(listed(files), key=lambda pair: pair[1]) == [
    (f"{name}/{name}.jpg".encode(), label) for label, name in enumerate(names)
  ]


def test_given_class_names_fix_the_order(tmp_path):
  write_files(tmp_path, "cat/1.jpg", "dog/2.jpg", "labels/list.txt")
  files = find_image_folders(tmp_path, ("dog", "emu", "cat"))
  assert files.class_names == ("dog", "emu", "cat")
  assert listed(files) == [(b"cat/1.jpg", 2), (b"dog/2.jpg", 0)]
  assert files.notes == (
    "no folder of images for 1 class (emu)",
    "skipped the folder labels, which is neither a split nor a class",
  )
  with pytest.raises(UserError, match=r"^class_names: .* got none .* dog; add"):
    find_image_folders(tmp_path, ("cat", "emu"))


def test_given_class_names_say_what_ambiguous_folders_are(tmp_path):
  write_files(tmp_path, "train/a/1.jpg", "bus/1.jpg", "test/1.jpg")
  files = find_image_folders(tmp_path, ("train", "bus", "test"))
  assert sorted(listed(files)) == [
    (b"bus/1.jpg", 1),
    (b"test/1.jpg", 2),
    (b"train/a/1.jpg", 0),
  ]


def test_names_are_composed(tmp_path):
  write_files(tmp_path, "cat/1.jpg", "e\u0301mu/1.jpg")
  assert find_image_folders(tmp_path).class_names == ("cat", "\u00e9mu")
  given = find_image_folders(tmp_path, ("\u00e9mu", "cat"))
  assert listed(given)[1] == ("e\u0301mu/1.jpg".encode(), 0)
  write_files(tmp_path, "\u00e9mu/2.jpg")
  with pytest.raises(UserError, match="one folder of the class \u00e9mu"):
    find_image_folders(tmp_path)


def test_what_storage_servers_leave_is_skipped_at_any_depth(tmp_path):
  write_files(
    tmp_path,
    "@eaDir/1.jpg",
    "__MACOSX/cat/1.jpg",
    "cat/1.jpg",
    "cat/Thumbs.db",
    "cat/deep/@eaDir/2.jpg/thumb.jpg",
    "cat/deep/2.jpg",
    "dog/desktop.ini",
    "dog/._3.jpg",
    "dog/3.jpg",
    "dog/.thumbnails/3.jpg",
    "lost+found/#7",
    "System Volume Information/x",
    "$RECYCLE.BIN/x",
    "#recycle/x.jpg",
  )
  files = find_image_folders(tmp_path)
  assert files.class_names == ("cat", "dog")
  assert list(files.images.paths) == [
    b"cat/1.jpg",
    b"cat/deep/2.jpg",
    b"dog/3.jpg",
  ]
  reason = "of a storage server"
  assert set(files.dropped) == {
    (path, reason)
    for path in (
      *(b"@eaDir/", b"__MACOSX/", b"lost+found/", b"#recycle/"),
      *(b"System Volume Information/", b"$RECYCLE.BIN/"),
      *(b"cat/Thumbs.db", b"cat/deep/@eaDir/", b"dog/desktop.ini"),
    )
  }


@pytest.mark.parametrize(
  ("train", "val", "test"),
  [
    ("train", "val", "test"),
    ("Train", "VALID", "Test"),
    ("training", "validation", "testing"),
    ("TRAIN", "dev", "test"),
  ],
)
def test_given_splits(tmp_path, train, val, test):
  write_files(
    tmp_path,
    f"{train}/cat/1.jpg",
    f"{train}/dog/2.jpg",
    f"{test}/dog/3.jpg",
    f"{test}/list.txt",
    f"{val}/cat/4.jpg",
    "info/synsets.txt",
    "helpers/tool.py",
    "docs/figure.png",
    "LICENSE",
  )
  files = find_image_folders(tmp_path)
  assert files.class_names == ("cat", "dog")
  pairs = dict(zip(listed(files), files.splits.tolist(), strict=True))
  assert pairs == {
    (f"{train}/cat/1.jpg".encode(), 0): "train",
    (f"{train}/dog/2.jpg".encode(), 1): "train",
    (f"{test}/dog/3.jpg".encode(), 1): "test",
    (f"{val}/cat/4.jpg".encode(), 0): "val",
  }
  np.testing.assert_array_equal(np.sort(files.images.ids), [0, 1, 2, 3])
  assert set(files.dropped) == {
    (path.encode(), "not in a class folder")
    for path in (f"{test}/list.txt", "LICENSE")
  } | {(f"{x}/".encode(), "not a class folder") for x in SKIPPED}
  assert files.notes == tuple(
    f"skipped the folder {name}, which is neither a split nor a class"
    for name in SKIPPED
  )


def test_a_train_folder_alone_says_nothing_of_test_images(tmp_path):
  write_files(tmp_path, "train/cat/1.jpg", "train/dog/2.jpg")
  files = find_image_folders(tmp_path)
  assert listed(files) == [(b"train/cat/1.jpg", 0), (b"train/dog/2.jpg", 1)]
  assert files.splits is None


def test_a_class_may_be_called_train(tmp_path):
  write_files(tmp_path, "train/1.jpg", "bus/1.jpg", "metro/1.jpg")
  files = find_image_folders(tmp_path)
  assert files.class_names == ("bus", "metro", "train")
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
    ((), "two or more classes .*, got no folder"),
    (("1.jpg", "2.jpg"), "two or more classes .*, got no folder"),
    (("cat/1.jpg",), "two or more classes .*, got cat; put"),
    (("cat/1.jpg", "dog/.hidden"), "images of every class, got none in .*dog"),
    (("train/cat/1.jpg", "test/cat/1.jpg"), "in .*train, got cat; put"),
    (
      ("train/a/1", "train/b/1", "test/c/1"),
      "classes of the training images in .*test, got another one, c",
    ),
    (("train/a/1", "train/b/1", "val/a/.x"), "of the split val in .*val, got"),
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
