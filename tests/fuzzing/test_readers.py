"""Whatever bytes a reader gets, it gives a value or one line of advice."""

import faulthandler
import gzip
import json
import pickle
import tarfile

import numpy as np
import pytest
from fuzzing import damaged
from imagenet_trees import write_meta_file, write_tar

from mentornet_tf.datasets.images.archives import tar_members
from mentornet_tf.datasets.labels.files import read_label_columns
from mentornet_tf.datasets.records.framing import record_spans
from mentornet_tf.datasets.records.shards import read_summary
from mentornet_tf.datasets.sources.cifar_archives import load_cifar_archive
from mentornet_tf.datasets.trees.imagenet_ground_truth import read_meta_file
from mentornet_tf.datasets.trees.tables import read_image_table
from mentornet_tf.errors import UserError
from mentornet_tf.internal import restricted_pickle
from mentornet_tf.mentor_training.examples import load_examples
from mentornet_tf.mentor_training.loss_dump import read_loss_dump

FEW, MANY = 12, 500
_SECONDS = 60

SUMMARY = {
  "num_classes": 2,
  "num_examples": 3,
  "class_names": ["a", "b"],
  "shards": [{"name": "own_train-00000-of-00001", "num_examples": 3}],
  "noise": {"kind": "web", "measured_rate": 0.25},
}


def npy(folder, value):
  np.save(folder / "x.npy", value, allow_pickle=True)
  return (folder / "x.npy").read_bytes()


def npz(folder, **arrays):
  np.savez_compressed(folder / "x.npz", **arrays)
  return (folder / "x.npz").read_bytes()


def cifar_batch(_):
  pixels = np.arange(2 * 3072).astype(np.uint8).reshape(2, 3072)
  return pickle.dumps({"data": pixels, "labels": [3, 9]}, 2)


def cifar_tar(folder):
  with tarfile.open(folder / "x.tar.gz", "w:gz") as archive:
    (folder / "x").write_bytes(bytes(3073))
    archive.add(folder / "x", "cifar-10-batches-bin/test_batch.bin")
  return gzip.compress(gzip.decompress((folder / "x.tar.gz").read_bytes()))


def examples(folder):
  rows = np.full((4, 4), 0.5)
  target = np.full(4, 0.5)
  return npz(
    folder,
    train_features=rows,
    train_targets=target,
    test_features=rows,
    test_targets=target,
  )


# Name -> (the file's name, its sound content, what reads the file).
READERS = {
  "pickle": ("x.p", cifar_batch, restricted_pickle.load),
  "summary": (
    "own_train.json",
    lambda _: json.dumps(SUMMARY).encode(),
    lambda path: read_summary(path.parent, "own", "train"),
  ),
  "labels .csv": (
    "x.csv",
    lambda _: b"id,label\n0,3\n1,4\n",
    read_label_columns,
  ),
  "labels .npy": (
    "y.npy",
    lambda folder: npy(folder, np.arange(9)),
    read_label_columns,
  ),
  "labels, pickled": (
    "y.npy",
    lambda folder: npy(folder, {"a": [1, 2], "b": np.arange(2)}),
    read_label_columns,
  ),
  "labels .npz": (
    "y.npz",
    lambda folder: npz(folder, id=np.arange(9), label=np.arange(9)),
    read_label_columns,
  ),
  "meta.mat": (
    "meta.mat",
    lambda folder: write_meta_file(folder / "y.mat").read_bytes(),
    read_meta_file,
  ),
  "tar": (
    "x.tar",
    lambda folder: write_tar(folder / "y.tar", 2).read_bytes(),
    tar_members,
  ),
  "CIFAR batch": (
    "cifar-10-batches-py/test_batch",
    cifar_batch,
    lambda path: load_cifar_archive(path.parent, "cifar10", "test"),
  ),
  "CIFAR .tar.gz": (
    "cifar-10-binary.tar.gz",
    cifar_tar,
    lambda path: load_cifar_archive(path, "cifar10", "test"),
  ),
  "table": (
    "x.csv",
    lambda _: b"path,label\na.png,0\nb.png,1\n",
    read_image_table,
  ),
  "loss dump": (
    "losses.csv",
    lambda _: b"0.5 1.25 3 1 0\n0.5 2.5 4 0 1\n",
    read_loss_dump,
  ),
  "mentor examples": ("x.npz", examples, load_examples),
  "framing": (
    "x.tfrecord",
    lambda _: (5).to_bytes(8, "little") + bytes(13),
    record_spans,
  ),
}


def fuzz(folder, name, seeds):
  """Fails on anything but values and single lines; counts the refused."""
  file_name, content, read = READERS[name]
  sound = content(folder)
  path = folder / file_name
  path.parent.mkdir(exist_ok=True)
  there = None
  refused = 0
  for seed in seeds:
    path.write_bytes(damaged(sound, seed))
    there = there or sorted(folder.rglob("*"))
    faulthandler.dump_traceback_later(_SECONDS, exit=True)
    try:
      read(path)
    except UserError as error:
      refused += 1
      message = str(error)
      assert "\n" not in message, (seed, message)
      assert ";" in message, (seed, message)
      assert len(message) < 1000, (seed, message)
    except Exception as error:
      raise AssertionError(f"{name}, seed {seed}: {error!r}") from error
    finally:
      faulthandler.cancel_dump_traceback_later()
  assert sorted(folder.rglob("*")) == there
  return refused


@pytest.mark.parametrize("name", READERS)
def test_damaged_files_end_in_a_line(tmp_path, name):
  assert fuzz(tmp_path, name, range(FEW)) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_many_damaged_files_end_in_a_line(tmp_path, name):
  assert fuzz(tmp_path, name, range(FEW, FEW + MANY)) > 0
