import imagenet_trees
import pytest
from imagenet_trees import LABELS, NAMES, WEBVISION

from mentornet_tf.datasets.trees.imagenet import with_labels
from mentornet_tf.datasets.trees.imagenet_sources import imagenet_images
from mentornet_tf.datasets.trees.webvision import kept_labels
from mentornet_tf.datasets.trees.wordnet_classes import WordNetClasses
from mentornet_tf.errors import UserError


@pytest.fixture
def found(tmp_path):
  archive = imagenet_trees.write_tar(tmp_path / "val.tar")
  devkit = imagenet_trees.write_devkit(tmp_path / "devkit")
  return imagenet_images(archive, devkit)


def classes(*synsets):
  return WordNetClasses(synsets, tuple(f"thing {each}" for each in synsets))


def test_labels_go_by_wordnet_id_and_not_by_any_order(found):
  listed = with_labels(found, classes(*WEBVISION), range(4))
  assert listed.images.labels.tolist() == LABELS
  assert listed.images.clean_labels.tolist() == LABELS
  assert [each.decode() for each in listed.images.synsets] == [
    WEBVISION[label] for label in LABELS
  ]
  assert list(listed.images.paths) == [
    f"val.tar/{name}.JPEG".encode() for name in NAMES
  ]
  assert listed.class_names == tuple(f"thing {each}" for each in WEBVISION)
  assert listed.fields == {
    "noise": {"kind": "none"},
    "ordering": "imagenet_val",
    "wordnet_ids": list(WEBVISION),
    "webvision_labels": [0, 1, 2, 3],
    "classes_without_images": [],
  }
  assert listed.dropped == ()


def test_chosen_classes_are_numbered_anew(found):
  all_classes = classes(*WEBVISION)
  kept = kept_labels(all_classes, "all", ["n02000000", "1"])
  listed = with_labels(found, all_classes, kept)
  # n01000000 is 0 and n02000000 is 1.
  assert listed.images.labels.tolist() == [0, 1, 0]
  assert listed.images.ids.tolist() == [1, 2, 4]
  assert listed.fields["webvision_labels"] == [1, 3]
  assert listed.fields["wordnet_ids"] == ["n01000000", "n02000000"]
  assert listed.class_names == ("thing n01000000", "thing n02000000")
  # Left out by choice, not for want of a label.
  assert listed.dropped == ()
  for row, entry in enumerate(map(listed.images.__getitem__, range(3))):
    image = imagenet_trees.IMAGES[listed.images.ids[row]]
    assert listed.reader.read(entry) == image


def test_images_of_unknown_synsets_are_named(found):
  listed = with_labels(found, classes("n04000000", "n01000000"), range(2))
  assert listed.images.labels.tolist() == [0, 1, 1, 0]
  assert listed.dropped == (
    (f"val.tar/{NAMES[2]}.JPEG".encode(), "synset not in WebVision"),
    (f"val.tar/{NAMES[3]}.JPEG".encode(), "synset not in WebVision"),
  )


def test_classes_without_images_are_named(found):
  all_classes = classes("n04000000", "n05000000", "n01000000", "n06000000")
  listed = with_labels(found, all_classes, range(3))
  assert listed.images.labels.tolist() == [0, 2, 2, 0]
  assert listed.fields["classes_without_images"] == ["n05000000"]
  assert len(listed.class_names) == 3


def test_classes_of_which_there_is_nothing(found):
  with pytest.raises(UserError, match="such as n05000000, got none in 6"):
    with_labels(found, classes("n05000000", "n01000000"), [0])


def test_a_list_with_a_synset_twice(found):
  with pytest.raises(UserError, match="each of 2 classes, got 1 different"):
    with_labels(found, classes("n01000000", "n01000000"), range(2))
