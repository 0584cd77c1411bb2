import os

import numpy as np
import pytest

from mentornet_tf.datasets.labels.files import read_label_columns
from mentornet_tf.errors import UserError


def write(tmp_path, text, name="labels.csv"):
  path = tmp_path / name
  path.write_text(text)
  return path


def as_lists(columns):
  assert {column.dtype for column in columns.values()} <= {np.dtype(np.int64)}
  return {name: column.tolist() for name, column in columns.items()}


def test_csv(tmp_path):
  path = write(
    tmp_path,
    "id, label,clean_label,seconds,worker\n7,1,2,0.5,ann\n\n3,4,5,1,b\n",
  )
  assert as_lists(read_label_columns(path)) == {
    "id": [7, 3],
    "label": [1, 4],
    "clean_label": [2, 5],
  }


def test_npz(tmp_path):
  path = tmp_path / "labels.npz"
  np.savez(path, ids=np.uint16([2, 1]), labels=np.int8([0, 9]), x=[0.5, 0.5])
  assert as_lists(read_label_columns(path)) == {"ids": [2, 1], "labels": [0, 9]}


def test_npy_list(tmp_path):
  np.save(tmp_path / "labels.npy", np.uint8([3, 1]))
  columns = read_label_columns(tmp_path / "labels.npy")
  assert as_lists(columns) == {"label": [3, 1]}


def test_npy_of_cifar_n(tmp_path):
  """CIFAR-N's files hold a pickled dict of arrays."""
  content = {"clean_label": np.array([1, 2]), "worse_label": np.array([0, 2])}
  np.save(tmp_path / "labels.npy", content, allow_pickle=True)
  columns = read_label_columns(tmp_path / "labels.npy")
  assert as_lists(columns) == {"clean_label": [1, 2], "worse_label": [0, 2]}


class Malicious:
  def __init__(self, folder):
    self.folder = str(folder)

  def __reduce__(self):
    return os.mkdir, (self.folder,)


def message(path):
  with pytest.raises(UserError) as caught:
    read_label_columns(path)
  assert path.name in str(caught.value) and "\n" not in str(caught.value)
  return str(caught.value)


def test_npy_that_runs_code_is_refused(tmp_path):
  trap = tmp_path / "trap"
  np.save(tmp_path / "l.npy", {"label": Malicious(trap)}, allow_pickle=True)
  assert f"{os.mkdir.__module__}.mkdir" in message(tmp_path / "l.npy")
  assert not trap.exists()


def test_npz_with_a_pickle_is_refused(tmp_path):
  trap = tmp_path / "trap"
  np.savez(tmp_path / "l.npz", label=np.array([Malicious(trap)], object))
  assert "readable .npz label file" in message(tmp_path / "l.npz")
  assert not trap.exists()


def test_npy_of_another_object(tmp_path):
  np.save(tmp_path / "l.npy", np.array([None, 1], object), allow_pickle=True)
  assert "got a pickled ndarray" in message(tmp_path / "l.npy")


@pytest.mark.parametrize(
  ("text", "words"),
  [
    ("", "an empty file"),
    ("3\n4\n", "first line that names the columns"),
    ("id,label\n1,2\n3\n", "line 3: expected 2 fields, got 1"),
  ],
)
def test_bad_csv(tmp_path, text, words):
  assert words in message(write(tmp_path, text))


@pytest.mark.parametrize("name", ["l.npy", "l.npz"])
def test_damaged_arrays(tmp_path, name):
  assert "readable" in message(write(tmp_path, "not an array", name))


def test_other_kind_of_file(tmp_path):
  assert "a .csv, .npz, .npy or .pt" in message(write(tmp_path, "", "l.txt"))


def test_missing_file(tmp_path):
  assert "no such file" in message(tmp_path / "l.csv")


def test_columns_of_different_length(tmp_path):
  np.savez(tmp_path / "l.npz", id=[1, 2], label=[1])
  assert "id 2, label 1" in message(tmp_path / "l.npz")
