import clothing_and_food_trees as trees
import numpy as np
import pytest

from mentornet_tf.datasets.trees.clothing1m import CLASS_NAMES, load_clothing1m
from mentornet_tf.errors import UserError


@pytest.fixture
def root(tmp_path):
  return trees.write_clothing1m(tmp_path / "clothing1m")


@pytest.mark.parametrize("folder", ["", "label", "annotations"])
def test_noisy_labels_with_clean_ones_where_known(tmp_path, folder):
  listed = load_clothing1m(trees.write_clothing1m(tmp_path, folder), "train")
  keys = list(trees.CLOTHING_NOISY)
  assert list(listed.images.paths) == [key.encode() for key in keys]
  np.testing.assert_array_equal(listed.images.labels, [*range(14), 0, 1])
  np.testing.assert_array_equal(listed.images.clean_labels, [-1] * 14 + [0, 5])
  np.testing.assert_array_equal(listed.images.ids, np.arange(16))
  assert listed.class_names == CLASS_NAMES
  assert listed.fields["noise"] == {
    "kind": "web",
    "measured_rate": 0.5,
    "unknown_true_labels": 14,
  }


@pytest.mark.parametrize(
  ("split", "labels"),
  [("clean_train", [0, 1, 2]), ("val", [3, 4, 5]), ("test", [6, 7, 8])],
)
def test_labels_of_the_other_splits_are_clean(root, split, labels):
  listed = load_clothing1m(root, split)
  np.testing.assert_array_equal(listed.images.labels, labels)
  np.testing.assert_array_equal(listed.images.clean_labels, labels)
  assert listed.notes == ()


def test_what_differs_from_the_published_numbers_is_said(root):
  notes = load_clothing1m(root, "train").notes
  source = "as published (Xiao et al., CVPR 2015)"
  assert notes == (
    "expected 1,037,497 images in the train split of Clothing1M "
    f"{source}, got 16",
    "expected 38.5 % of the checked labels of the train split of Clothing1M to "
    f"be noisy {source}, got 50.0 %",
    f"expected 72,409 clean labels in clean_label_kv.txt {source}, got 11",
    "expected 37,497 images of the train split with a clean label, too, "
    f"{source}, got 2",
  )


def test_a_copy_without_clean_lists(root):
  for path in (root / "annotations").glob("clean_*"):
    path.unlink()
  listed = load_clothing1m(root, "train")
  assert set(listed.images.clean_labels.tolist()) == {-1}
  assert listed.fields["noise"]["measured_rate"] is None
  assert "no clean label is known" in listed.notes[1]
  with pytest.raises(
    UserError, match=r'clean_val_key.*the split "train" alone'
  ):
    load_clothing1m(root, "val")


def test_names_of_the_tree_are_taken(root):
  names = [f"kind {k}" for k in range(14)]
  path = root / "annotations" / "category_names_eng.txt"
  path.write_text("\n".join(names))
  assert load_clothing1m(root, "test").class_names == tuple(names)
  path.write_text("\n".join(names[:3]))
  with pytest.raises(UserError, match="14 classes, got 3"):
    load_clothing1m(root, "test")


def test_a_path_that_is_listed_again_is_dropped(root):
  path = root / "annotations" / "noisy_train_key_list.txt"
  path.write_text(path.read_text() + "images/0/3/0,3.jpg\n")
  listed = load_clothing1m(root, "train")
  assert len(listed.images) == 16
  assert listed.dropped == ((b"images/0/3/0,3.jpg", "listed twice"),)


@pytest.mark.parametrize(
  ("name", "line", "words"),
  [
    ("noisy_label_kv.txt", "images/a.jpg 14", "line 17: .*between 0 and 13"),
    ("noisy_label_kv.txt", "images/a.jpg", "line 17: expected a path and a"),
    ("noisy_label_kv.txt", "images/0/3/0,3.jpg 4", "line 17: .*got 3 and 4"),
    ("noisy_train_key_list.txt", "../a.jpg", "line 17: expected a path below"),
    ("noisy_train_key_list.txt", "images/b.jpg", "got none for 'images/b.jpg'"),
  ],
)
def test_malformed_lines(root, name, line, words):
  path = root / "annotations" / name
  path.write_text(path.read_text() + line + "\n")
  with pytest.raises(UserError, match=words):
    load_clothing1m(root, "train")


def test_unknown_splits(root):
  with pytest.raises(UserError, match="split: expected one of train, clean_tr"):
    load_clothing1m(root, "validation")
