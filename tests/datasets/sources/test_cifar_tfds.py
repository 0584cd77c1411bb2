"""Against small data sets that TensorFlow Datasets itself has written."""

import sys

import numpy as np
import pytest

from mentornet_tf.datasets.labels.label_noise import LabelNoise
from mentornet_tf.datasets.sources import cifar_tfds
from mentornet_tf.datasets.sources.base import SourceImages
from mentornet_tf.datasets.sources.cifar_archives import binary_paths
from mentornet_tf.datasets.sources.cifar_tfds import load_cifar_tfds
from mentornet_tf.errors import UserError

COUNT = 12
IMAGES = np.random.default_rng(0).integers(0, 256, (COUNT, 32, 32, 3), np.uint8)
CLEAN = np.arange(COUNT) % 10
WORSE = (CLEAN + np.arange(COUNT) % 3) % 10


def test_without_the_package_the_extra_is_named(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
  with pytest.raises(
    UserError, match=r"got no tensorflow_datasets; pip .*tfds"
  ):
    load_cifar_tfds("cifar10", "train", tmp_path)


@pytest.fixture(scope="module", params=["tfrecord", "array_record"])
def tfds_data_dir(request, tmp_path_factory):
  return write_sets(tmp_path_factory.mktemp("tfds"), request.param)


def write_sets(folder, file_format="tfrecord", human_version="1.0.4"):
  import tensorflow_datasets as tfds

  label = tfds.features.ClassLabel(num_classes=10)
  image = tfds.features.Image(shape=(32, 32, 3))
  features = {"id": tfds.features.Text(), "image": image, "label": label}
  examples = [
    {"id": f"train_{index:05d}", "image": IMAGES[index], "label": CLEAN[index]}
    for index in range(COUNT)
  ]
  human = {
    "worse_label": WORSE,
    "aggre_label": CLEAN,
    "random_label1": CLEAN,
    "random_label2": CLEAN,
    "random_label3": CLEAN,
  }
  workers = {
    **{f"worker{worker}_id": np.int64 for worker in (1, 2, 3)},
    **{f"worker{worker}_time": np.float32 for worker in (1, 2, 3)},
  }
  with_human = [
    example
    | {name: column[index] for name, column in human.items()}
    | {name: 0 for name in workers}
    for index, example in enumerate(examples)
  ]
  for name, version, spec, rows in (
    ("cifar10", "3.0.2", features, examples),
    (
      "cifar10_n",
      human_version,
      features | dict.fromkeys(human, label) | workers,
      with_human,
    ),
  ):
    tfds.dataset_builders.store_as_tfds_dataset(
      name,
      version,
      tfds.features.FeaturesDict(spec),
      {"train": list(enumerate(rows))},
      data_dir=folder,
      file_format=file_format,
    )
  return folder


def test_images_come_in_the_order_of_their_ids(tfds_data_dir):
  source = load_cifar_tfds("cifar10", "train", tfds_data_dir)
  np.testing.assert_array_equal(source.ids, np.arange(COUNT))
  np.testing.assert_array_equal(source.images, IMAGES)
  np.testing.assert_array_equal(source.labels, CLEAN)
  assert source.ordering == "binary"
  assert source.labels.dtype == np.int64
  assert source.class_names[3] == "cat"
  # TensorFlow Datasets counts the images of the binary archive's five files.
  assert source.paths[11] == b"data_batch_1.bin/11"
  ids = np.array([9_999, 10_000, 49_999])
  assert binary_paths("cifar10", "train", ids) == (
    b"data_batch_1.bin/9999",
    b"data_batch_2.bin/0",
    b"data_batch_5.bin/9999",
  )
  assert binary_paths("cifar100", "train", ids)[2] == b"train.bin/49999"


def test_human_labels_are_matched_by_id(tfds_data_dir):
  source = load_cifar_tfds("cifar10", "train", tfds_data_dir)
  noise = LabelNoise(
    "file", label_file="tfds:cifar10_n", label_key="worse_label"
  )
  labels, summary = noise.labels(source, "cifar10", tfds_data_dir)
  np.testing.assert_array_equal(labels, WORSE)
  assert summary == {
    "kind": "file",
    "label_key": "worse_label",
    "label_file": "tfds:cifar10_n",
  }


@pytest.mark.parametrize(
  ("label_file", "dataset_name", "ordering", "words"),
  [
    ("tfds:cifar10_n", "cifar100", "binary", "tfds:cifar100_n for cifar100"),
    ("tfds:mnist", "cifar10", "binary", "got tfds:mnist"),
    ("tfds:cifar10_n", "cifar10", "python", "got python order"),
  ],
)
def test_human_labels_of_other_images(
  label_file, dataset_name, ordering, words
):
  source = SourceImages(IMAGES, CLEAN, CLEAN, ("a",), ordering, "")
  noise = LabelNoise("file", label_file=label_file)
  with pytest.raises(UserError, match=words):
    noise.labels(source, dataset_name)


def test_without_data_and_network_both_ways_are_named(tmp_path, monkeypatch):
  def unreachable(*_):
    raise OSError("Name or service not known")

  monkeypatch.setattr(cifar_tfds.urllib.request, "getproxies", dict)
  monkeypatch.setattr(cifar_tfds.socket, "create_connection", unreachable)
  with pytest.raises(UserError) as caught:
    load_cifar_tfds("cifar10", "train", tmp_path)
  for words in ("`source_dir`", "tfds_data_dir: ", "Name or service not known"):
    assert words in str(caught.value)
  assert "\n" not in str(caught.value)


def test_versions_that_give_labels_to_other_images_are_refused(tmp_path):
  write_sets(tmp_path, human_version="1.0.1")
  source = load_cifar_tfds("cifar10", "train", tmp_path)
  noise = LabelNoise(
    "file", label_file="tfds:cifar10_n", label_key="worse_label"
  )
  with pytest.raises(
    UserError, match=r"cifar10_n 1\.0\.4 or later .* got 1\.0\.1; prepare it"
  ):
    noise.labels(source, "cifar10", tmp_path)


def test_array_records_without_their_package(tmp_path, monkeypatch):
  import tensorflow_datasets as tfds

  write_sets(tmp_path, "array_record")

  def missing(*_, **__):
    raise ImportError("array_record")

  monkeypatch.setattr(tfds.core.DatasetBuilder, "as_data_source", missing)
  with pytest.raises(UserError, match=r"array_record.*file_format='tfrecord'"):
    load_cifar_tfds("cifar10", "train", tmp_path)


@pytest.mark.parametrize("size", [0, 100, -500])
def test_array_records_that_break_off(tmp_path, size):
  write_sets(tmp_path, "array_record")
  (shard,) = tmp_path.glob("cifar10/*/*.array_record-*")
  shard.write_bytes(shard.read_bytes()[:size])
  with pytest.raises(UserError, match="prepare the data set again") as caught:
    load_cifar_tfds("cifar10", "train", tmp_path)
  assert "\n" not in str(caught.value)
