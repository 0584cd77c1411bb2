import sys

import imagenet_trees
import numpy as np
import pytest
from imagenet_trees import IMAGES, NAMES, SHOWN

from mentornet_tf.datasets.images.listing import ImageEntry
from mentornet_tf.datasets.trees.imagenet_sources import (
  ImageNetImages,
  imagenet_images,
)
from mentornet_tf.datasets.trees.imagenet_tfds import imagenet_images_of_tfds
from mentornet_tf.errors import UserError


def assert_all_images(found: ImageNetImages):
  """The same images with the same ids, whatever they come from."""
  assert found.synsets == SHOWN
  np.testing.assert_array_equal(found.ids, np.arange(len(SHOWN)))
  assert found.ids.dtype == np.int64
  for row, image in enumerate(IMAGES):
    place = {}
    if found.offsets is not None:
      place = {"offset": found.offsets[row], "size": found.sizes[row]}
    entry = ImageEntry(found.paths[row].encode(), 0, 0, 0, **place)
    assert found.reader.read(entry) == image


@pytest.fixture
def devkit(tmp_path):
  return imagenet_trees.write_devkit(tmp_path / "devkit")


@pytest.mark.parametrize("folder", ["", "val/", "./"])
def test_the_archive(tmp_path, devkit, folder):
  archive = imagenet_trees.write_tar(tmp_path / "val.tar", folder=folder)
  found = imagenet_images(archive, devkit)
  assert_all_images(found)
  assert found.paths[0] == f"val.tar/{NAMES[0]}.JPEG"
  assert found.description == "ImageNet validation, val.tar"


def test_the_flat_folder(tmp_path, devkit):
  folder = imagenet_trees.write_flat_folder(tmp_path / "val")
  # Some systems leave such files.
  (folder / f"._{NAMES[0]}.JPEG").write_bytes(b"")
  (folder / "notes.txt").write_text("")
  found = imagenet_images(folder, devkit)
  assert_all_images(found)
  assert found.paths[0] == f"{NAMES[0]}.JPEG"


@pytest.mark.parametrize("below", [".", "val"])
def test_a_folder_for_each_synset(tmp_path, below):
  root = tmp_path / "imagenet"
  imagenet_trees.write_synset_folders(root / below)
  found = imagenet_images(root)
  assert_all_images(found)
  assert found.paths[0] == f"{SHOWN[0]}/{NAMES[0]}.JPEG"


def test_names_without_numbers_are_counted_by_path(tmp_path):
  for synset, name in (("n02000000", "b"), ("n01000000", "z")):
    (tmp_path / synset).mkdir()
    (tmp_path / synset / f"{name}.jpg").write_bytes(IMAGES[0])
  found = imagenet_images(tmp_path)
  assert found.paths == ("n01000000/z.jpg", "n02000000/b.jpg")
  assert found.ids.tolist() == [0, 1]


def test_wrong_counts(tmp_path, devkit):
  archive = imagenet_trees.write_tar(tmp_path / "val.tar", count=5)
  with pytest.raises(UserError, match="6 lines for 5 images numbered 1 to 5"):
    imagenet_images(archive, devkit)
  folder = imagenet_trees.write_flat_folder(tmp_path / "val")
  (folder / f"{NAMES[2]}.JPEG").unlink()
  with pytest.raises(UserError, match="6 lines for 5 images numbered 1 to 6"):
    imagenet_images(folder, devkit)


def test_an_image_in_two_folders(tmp_path):
  imagenet_trees.write_synset_folders(tmp_path)
  (tmp_path / "n02000000" / f"{NAMES[0]}.JPEG").write_bytes(IMAGES[0])
  with pytest.raises(UserError, match=f"every ImageNet image once.*{NAMES[0]}"):
    imagenet_images(tmp_path)


def test_what_is_missing_is_named(tmp_path, devkit):
  with pytest.raises(UserError, match=r"^images: .* no such file or folder"):
    imagenet_images(tmp_path / "val.tar", devkit)
  archive = imagenet_trees.write_tar(tmp_path / "val.tar")
  with pytest.raises(UserError, match=r"^ground_truth: expected the labels"):
    imagenet_images(archive)
  (tmp_path / "empty").mkdir()
  with pytest.raises(UserError, match=r"^images: .* got no image; correct"):
    imagenet_images(tmp_path / "empty", devkit)
  (tmp_path / "other").mkdir()
  (tmp_path / "other" / "cat.jpg").write_bytes(IMAGES[0])
  with pytest.raises(UserError, match=r"^images: .* got cat\.jpg; correct"):
    imagenet_images(tmp_path / "other", devkit)
  (tmp_path / "synsets" / "n01000000").mkdir(parents=True)
  with pytest.raises(UserError, match="expected images in the synsets' folder"):
    imagenet_images(tmp_path / "synsets")


def test_folders_of_synsets_are_their_own_labels(tmp_path, devkit):
  imagenet_trees.write_synset_folders(tmp_path / "val")
  with pytest.raises(UserError, match=r"^ground_truth: expected none with"):
    imagenet_images(tmp_path / "val", devkit)


@pytest.fixture(scope="module")
def tfds_data_dir(tmp_path_factory):
  return write_tfds(tmp_path_factory.mktemp("tfds"))


def write_tfds(folder, file_format="tfrecord"):
  import tensorflow_datasets as tfds

  files = imagenet_trees.write_flat_folder(folder / "files")
  names = sorted(set(SHOWN))
  rows = [
    (
      row,
      {
        "file_name": f"{NAMES[row]}.JPEG",
        # A path goes into the records byte for byte.
        "image": str(files / f"{NAMES[row]}.JPEG"),
        "label": SHOWN[row],
      },
    )
    for row in (3, 1, 5, 0, 2, 4)
  ]
  tfds.dataset_builders.store_as_tfds_dataset(
    "imagenet2012",
    "5.1.0",
    tfds.features.FeaturesDict(
      {
        "file_name": tfds.features.Text(),
        "image": tfds.features.Image(encoding_format="jpeg"),
        "label": tfds.features.ClassLabel(names=names),
      }
    ),
    {"validation": rows},
    data_dir=folder,
    file_format=file_format,
  )
  return folder


def test_array_records_of_tensorflow_datasets(tmp_path):
  write_tfds(tmp_path, "array_record")
  assert_all_images(imagenet_images_of_tfds(tmp_path))
  (shard,) = tmp_path.rglob("*.array_record-*")
  shard.write_bytes(shard.read_bytes()[:100])
  with pytest.raises(UserError, match="expected a whole file of TensorFlow"):
    imagenet_images_of_tfds(tmp_path)


def test_array_records_without_their_package(tmp_path, monkeypatch):
  write_tfds(tmp_path, "array_record")
  monkeypatch.setitem(sys.modules, "array_record.python", None)
  with pytest.raises(UserError, match=r"array_record.*file_format='tfrecord'"):
    imagenet_images_of_tfds(tmp_path)


def test_tensorflow_datasets(tfds_data_dir):
  found = imagenet_images_of_tfds(tfds_data_dir)
  assert_all_images(found)
  shard = "imagenet2012-validation.tfrecord-00000-of-00001"
  assert found.paths[0] == f"{shard}/{NAMES[0]}.JPEG"


def test_tensorflow_datasets_without_imagenet(tmp_path):
  with pytest.raises(
    UserError, match=r"^tfds_data_dir: .* got none prepared; .*`images`"
  ):
    imagenet_images_of_tfds(tmp_path)
  (tmp_path / "imagenet2012" / "5.1.0").mkdir(parents=True)
  with pytest.raises(UserError, match=r"5\.1\.0, got none prepared"):
    imagenet_images_of_tfds(tmp_path)


def test_files_of_tensorflow_datasets_that_break_off(tfds_data_dir):
  (shard,) = tfds_data_dir.rglob("*.tfrecord-*")
  data = shard.read_bytes()
  try:
    for size in (len(data) - 100, 5):
      shard.write_bytes(data[:size])
      with pytest.raises(
        UserError, match=r"expected a whole TFRecord.*prepare the data"
      ):
        imagenet_images_of_tfds(tfds_data_dir)
  finally:
    shard.write_bytes(data)
