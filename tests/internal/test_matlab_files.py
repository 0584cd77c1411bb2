"""Files of MATLAB, against SciPy's reader and writer."""

import struct

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from mentornet_tf.errors import UserError
from mentornet_tf.internal.matlab_files import DamagedMatlabError, read_table

_ROWS = [(3, "n00000003", [1, 2]), (1, "n00000001", []), (700, "né", [5])]
_TYPE = [("number", "O"), ("name", "O"), ("children", "O")]


@pytest.mark.parametrize("do_compression", [False, True])
@pytest.mark.parametrize("number", [np.uint8, np.int16, np.float32, np.float64])
def test_columns_are_those_that_scipy_wrote(tmp_path, do_compression, number):
  rows = [(number(min(n, 255)), name, each) for n, name, each in _ROWS]
  path = tmp_path / "some.mat"
  savemat(
    path,
    {"other": np.eye(3), "table": np.array(rows, _TYPE)},
    do_compression=do_compression,
  )
  assert read_table(path, "table", ("name", "number")) == {
    "name": [name for _, name, _ in rows],
    "number": [float(value) for value, _, _ in rows],
  }


def element(order: str, kind: int, data: bytes) -> bytes:
  if 0 < len(data) <= 4:  # in place of the number of bytes
    head = struct.pack(order + "I", len(data) << 16 | kind)
    return head + data.ljust(4, b"\0")
  return (
    struct.pack(order + "II", kind, len(data))
    + data
    + (b"\0" * (-len(data) % 8))
  )


def array(order: str, kind: int, shape, name: bytes, *parts: bytes) -> bytes:
  return element(
    order,
    14,
    element(order, 6, struct.pack(order + "II", kind, 0))
    + element(order, 5, struct.pack(order + "ii", *shape))
    + element(order, 1, name)
    + b"".join(parts),
  )


def by_hand(order: str) -> bytes:
  """A file of one row, {number: 7, name: "né"}."""
  text = "né".encode("utf-16-le" if order == "<" else "utf-16-be")
  number = element(order, 9, struct.pack(order + "d", 7))
  table = array(
    order,
    2,
    (1, 1),
    b"table",
    element(order, 5, struct.pack(order + "i", 8)),
    element(order, 1, b"number\0\0name\0\0\0\0"),
    array(order, 6, (1, 1), b"", number),
    array(order, 4, (1, 2), b"", element(order, 17, text)),
  )
  version = struct.pack(order + "H", 0x0100)
  return b" " * 124 + version + (b"IM" if order == "<" else b"MI") + table


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_are_read_as_by_scipy(tmp_path, order):
  path = tmp_path / "some.mat"
  path.write_bytes(by_hand(order))
  expected = loadmat(path, squeeze_me=True)["table"]
  assert read_table(path, "table", ("number", "name")) == {
    "number": [float(expected["number"])],
    "name": [str(expected["name"])],
  }


@pytest.mark.parametrize("cut", [0, 100, 130, 200, -1])
def test_files_that_end_early_are_refused(tmp_path, cut):
  path = tmp_path / "some.mat"
  path.write_bytes(by_hand("<")[:cut])
  with pytest.raises(DamagedMatlabError):
    read_table(path, "table", ("number", "name"))


def test_other_tables_and_folders_are_refused(tmp_path):
  path = tmp_path / "some.mat"
  path.write_bytes(by_hand("<"))
  with pytest.raises(DamagedMatlabError, match="no table 'tables'"):
    read_table(path, "tables", ("number",))
  with pytest.raises(DamagedMatlabError, match="no table with weight"):
    read_table(path, "table", ("weight",))
  with pytest.raises(UserError, match="got a folder"):
    read_table(tmp_path, "table", ("number",))
