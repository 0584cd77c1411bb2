import clothing_and_food_trees as trees
import numpy as np
import pytest

from mentornet_tf.datasets.trees.food101n import load_food101n
from mentornet_tf.errors import UserError


@pytest.fixture
def root(tmp_path):
  return trees.write_food101n(tmp_path / "Food-101N_release")


def test_verified_labels_are_clean_or_known_to_be_wrong(root):
  listed = load_food101n(root, "train")
  assert list(listed.images.paths) == [
    f"images/{key}".encode() for key in trees.food_keys()
  ]
  np.testing.assert_array_equal(listed.images.labels, [0, 1, 2] * 4)
  np.testing.assert_array_equal(
    listed.images.clean_labels, [0, 1, 2, 0, -2, -2, -2, -1, -1, -1, -1, -1]
  )
  np.testing.assert_array_equal(listed.images.ids, np.arange(12))
  assert listed.class_names == trees.FOOD_CLASSES
  assert listed.fields["noise"] == {
    "kind": "web",
    "measured_rate": pytest.approx(3 / 7),
    "unknown_true_labels": 5,
    "known_wrong_labels": 3,
  }
  assert [note.split(" (")[0] for note in listed.notes] == [
    "expected 310,009 images in the train split of Food-101N as published",
    "expected 20.0 % of the checked labels of the train split of Food-101N to "
    "be noisy as published",
    "expected 52,868 images in the verified_train split of Food-101N as "
    "published",
    "expected 4,741 images in the verified_val split of Food-101N as published",
  ]


def test_the_folder_around_the_release_will_do(root):
  inner = load_food101n(root, "train").images
  assert load_food101n(root.parent, "train").images.fingerprint() == (
    inner.fingerprint()
  )


def test_test_images_of_food_101_are_joined_by_name(root, tmp_path):
  food101 = trees.write_food101(tmp_path / "food-101")
  listed = load_food101n(root, "test", food101)
  assert listed.images.paths[0] == b"images/sushi/7.jpg"
  np.testing.assert_array_equal(listed.images.labels, [2, 2, 1, 1, 0, 0])
  np.testing.assert_array_equal(listed.images.clean_labels, [2, 2, 1, 1, 0, 0])
  assert listed.class_names == trees.FOOD_CLASSES
  assert listed.notes == (
    "expected 25,250 images in the test split of Food-101 as published "
    "(Bossard et al., ECCV 2014), got 6",
  )


def test_verdicts_that_contradict_each_other_tell_nothing(root):
  lists = [root / "meta" / f"verified_{name}.tsv" for name in ("train", "val")]
  keys = list(trees.food_keys())
  before = load_food101n(root, "train").images.clean_labels
  lists[0].write_text(lists[0].read_text() + f"{keys[0]}\t0\n{keys[1]}\t1\n")
  lists[1].write_text(lists[1].read_text() + f"{keys[4]}\t1\n")
  listed = load_food101n(root, "train")
  expected = before.copy()
  expected[[0, 4]] = -1
  np.testing.assert_array_equal(listed.images.clean_labels, expected)
  assert listed.notes[-1].startswith("2 images are verified as both right and")


def test_a_class_that_is_listed_twice_is_refused(root):
  path = root / "meta" / "classes.txt"
  path.write_text(path.read_text() + "sushi\n")
  with pytest.raises(UserError, match="expected each class once, got 4 lines"):
    load_food101n(root, "train")


def test_lists_that_are_missing_are_named(root):
  (root / "meta" / "verified_val.tsv").unlink()
  listed = load_food101n(root, "train")
  assert listed.notes[-1].startswith("expected meta/verified_val.tsv in ")
  np.testing.assert_array_equal(listed.images.clean_labels[4:7], [-2, -1, -1])
  (root / "meta" / "classes.txt").unlink()
  assert load_food101n(root, "train").class_names == trees.FOOD_CLASSES
  (root / "meta" / "imagelist.tsv").unlink()
  with pytest.raises(
    UserError, match=r"imagelist\.tsv, got no such list; give"
  ):
    load_food101n(root, "train")


@pytest.mark.parametrize(
  ("name", "line", "words"),
  [
    ("imagelist.tsv", "a.jpg", "line 14: expected a class and a file"),
    ("imagelist.tsv", "/sushi/a.jpg", "line 14: expected a path below"),
    ("imagelist.tsv", "pizza/a.jpg", "expected classes of .*got 'pizza/a.jpg'"),
    ("verified_val.tsv", "sushi/a.jpg\t2", "line 4: expected an image and 0"),
    ("verified_val.tsv", "sushi/a.jpg", "line 4: expected an image and 0 or 1"),
  ],
)
def test_malformed_lines(root, name, line, words):
  path = root / "meta" / name
  path.write_text(path.read_text() + line + "\n")
  with pytest.raises(UserError, match=words):
    load_food101n(root, "train")


@pytest.mark.parametrize(
  ("split", "food101_dir", "words"),
  [
    ("val", None, "split: expected one of train, test"),
    ("test", None, "food101_dir: expected the folder of Food-101"),
    ("test", "nowhere", "food101_dir: expected Food-101 in nowhere"),
  ],
)
def test_unusable_arguments(root, split, food101_dir, words):
  with pytest.raises(UserError, match=words):
    load_food101n(root, split, food101_dir)
