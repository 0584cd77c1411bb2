"""Plain data loads; a pickle that asks for anything else does not."""

import json
import os
import pickle
import subprocess
import sys
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
    np.arange(3, dtype=">i4"),
    np.array(7.0),
  ],
  ids=["uint8", "fortran", "text", "scalar", "big endian", "no axes"],
)
def test_arrays_round_trip(array, protocol):
  loaded = restricted_pickle.load(pickle.dumps(array, protocol))
  np.testing.assert_array_equal(loaded, array)
  # NumPy swaps the bytes of protocols before 5 as it loads them.
  assert loaded.dtype.newbyteorder("=") == array.dtype.newbyteorder("=")


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


_SIZE = (1 << 40).to_bytes(8, "little")
_U1 = b"cnumpy\ndtype\n(X\x02\x00\x00\x00u1K\x00K\x01tR"
_O8 = b"cnumpy\ndtype\n(X\x02\x00\x00\x00O8K\x00K\x01tR"
_NEW = (
  b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85C\x01btR"
)


def _array(shape=b"K\x02\x85", dtype=_U1, content=b"C\x02ab"):
  return b"\x80\x04" + _NEW + b"(K\x01" + shape + dtype + b"\x89" + content


# What a reader in C takes at its word, or what recurses without end.
CRAFTED = {
  "bytearray beyond the file": b"\x80\x05\x96" + _SIZE + b"ab.",
  "text beyond the file": b"\x80\x04\x8d" + _SIZE + b"ab.",
  "bytes beyond the file": b"\x80\x04\x8e" + _SIZE + b"ab.",
  "frame beyond the file": b"\x80\x04\x95" + _SIZE + b"ab.",
  "long beyond the file": b"\x80\x02\x8b\xff\xff\xff\x7fab.",
  "deep tuples": b"\x80\x02)" + b"\x85" * 300_000 + b".",
  "deep lists": b"\x80\x02" + b"]" * 300_000 + b"a" * 299_999 + b".",
  "deep key": b"\x80\x02})" + b"\x85" * 300_000 + b"Ns.",
  "deep member": b"\x80\x04\x8f()" + b"\x85" * 300_000 + b"\x90.",
  "doubled key": b"\x80\x04})" + b"2\x86" * 200 + b"Ns.",
  "doubled parts": b"\x80\x04)" + b"2\x86" * 60 + b".",
  "a list of itself": b"\x80\x02]q\x00h\x00a.",
  "large bytes": b"c__builtin__\nbytearray\n(L1099511627776L\ntR.",
  "other encoding": (
    b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x03\x00\x00\x00bz2tR."
  ),
  "number of many digits": b"L" + b"9" * 100_000 + b"L\n.",
  "huge array": _array(b"\x8a\x06\x00\x00\x00\x00\x00\x01\x85") + b"tb.",
  "negative axis": _array(b"J\xff\xff\xff\xff\x85") + b"tb.",
  "too many axes": _array(b"(" + b"K\x01" * 40 + b"t") + b"tb.",
  "short array": _array(content=b"C\x01a") + b"tb.",
  "objects from bytes": _array(b"K\x01\x85", _O8, b"C\x08abcdefgh") + b"tb.",
  "objects that are missing": _array(dtype=_O8, content=b"]") + b"tb.",
  "array within arrays": (
    _array(b"K\x01\x85", _O8, b"]" + _NEW + b"a") + b"tb."
  ),
  "array without a type": _array(dtype=b"N") + b"tb.",
  "array without a state": b"\x80\x04" + _NEW + b"Nb.",
  "wide text": _array(b"K\x00\x85", _U1.replace(b"u1", b"U0")) + b"tb.",
  "other size of a type": (
    b"\x80\x02" + _U1 + b"(K\x03X\x01\x00\x00\x00|NNNM\x00\x10J\xff\xff\xff\xff"
    b"K\x00tb."
  ),
  "fields of a type": (
    b"\x80\x02" + _U1 + b"(K\x03X\x01\x00\x00\x00|N)}J\xff\xff\xff\xff"
    b"J\xff\xff\xff\xffK\x00tb."
  ),
  "items for an array": b"\x80\x04" + _NEW + b"K\x00Ns.",
  "new object": b"\x80\x02cnumpy\nndarray\n)\x81.",
  "old object": b"(cnumpy\nndarray\nK\x05o.",
  "no STOP": b"\x80\x02N",
  "nothing on the stack": b"\x80\x02a.",
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
  """Name of the crafted pickle -> what loading it ended in.

  A process of its own loads them, which may crash, within 1 GB of memory.
  """
  script = (
    "import json, pickle, resource, sys\n"
    "from mentornet_tf.internal import restricted_pickle\n"
    "resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))\n"
    "for name, data in pickle.load(sys.stdin.buffer).items():\n"
    "  try:\n"
    "    restricted_pickle.load(data)\n"
    "    outcome = 'loaded'\n"
    "  except Exception as error:\n"
    "    outcome = f'{type(error).__name__}: {error}'\n"
    "  print(json.dumps([name, outcome]), flush=True)\n"
  )
  result = subprocess.run(
    [sys.executable, "-c", script],
    input=pickle.dumps(CRAFTED),
    capture_output=True,
    timeout=60,
    env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
  )
  found = dict(map(json.loads, result.stdout.decode().splitlines()))
  assert result.returncode == 0, (list(found)[-1:], result.stderr[-500:])
  return found


@pytest.mark.parametrize("name", CRAFTED)
def test_a_crafted_pickle_is_refused_in_one_line(outcomes, name):
  assert outcomes[name].startswith("UserError: pickle: expected a complete ")
  assert "\n" not in outcomes[name]
  assert len(outcomes[name]) < 400


def test_the_crafted_arrays_are_refused_for_what_is_crafted():
  loaded = restricted_pickle.load(_array() + b"tb.")
  np.testing.assert_array_equal(loaded, np.frombuffer(b"ab", np.uint8))
  loaded = restricted_pickle.load(
    _array(dtype=_O8, content=b"](K\x07Ne") + b"tb."
  )
  assert loaded.tolist() == [7, None]


def test_loading_does_not_change_the_types_of_other_arrays():
  state = (
    b"(K\x03X\x01\x00\x00\x00>NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb."
  )
  loaded = restricted_pickle.load(
    b"\x80\x02" + _U1.replace(b"u1", b"i4") + state
  )
  assert loaded == np.dtype(">i4")
  assert np.dtype("i4").str == "<i4"


@pytest.mark.parametrize("name", ["/dev/zero", "pipe"])
def test_what_is_no_file_is_refused(tmp_path, name):
  if name == "pipe":
    name = tmp_path / name
    os.mkfifo(name)
  with pytest.raises(UserError, match=r"expected a file, got a (pipe|device)"):
    restricted_pickle.load(name)


def test_a_large_place_in_the_memo_takes_no_memory():
  assert restricted_pickle.load(b"\x80\x02]r\xff\xff\xff\x7f.") == []


def test_what_is_asked_for_is_named_in_one_line():
  data = b"c" + b"os\r\x1b" * 100 + b"\nsys\ntem\n."
  with pytest.raises(UserError) as caught:
    restricted_pickle.load(data)
  assert str(caught.value).isprintable()
  assert len(str(caught.value)) < 400
