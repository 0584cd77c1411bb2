import pytest

from mentornet_tf.datasets.trees.table_rows import (
  TableColumns,
  TableRow,
  is_missing,
  read_rows,
)
from mentornet_tf.errors import UserError


@pytest.fixture
def rows(tmp_path):
  def read(text: str, name: str = "t.csv", **columns: str):
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    return list(read_rows(tmp_path / name, TableColumns(**columns)))

  return read


@pytest.mark.parametrize("delimiter", [",", "\t", ";", ", ", ";\t"])
@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.txt", "t.lst", "table"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_header_tells_the_delimiter(rows, delimiter, name, end):
  lines = (("Path", "LABEL"), ("a b.jpg", "owl"), ("c.jpg", "emu"))
  text = "".join(delimiter.join(line) + end for line in lines)
  assert rows(text, name) == [
    TableRow(2, "a b.jpg", "owl"),
    TableRow(3, "c.jpg", "emu"),
  ]


def test_quotes_after_a_space_are_quotes(rows):
  text = 'path, label\na.jpg, "owl"\n "b, c.jpg" ,"emu"\n'
  with pytest.raises(UserError, match="line 3: expected a quote that closes"):
    rows(text)
  assert rows(text.replace('g" ,', 'g",'))[1] == TableRow(3, "b, c.jpg", "emu")


def test_all_columns(rows):
  text = (
    "label,known_wrong,split,extra,clean_label,path\n"
    "owl,1,Train,,emu,a\n"
    "owl,0.0,validation,x,,b\n"
    "owl,TRUE,DEV,x,nan,c\n"
    "owl,nan,testing,x,-1,d\n"
  )
  assert rows(text) == [
    TableRow(2, "a", "owl", "emu", True, "train"),
    TableRow(3, "b", "owl", "", False, "val"),
    TableRow(4, "c", "owl", "nan", True, "val"),
    TableRow(5, "d", "owl", "-1", None, "test"),
  ]


def test_columns_by_name(rows):
  text = "file,noisy,label,set\na,owl,emu,val\n"
  names = {
    "path_column": "File",
    "label_column": "noisy",
    "clean_label_column": "label",
    "split_column": "set",
  }
  assert rows(text, **names) == [TableRow(2, "a", "owl", "emu", None, "val")]
  # The usual names are other columns then.
  text = "path,file,label\nx,a,owl\n"
  assert rows(text, path_column="file") == [TableRow(2, "a", "owl")]


@pytest.mark.parametrize(
  ("header", "columns", "words"),
  [
    (
      "path,label",
      {"split_column": "set"},
      "^split_column: expected a column of .*, which has 'path,label', got set",
    ),
    (
      "path,label",
      {"label_column": "species"},
      "^label_column: .* got species",
    ),
    (
      "file,label",
      {"label_column": "label"},
      "add the column path .*`path_col",
    ),
    (
      "path,label",
      {"clean_label_column": "Label"},
      "^label_column: .* its own, got label for `clean_label_column`, too",
    ),
    ("path,label,label", {}, "expected one column label, got 2"),
    ("path,x,X,label", {"split_column": "x"}, "expected one column x, got 2"),
  ],
)
def test_columns_that_do_not_fit(rows, header, columns, words):
  with pytest.raises(UserError, match=words):
    rows(header + "\n", **columns)


@pytest.mark.parametrize("suffix", [".txt", ".lst", ".TXT"])
def test_plain_lists(rows, suffix):
  text = (
    "n01/a.jpg 0\nn02/my picture.jpg 12\n\n  b.jpg\t1 \r\nc  d.jpg   007\n"
    '"e" 2\n'
  )
  assert rows(text, "train" + suffix) == [
    TableRow(1, "n01/a.jpg", "0"),
    TableRow(2, "n02/my picture.jpg", "12"),
    TableRow(4, "b.jpg", "1"),
    TableRow(5, "c  d.jpg", "007"),
    TableRow(6, '"e"', "2"),
  ]


@pytest.mark.parametrize(
  ("text", "line"),
  [
    ("a.jpg 0\nb.jpg\n", 2),
    ("a.jpg 0\nb.jpg x\n", 2),
    ("a.jpg 0\nb.jpg -1\n", 2),
    ("a.jpg 0\n7\n", 2),
    ("a.jpg,0\n", 1),
    ("a.jpg 0\na.jpg, 0\n", 2),
    ("filename label\na.jpg 0\n", 1),
    ("0\t1.0\ta.jpg\n", 1),
    ("a.jpg ²\n", 1),
  ],
)
def test_lines_of_no_plain_list(rows, text, line):
  with pytest.raises(
    UserError, match=rf"t\.lst: line {line}: expected a path, "
  ):
    rows(text, "t.lst")


def test_other_files_are_no_plain_lists(rows):
  with pytest.raises(UserError, match="names the columns"):
    rows("a.jpg 0\nb.jpg 1\n", "t.csv")
  # Named columns need a header.
  with pytest.raises(UserError, match=r"^path_column: .* got file; name"):
    rows("a.jpg 0\nb.jpg 1\n", "t.txt", path_column="file")


@pytest.mark.parametrize(
  ("lines", "words"),
  [
    (("a,x,y",), "line 2: expected 2 fields, got 3"),
    ((" ,x",), "line 2: expected a path, got none"),
    (("a,x", "b,  "), "line 3: expected a label, got none"),
    (('a,\t"x"',), "line 2: expected a label on one line, or quotes around"),
    (('a,"x\ny"',), "line 2: expected a label on one line"),
    (("a\0,x",), "line 2: expected text, got a NUL byte"),
    (('"a,x', 'b",x'), "line 2: expected a quote that closes on its line"),
  ],
)
def test_malformed_lines(rows, lines, words):
  with pytest.raises(UserError, match=words):
    rows("\n".join(("path,label", *lines)))


@pytest.mark.parametrize(
  ("column", "word"),
  [("split", ""), ("split", "all"), ("known_wrong", "2"), ("known_wrong", "?")],
)
def test_words_that_mean_nothing(rows, column, word):
  with pytest.raises(UserError, match=rf"line 2: .* as {column}, got '"):
    rows(f"path,label,{column}\na,x,{word}\n")


def test_captions_may_hold_line_breaks(rows):
  text = 'path,label,caption\na.jpg,x,"an owl,\nat night"\nb.jpg,y,\n'
  assert rows(text) == [TableRow(2, "a.jpg", "x"), TableRow(4, "b.jpg", "y")]


@pytest.mark.parametrize(
  "text",
  [
    # The quotes pair up, and line 3 would be gone without a word.
    'path,label,caption\na.jpg,x,"5 inch\nb.jpg,y,"\n',
    'path,label,caption\na.jpg,x,"5 inch\nb.jpg,y,nothing"\nc.jpg,y,\n',
    'caption,label,path\n"5 inch,x,a.jpg\nbroad",y,b.jpg\n',
    'caption,path\n"5 inch,a.jpg\nx,b.jpg\nbroad",c.jpg\n',
    'path,label,caption\na,x,"5 inch\nb,y,"\n',
  ],
)
def test_stray_quotes_that_pair_up_swallow_no_row(rows, text):
  columns = {} if "label" in text else {"label_column": "caption"}
  with pytest.raises(UserError, match=r"line 2: expected a"):
    rows(text, **columns)


def test_words_for_a_missing_value():
  assert all(map(is_missing, ("", " ", "nan", "NaN", "None", "null", "<NA>")))
  assert not any(map(is_missing, ("0", "-1", "nancy", "nil")))
