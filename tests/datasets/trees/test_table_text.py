import csv
import io

import pytest

from mentornet_tf.datasets.trees.table_text import (
  Cells,
  read_cells,
  read_lines,
  split_line,
)
from mentornet_tf.errors import UserError


def cells(tmp_path, text, delimiter=","):
  lines = io.StringIO(text, newline="")
  return list(read_cells(tmp_path / "t.csv", lines, delimiter))


def test_cells_are_those_of_csv(tmp_path):
  text = 'a,"b ""c"", d",e\r\n\r\n,,\n f , "g", "h\ni"\n"",x,y'
  assert cells(tmp_path, text) == [
    Cells(1, ["a", 'b "c", d', "e"]),
    Cells(4, ["f ", "g", "h\ni"], ('i"\n',)),
    Cells(6, ["", "x", "y"]),
  ]
  assert [each.values for each in cells(tmp_path, 'a\t"b;c"\td', "\t")] == [
    ["a", "b;c", "d"]
  ]
  assert [each.values for each in cells(tmp_path, 'a; "b;c";d', ";")] == [
    ["a", "b;c", "d"]
  ]


def test_quotes_within_a_cell_are_characters(tmp_path):
  (row,) = cells(tmp_path, 'a.jpg,5" nail,x\n')
  assert row.values == ["a.jpg", '5" nail', "x"]


@pytest.mark.parametrize(
  ("text", "line"),
  [
    ('a,x\nb,"x\nc,x\nd,x\n', 2),
    ('a,"x', 1),
    ('a,x\n"b,x\n' + "c,x\n" * 100_000, 2),
    # The first pair of quotes closes, the second does not.
    ('a,x\n"b\nc","x\nd,y\n', 3),
    # Two stray quotes, each on a line of its own.
    ('a,x\nb,"5 inch\nc,x\nd,"7 inch\ne,x\n', 2),
    ('a,x\nb,"x"y\n', 2),
    ('a,x\n\n\nb, "x" y\n', 4),
    ('a,"x" ""\n', 1),
    ('a,"it is \\"x\\""\n', 1),
  ],
)
def test_quotes_that_do_not_close_are_named_where_they_open(
  tmp_path, text, line
):
  with pytest.raises(UserError, match=rf"t\.csv: line {line}: .* quote "):
    cells(tmp_path, text)


def test_a_cell_larger_than_the_limit(tmp_path):
  size = csv.field_size_limit()
  (row,) = cells(tmp_path, "a," + "x" * size)
  assert len(row.values[1]) == size
  with pytest.raises(UserError, match=f"line 2: .* most {size} .*, got a larg"):
    cells(tmp_path, "a,x\nb," + "x" * (size + 1) + "\n")


def test_whatever_the_quotes_a_line_has_cells():
  assert split_line('a, "b,c', ",") == ["a", "b,c"]
  assert split_line("", ",") == []


@pytest.mark.parametrize(
  "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]
)
def test_encodings(tmp_path, encoding):
  text = "path,label\r\ngrün.jpg,x\r\n"
  bom = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
  (tmp_path / "t.csv").write_bytes((bom + text).encode(encoding))
  assert "".join(read_lines(tmp_path / "t.csv")) == text


@pytest.mark.parametrize(
  "content",
  [
    "grün".encode("latin-1"),
    b"\xff\xfea",
    b"\xff\xd8\xff\xe0",
    b"\xff\xfe\0\xd8",
  ],
)
def test_other_bytes(tmp_path, content):
  (tmp_path / "t.csv").write_bytes(content)
  with pytest.raises(
    UserError, match=r"t\.csv: expected a table as text in UTF"
  ):
    list(read_lines(tmp_path / "t.csv"))


def test_no_file(tmp_path):
  with pytest.raises(UserError, match=r"^table: .* no such file"):
    list(read_lines(tmp_path / "none.csv"))
  with pytest.raises(UserError, match="expected a file, got a folder"):
    list(read_lines(tmp_path))
