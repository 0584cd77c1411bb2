import noisy_set_trees
import numpy as np
import pytest

from mentornet_tf.datasets.trees.animal10n import load_animal10n
from mentornet_tf.errors import UserError


@pytest.fixture
def root(tmp_path):
  return noisy_set_trees.write_animal10n(tmp_path / "animal")


def test_labels_are_those_of_the_names(root):
  train = load_animal10n(root, "train")
  assert len(train.images) == 30
  for row in range(30):
    entry = train.images[row]
    assert entry.path == b"training/%d_%d.jpg" % divmod(row, 3)
    assert (entry.label, entry.clean_label, entry.id) == (row // 3, -1, row)
    assert train.reader.read(entry) == noisy_set_trees.image(*divmod(row, 3))
  assert train.class_names[4:6] == ("cheetah", "jaguar")
  assert train.fields["noise"]["kind"] == "human"
  assert train.notes == (
    "expected 50,000 images in the train split of ANIMAL-10N as published "
    "(Song et al., ICML 2019), got 30",
  )


def test_labels_of_the_test_images_are_clean(root):
  test = load_animal10n(root, "test")
  np.testing.assert_array_equal(test.images.labels, np.arange(10))
  np.testing.assert_array_equal(test.images.clean_labels, np.arange(10))
  assert test.fields["noise"] == {
    "kind": "none",
    "measured_rate": 0.0,
    "unknown_true_labels": 0,
  }


def test_folders_of_other_names(root):
  (root / "training").rename(root / "Train")
  for name in (".hidden", "Thumbs.db"):
    (root / "Train" / name).write_bytes(b"")
  assert load_animal10n(root, "train").images.paths[0] == b"Train/0_0.jpg"
  (root / "training").mkdir()
  with pytest.raises(
    UserError, match=r"^source_dir: .* got Train and training"
  ):
    load_animal10n(root, "train")


@pytest.mark.parametrize("name", ["10_1.jpg", "cat.jpg", "3_1.png", "-1_2.jpg"])
def test_names_without_a_label(root, name):
  (root / "training" / name).write_bytes(b"")
  with pytest.raises(UserError, match=r"a name like 3_12345\.jpg") as caught:
    load_animal10n(root, "train")
  assert name in str(caught.value) and "\n" not in str(caught.value)


def test_what_storage_servers_leave_is_no_image(root):
  for name in ("Thumbs.db", ".DS_Store"):
    (root / "training" / name).write_bytes(b"")
  (root / "training" / "@eaDir").mkdir()
  assert len(load_animal10n(root, "train").images) == 30


def test_what_is_missing_is_named(root, tmp_path):
  with pytest.raises(UserError, match=r"^source_dir: .* no such folder"):
    load_animal10n(tmp_path / "no", "train")
  with pytest.raises(UserError, match=r"^split: expected one of train, test"):
    load_animal10n(root, "val")
  with pytest.raises(UserError, match=r"no folder of the train split"):
    load_animal10n(root / "training", "train")
  (root / "training" / "data_batch_1.bin").write_bytes(b"")
  with pytest.raises(UserError, match=r"its binary form \(\.bin\)"):
    load_animal10n(root / "training", "train")
