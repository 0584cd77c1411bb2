import copy

import numpy as np
import pytest

from mentornet_tf.datasets.images import bytes_columns
from mentornet_tf.datasets.images.bytes_columns import BytesColumn

VALUES = [b"ab", b"", b"\xff\x00c", b"ab", b"a" * 300, b"d"]


def test_values_come_back():
  column = BytesColumn.of(iter(VALUES))
  assert len(column) == 6
  assert list(column) == VALUES
  assert column[4] == VALUES[4] and column[np.int64(2)] == VALUES[2]
  assert list(BytesColumn.of([])) == []


def test_a_selection_shares_the_values():
  column = BytesColumn.of(VALUES)
  part = column.take(np.array([5, 0, 0]))
  assert list(part) == [b"d", b"ab", b"ab"]
  assert part.buffer is column.buffer
  assert list(part.take(np.array([2, 0]))) == [b"ab", b"d"]


@pytest.mark.parametrize("rows_at_once", [1, 4, 65536])
def test_packing_keeps_the_rows(monkeypatch, rows_at_once):
  monkeypatch.setattr(bytes_columns, "_ROWS_AT_ONCE", rows_at_once)
  packed = BytesColumn.of(VALUES).take(np.array([4, 2, 5, 4, 1])).packed()
  assert list(packed) == [VALUES[4], VALUES[2], b"d", VALUES[4], b""]
  assert packed.buffer.tobytes() == VALUES[4] + VALUES[2] + b"d" + VALUES[4]
  np.testing.assert_array_equal(packed.rows, range(5))


def test_first_occurrences():
  column = BytesColumn.of(VALUES).take(np.array([3, 0, 1, 2, 1, 1, 5]))
  np.testing.assert_array_equal(
    column.first_occurrences(), [True, False, True, True, False, False, True]
  )


def test_saved_columns_come_back(tmp_path):
  column = BytesColumn.of(VALUES).take(np.array([5, 4, 0]))
  categories = BytesColumn.of([b"x", b"yy"]).take(np.array([1, 1, 0]))
  column.save(tmp_path, "paths")
  categories.save(tmp_path, "kinds")
  assert list(BytesColumn.load(tmp_path, "paths")) == list(column)
  loaded = BytesColumn.load(tmp_path, "kinds")
  assert list(loaded) == [b"yy", b"yy", b"x"]
  assert loaded.buffer.tobytes() == b"xyy"  # once a category
  assert BytesColumn.is_saved(tmp_path, "kinds")
  assert not BytesColumn.is_saved(tmp_path, "others")


def test_columns_can_be_copied():
  column = copy.deepcopy(BytesColumn.of(VALUES))
  assert list(column) == VALUES


def test_a_million_rows_are_a_few_arrays():
  """20 bytes of path, 8 of start and 4 of row for each."""
  column = BytesColumn.of(
    b"google/q%04d/%08d" % (i % 10, i) for i in range(10**6)
  )
  size = sum(
    part.nbytes for part in (column.buffer, column.starts, column.rows)
  )
  assert size == 33 * 10**6 + 8
  assert column[999_999] == b"google/q0009/00999999"
