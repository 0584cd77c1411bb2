"""Plain data loads; a pickle that asks for anything else does not."""

import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest

from mentornet_tf.errors import UserError
from mentornet_tf.internal import restricted_pickle

PLAIN = {
  "text": "é",
  "bytes": b"\x00\xff",
  "numbers": [1, 2.5, 1 + 2j, True, None],
  "sets": ({1, 2}, frozenset([3])),
  "ordered": OrderedDict(a=1),
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_round_trips(protocol):
  loaded = restricted_pickle.load(pickle.dumps(PLAIN, protocol))
  assert loaded == PLAIN


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
  "array",
  [
    np.arange(12, dtype=np.uint8).reshape(3, 4),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.array(["a", "bc"]),
    np.float32(1.5),
    np.array([(1, 2.0)], dtype=[("i", "i4"), ("x", "f8")]),
  ],
  ids=["uint8", "fortran", "text", "scalar", "record"],
)
def test_arrays_round_trip(array, protocol):
  loaded = restricted_pickle.load(pickle.dumps(array, protocol))
  np.testing.assert_array_equal(loaded, array)
  assert loaded.dtype == array.dtype


@pytest.mark.parametrize("core", ["numpy.core", "numpy._core"])
def test_both_names_of_numpys_core_load(core):
  data = pickle.dumps(np.arange(3), protocol=2)
  for name in (b"numpy._core.", b"numpy.core."):
    data = data.replace(name, core.encode() + b".")
  np.testing.assert_array_equal(restricted_pickle.load(data), [0, 1, 2])


def test_python_2_pickles_load_with_either_encoding():
  # {'data': 'a\xff'} as Python 2 writes it with protocol 2, then an array.
  data = b"\x80\x02}q\x00U\x04dataq\x01U\x02a\xffq\x02s."
  assert restricted_pickle.load(data) == {"data": "aÿ"}
  loaded = restricted_pickle.load(data, encoding="bytes")
  assert loaded == {b"data": b"a\xff"}
  array = (
    b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x00cnumpy\nndarray\n"
    b"q\x01K\x00\x85q\x02U\x01bq\x03\x87q\x04Rq\x05(K\x01K\x02\x85q\x06cnumpy"
    b"\ndtype\nq\x07U\x02u1q\x08K\x00K\x01\x87q\tRq\n(K\x03U\x01|q\x0bNNNJ\xff"
    b"\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x0cb\x89U\x02\x01\xffq\rtq\x0eb."
  )
  for encoding in ("latin1", "bytes"):
    np.testing.assert_array_equal(
      restricted_pickle.load(array, encoding=encoding), np.uint8([1, 255])
    )


def test_paths_and_open_files_load(tmp_path):
  path = tmp_path / "data.p"
  path.write_bytes(pickle.dumps([1, 2]))
  assert restricted_pickle.load(path) == [1, 2]
  assert restricted_pickle.load(str(path)) == [1, 2]
  with path.open("rb") as file:
    assert restricted_pickle.load(file) == [1, 2]


class _RunsCode:
  def __init__(self, path):
    self.path = path

  def __reduce__(self):
    return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_runs_code_is_refused(tmp_path, protocol):
  trace = tmp_path / "trace"
  path = tmp_path / "bad.p"
  path.write_bytes(pickle.dumps({"x": _RunsCode(trace)}, protocol))
  with pytest.raises(UserError, match=r"bad\.p.*asks for \w+\.system"):
    restricted_pickle.load(path)
  assert not trace.exists()


@pytest.mark.parametrize(
  "asked",
  [
    ("builtins", "eval"),
    ("__builtin__", "eval"),
    ("builtins", "getattr"),
    ("numpy", "load"),
    ("numpy.core.multiarray", "fromfile"),
    ("subprocess", "Popen"),
  ],
)
def test_other_globals_are_refused(asked):
  data = f"c{asked[0]}\n{asked[1]}\n.".encode()
  with pytest.raises(UserError, match=rf"asks for .*{asked[1]}"):
    restricted_pickle.load(data)


def test_a_dotted_name_is_refused():
  # Protocol 4 may ask for attributes of an allowed name.
  data = b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93."
  with pytest.raises(UserError, match=r"ndarray\.tofile"):
    restricted_pickle.load(data)


@pytest.mark.parametrize("kept", [0, 1, 10, -1])
def test_a_truncated_pickle_is_refused(kept):
  data = pickle.dumps(np.arange(100), protocol=2)[:kept]
  with pytest.raises(UserError, match="expected a complete pickle"):
    restricted_pickle.load(data)


@pytest.mark.parametrize(
  "data", [b"not a pickle", b"\x00" * 20, b"R.", b"h\0."]
)
def test_other_bytes_are_refused(data):
  with pytest.raises(UserError, match="expected a complete pickle"):
    restricted_pickle.load(data)


def test_callers_may_narrow_what_is_allowed():
  data = pickle.dumps(np.arange(3))
  with pytest.raises(UserError, match="numpy"):
    restricted_pickle.load(data, allowed_globals=())
