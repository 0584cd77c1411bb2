import os
import pickle
import tarfile

import numpy as np
import pytest

from mentornet_tf.datasets.sources.cifar_archives import (
  load_cifar_archive,
)
from mentornet_tf.datasets.sources.class_names import CIFAR10, CIFAR100
from mentornet_tf.errors import UserError


def assert_small_cifar(source_dir, small_cifar, ordering):
  train = load_cifar_archive(source_dir, "cifar10", "train")
  test = load_cifar_archive(source_dir, "cifar10", "test")
  np.testing.assert_array_equal(train.images, small_cifar.images)
  np.testing.assert_array_equal(train.labels, small_cifar.labels)
  np.testing.assert_array_equal(train.ids, np.arange(20))
  np.testing.assert_array_equal(test.images, small_cifar.test_images)
  np.testing.assert_array_equal(test.labels, small_cifar.test_labels)
  assert train.images.dtype == np.uint8 and train.labels.dtype == np.int64
  assert train.ordering == test.ordering == ordering
  assert train.class_names == CIFAR10
  # Five files with four images each.
  ending = ".bin" if ordering == "binary" else ""
  assert [path.decode() for path in train.paths] == [
    f"data_batch_{1 + id // 4}{ending}/{id % 4}" for id in range(20)
  ]
  assert test.paths[1] == f"test_batch{ending}/1".encode()


@pytest.mark.parametrize("version", ["binary", "python"])
@pytest.mark.parametrize("place", ["folder", "parent", "renamed"])
def test_cifar10_folders(archives, small_cifar, version, place):
  write = getattr(archives, f"cifar10_{version}")
  folder = write(*small_cifar.splits)
  if place == "renamed":
    folder = folder.rename(folder.parent / "my copy")
  source_dir = folder.parent if place == "parent" else folder
  assert_small_cifar(source_dir, small_cifar, version)


@pytest.mark.parametrize("version", ["binary", "python"])
@pytest.mark.parametrize("place", ["file", "parent"])
def test_cifar10_tar(archives, small_cifar, version, place, tmp_path):
  folder = getattr(archives, f"cifar10_{version}")(*small_cifar.splits)
  downloads = tmp_path / "downloads"
  downloads.mkdir()
  path = downloads / f"cifar-10-{version}.tar.gz"
  with tarfile.open(path, "w:gz") as tar:
    tar.add(folder, folder.name)
  before = sorted(os.listdir(downloads))
  source_dir = path if place == "file" else downloads
  assert_small_cifar(source_dir, small_cifar, version)
  assert sorted(os.listdir(downloads)) == before


def test_binary_version_is_preferred(archives, small_cifar):
  archives.cifar10_python(*small_cifar.splits)
  archives.cifar10_binary(*small_cifar.splits)
  source = load_cifar_archive(archives.folder, "cifar10", "test")
  assert source.ordering == "binary"


def test_cifar100_takes_the_fine_label(archives, small_cifar):
  images, fine = small_cifar.images, small_cifar.labels + 60
  coarse = small_cifar.labels
  archives.binary_file("cifar-100-binary/train.bin", images, fine, coarse)
  archives.python_file(
    "cifar-100-python/train", images, fine, key="fine_labels"
  )
  for folder in ("cifar-100-binary", "cifar-100-python"):
    source = load_cifar_archive(archives.folder / folder, "cifar100", "train")
    np.testing.assert_array_equal(source.images, images)
    np.testing.assert_array_equal(source.labels, fine)
    assert source.class_names == CIFAR100


def message(source_dir, dataset_name="cifar10", split="train"):
  with pytest.raises(UserError) as caught:
    load_cifar_archive(source_dir, dataset_name, split)
  assert "\n" not in str(caught.value)
  return str(caught.value)


class Malicious:
  """Pickles to a program that makes a folder."""

  def __init__(self, folder):
    self.folder = str(folder)

  def __reduce__(self):
    return os.mkdir, (self.folder,)


def test_pickle_that_runs_code_is_refused(archives, small_cifar, tmp_path):
  folder = archives.cifar10_python(*small_cifar.splits)
  trap = tmp_path / "trap"
  (folder / "data_batch_2").write_bytes(pickle.dumps(Malicious(trap)))
  text = message(folder)
  assert "data_batch_2" in text and f"{os.mkdir.__module__}.mkdir" in text
  assert not trap.exists()


def test_pickle_inside_a_tar_that_runs_code_is_refused(
  archives, small_cifar, tmp_path
):
  folder = archives.cifar10_python(*small_cifar.splits)
  trap = tmp_path / "trap"
  (folder / "test_batch").write_bytes(pickle.dumps(Malicious(trap)))
  path = tmp_path / "cifar-10-python.tar.gz"
  with tarfile.open(path, "w:gz") as tar:
    tar.add(folder, folder.name)
  assert "test_batch" in message(path, split="test")
  assert not trap.exists()


def test_tar_members_elsewhere_and_links_are_not_read(
  archives, small_cifar, tmp_path
):
  folder = archives.cifar10_binary(*small_cifar.splits)
  path = tmp_path / "cifar-10-binary.tar.gz"
  with tarfile.open(path, "w:gz") as tar:
    for name in sorted(os.listdir(folder)):
      if name != "test_batch.bin":
        tar.add(folder / name, f"{folder.name}/{name}")
    tar.add(folder / "test_batch.bin", f"../{folder.name}/test_batch.bin")
    link = tarfile.TarInfo(f"{folder.name}/test_batch.bin")
    link.type, link.linkname = tarfile.SYMTYPE, str(folder / "test_batch.bin")
    tar.addfile(link)
  assert len(load_cifar_archive(path, "cifar10", "train")) == 20
  assert "test_batch.bin" in message(path, split="test")


def test_missing_source(tmp_path):
  text = message(tmp_path / "nowhere")
  assert "does not exist" in text
  assert "cifar-10-batches-bin" in text and "cifar-10-python.tar.gz" in text


def test_folder_without_the_archive(archives, small_cifar):
  archives.cifar10_binary(*small_cifar.splits)
  assert "cifar-100-binary" in message(archives.folder, "cifar100")


def test_file_that_is_no_archive(tmp_path):
  (tmp_path / "cifar.zip").write_bytes(b"")
  assert "cifar-10-binary.tar.gz" in message(tmp_path / "cifar.zip")


def test_missing_file(archives, small_cifar):
  folder = archives.cifar10_binary(*small_cifar.splits)
  (folder / "data_batch_4.bin").unlink()
  assert "expected data_batch_4.bin in" in message(folder)


def test_truncated_binary_file(archives, small_cifar):
  folder = archives.cifar10_binary(*small_cifar.splits)
  path = folder / "data_batch_3.bin"
  path.write_bytes(path.read_bytes()[:-1])
  text = message(folder)
  assert "data_batch_3.bin: expected a multiple of 3073 bytes" in text


def test_empty_binary_file(archives, small_cifar):
  folder = archives.cifar10_binary(*small_cifar.splits)
  (folder / "data_batch_3.bin").write_bytes(b"")
  assert "multiple of 3073 bytes, got 0" in message(folder)


def test_label_out_of_range(archives, small_cifar):
  labels = small_cifar.labels.copy()
  labels[9] = 10
  folder = archives.cifar10_binary(
    small_cifar.images, labels, small_cifar.test_images, small_cifar.test_labels
  )
  text = message(folder)
  assert "data_batch_3.bin" in text and "between 0 and 9, got 10" in text


def test_truncated_pickle(archives, small_cifar):
  folder = archives.cifar10_python(*small_cifar.splits)
  path = folder / "data_batch_1"
  path.write_bytes(path.read_bytes()[:500])
  assert "data_batch_1: expected a complete pickle" in message(folder)


def test_keys_that_python_3_wrote_as_bytes(archives, small_cifar):
  folder = archives.cifar10_python(*small_cifar.splits)
  path = folder / "test_batch"
  batch = pickle.loads(path.read_bytes())
  path.write_bytes(
    pickle.dumps({key.encode(): value for key, value in batch.items()})
  )
  assert_small_cifar(folder, small_cifar, "python")


@pytest.mark.parametrize(
  "batch",
  [
    [1, 2],
    {"data": np.zeros((2, 3072), np.uint8)},
    {"data": np.zeros((2, 3072), np.uint8), "labels": [1]},
    {"data": np.zeros((2, 3072), np.uint8), "labels": [1, 0.5]},
    {"data": np.zeros((2, 3072), np.float32), "labels": [1, 2]},
    {"data": np.zeros((2, 1024), np.uint8), "labels": [1, 2]},
    {"data": [0, 1], "labels": [1, 2]},
  ],
)
def test_pickle_of_something_else(archives, small_cifar, batch):
  folder = archives.cifar10_python(*small_cifar.splits)
  (folder / "data_batch_5").write_bytes(pickle.dumps(batch))
  assert "data_batch_5: expected a dict with 'data'" in message(folder)


@pytest.mark.parametrize("damage", ["cut", "other"])
def test_damaged_tar(archives, small_cifar, tmp_path, damage):
  folder = archives.cifar10_binary(*small_cifar.splits)
  path = tmp_path / "cifar-10-binary.tar.gz"
  with tarfile.open(path, "w:gz") as tar:
    tar.add(folder, folder.name)
  content = path.read_bytes()
  path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"zip")
  assert "expected a whole .tar.gz archive" in message(path)
