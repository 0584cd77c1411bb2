import os

import pytest

from mentornet_tf.errors import UserError
from mentornet_tf.internal.csv_files import read_rows

_GOOD = 'step,loss,name\n1,0.5,a\n2,,\n3,1e-3,"b,c"\n'


def rows(path, **options):
  return list(
    read_rows(
      path,
      ("step",),
      integers=("step",),
      texts=("name",),
      advice="do this",
      **options,
    )
  )


def test_rows_come_as_text_by_name(tmp_path):
  path = tmp_path / "t.csv"
  path.write_text(_GOOD)
  assert rows(path) == [
    {"step": "1", "loss": "0.5", "name": "a"},
    {"step": "2", "loss": "", "name": ""},
    {"step": "3", "loss": "1e-3", "name": "b,c"},
  ]


@pytest.mark.parametrize("count", range(1, 12))
def test_an_appended_row_without_its_end_is_left_out(tmp_path, count):
  path = tmp_path / "t.csv"
  path.write_text(_GOOD[:-count])
  assert rows(path, appended=True) == rows_of_good(tmp_path)[:2]


def rows_of_good(folder):
  (folder / "good.csv").write_text(_GOOD)
  return rows(folder / "good.csv")


@pytest.mark.parametrize(
  ("content", "line", "words"),
  [
    (b"", 1, "an empty file"),
    (b"1,0.5,a\n2,1,b\n", 1, "got none of step"),
    (b"step,loss,loss\n", 1, "a name twice"),
    (b"step,loss\n1,2\n3\n", 3, "expected 2 fields, got 1"),
    (b"step,loss\n1,2,3\n", 2, "expected 2 fields, got 3"),
    (b"step,loss\n\n1,2\n", 2, "expected 2 fields, got 0"),
    (b"step,loss\n-1,2\n", 2, "a whole number >= 0 for step, got '-1'"),
    (b"step,loss\n,2\n", 2, "a whole number >= 0 for step, got ''"),
    (b"step,loss\n1.5,2\n", 2, "a whole number >= 0 for step"),
    (b"step,loss\n1,high\n", 2, "a number for loss, got 'high'"),
    (b"step,loss\n1,2\n\0\0\0\n", 3, "got NUL bytes"),
    (b"step,loss\n1,\xff\n", 2, "bytes that are not UTF-8"),
    (b'step,name\n1,"a\n', 2, "unexpected end of data"),
    (b'step,name\n1,"a"b\n', 2, "',' expected after"),
    (b"step,loss\n1," + b"1" * 200000 + b"\n", 2, "field larger than"),
  ],
)
def test_damage_is_one_line_that_names_the_line(tmp_path, content, line, words):
  path = tmp_path / "t.csv"
  path.write_bytes(content)
  with pytest.raises(UserError) as caught:
    rows(path)
  message = str(caught.value)
  assert message.startswith(f"{path}, line {line}: expected")
  assert words in message and message.endswith("; do this")


def test_a_damaged_end_of_a_line_does_not_hide_the_rows_behind_it(tmp_path):
  (tmp_path / "x.csv").write_bytes(b"step\r\n1\rX2\r\n3\r\n")
  with pytest.raises(UserError, match="line 2: expected a whole line"):
    list(read_rows(tmp_path / "x.csv", ("step",), advice="ok", appended=True))


def test_a_pipe_is_refused(tmp_path):
  os.mkfifo(tmp_path / "t.csv")
  with pytest.raises(UserError, match="expected a file, got a pipe"):
    rows(tmp_path / "t.csv")
