import os
import pickle
import zipfile

import numpy as np
import pytest
import torch_archives
from torch_archives import pickled, save_arrays, save_tensors, tensor, write

from mentornet_tf.datasets.labels.files import read_label_columns
from mentornet_tf.datasets.labels.torch_files import read_torch_file
from mentornet_tf.errors import UserError

COLUMNS = {
  "clean_label": np.array([3, 1, 4, 1]),
  "worse_label": np.array([3, 0, 4, 9]),
}


def assert_columns(found):
  assert list(found) == list(COLUMNS)
  for name, column in COLUMNS.items():
    np.testing.assert_array_equal(found[name], column)
    assert found[name].dtype == np.int64


@pytest.mark.parametrize("save", [save_arrays, save_tensors])
@pytest.mark.parametrize("suffix", [".pt", ".pth"])
def test_columns_of_arrays_and_of_tensors(tmp_path, save, suffix):
  assert_columns(read_label_columns(save(tmp_path / f"h{suffix}", COLUMNS)))


@pytest.mark.parametrize("dtype", sorted(torch_archives.STORAGES))
@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_every_type_of_tensor(tmp_path, dtype, byteorder):
  column = np.array([0, 1, 1, 0, 1]).astype(dtype)
  path = save_tensors(tmp_path / "x.pt", {"x": column}, byteorder)
  found = read_torch_file(path)["x"]
  assert found.dtype.newbyteorder("=") == dtype
  np.testing.assert_array_equal(found, column)


def test_a_view_of_a_storage(tmp_path):
  numbers = np.arange(10)
  opcodes = tensor("0", 10, 3, offset=2, stride=3)
  path = write(
    tmp_path / "x.pt", pickled({"x": opcodes}), {"0": numbers.tobytes()}
  )
  np.testing.assert_array_equal(read_torch_file(path)["x"], numbers[2:9:3])


def test_an_empty_tensor_and_no_byte_order(tmp_path):
  path = write(
    tmp_path / "x.pt",
    pickled({"x": tensor("0", 0)}),
    {"0": b""},
    byteorder=None,
  )
  assert read_torch_file(path)["x"].shape == (0,)


def message(path):
  with pytest.raises(UserError) as caught:
    read_label_columns(path)
  assert path.name in str(caught.value) and "\n" not in str(caught.value)
  return str(caught.value)


class Malicious:
  def __init__(self, folder):
    self.folder = str(folder)

  def __reduce__(self):
    return os.mkdir, (self.folder,)


def test_code_is_not_run(tmp_path):
  trap = tmp_path / "trap"
  path = save_arrays(tmp_path / "x.pt", {"label": Malicious(trap)})
  assert f"{os.mkdir.__module__}.mkdir" in message(path)
  assert not trap.exists()


EIGHT = np.arange(8).tobytes()


@pytest.mark.parametrize(
  "opcodes",
  [
    tensor("0", 8, 9),
    tensor("0", 8, 4, offset=5),
    tensor("0", 8, 4, stride=3),
    tensor("0", 8, 2**30, stride=0),
    tensor("0", 8, 4, offset=-1),
    tensor("0", 8, 4, stride=-1),
    tensor("0", 8, -4),
    tensor("0", 9),
    tensor("1", 8),
    tensor("../data.pkl", 8),
    tensor("0", 8, storage="UntypedStorage"),
    tensor("0", 8, storage="LongStorage").replace(b"storage", b"storagf"),
    tensor("0", 8).replace(b"t" + b"Q", b"tQ0)Q"),
    # A storage of two types.
    tensor("0", 8) + b"0" + tensor("0", 8, storage="DoubleStorage"),
  ],
)
def test_tensors_that_leave_their_storage(tmp_path, opcodes):
  path = write(tmp_path / "x.pt", pickled({"label": opcodes}), {"0": EIGHT})
  assert "; " in message(path)


def test_archives_that_torch_does_not_write(tmp_path):
  sound = pickled({"label": tensor("0", 8)})
  path = tmp_path / "x.pt"
  write(path, sound, {"0": EIGHT}, compression=zipfile.ZIP_DEFLATED)
  assert "another archive" in message(path)
  write(path, sound, {"0": EIGHT}, byteorder="middle")
  assert "byteorder" in message(path)
  write(path, sound, {"0": EIGHT[:-1]})
  assert "x/data/0" in message(path)
  for names in (["data.pkl"], ["/data.pkl"], ["a/data.pkl", "b/data.pkl"], []):
    with zipfile.ZipFile(path, "w") as archive:
      for name in names:
        archive.writestr(name, sound)
    assert "another archive" in message(path)
  path.write_bytes(pickle.dumps(COLUMNS))
  assert "an older format or another file" in message(path)
  path.write_bytes(b"")
  assert "an older format or another file" in message(path)
  assert "got a pickled list" in message(save_arrays(path, [1, 2]))


def test_members_that_overlap(tmp_path):
  """A directory that names one member a thousand times is no gain."""
  path = write(tmp_path / "x.pt", pickled({"label": tensor("0", 8)}))
  with zipfile.ZipFile(path, "a") as archive:
    archive.writestr("x/data/0", EIGHT * 1000)
    (first,) = (each for each in archive.infolist() if each.file_size > 8000)
    for number in range(1, 4):
      again = zipfile.ZipInfo(f"x/data/{number}")
      for name in ("header_offset", "file_size", "compress_size", "CRC"):
        setattr(again, name, getattr(first, name))
      archive.filelist.append(again)
      archive.NameToInfo[again.filename] = again
  assert "another archive" in message(path)


@pytest.mark.parametrize("save", [save_arrays, save_tensors])
def test_damaged_bytes_are_a_right_value_or_one_line(tmp_path, save):
  whole = save(tmp_path / "x.pt", COLUMNS).read_bytes()
  rng = np.random.default_rng(0)
  path = tmp_path / "y.pt"
  for _ in range(150):
    data = bytearray(whole[: rng.integers(1, len(whole) + 1)])
    if rng.random() < 0.7:
      data = bytearray(whole)
      for position in rng.integers(0, len(data), 2):
        data[position] ^= 1 << rng.integers(8)
    path.write_bytes(data)
    try:
      assert_columns(read_label_columns(path))
    except UserError as error:
      assert "\n" not in str(error)
