import unicodedata

import pytest

from mentornet_tf.datasets.labels.clean_labels import KNOWN_WRONG, UNKNOWN
from mentornet_tf.datasets.trees.table_rows import TableColumns
from mentornet_tf.datasets.trees.tables import read_image_table
from mentornet_tf.errors import UserError


@pytest.fixture
def table(tmp_path):
  def write(*lines: str):
    path = tmp_path / "birds.csv"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path

  return write


def test_labels_by_name(table):
  files = read_image_table(
    table(
      "path,label,clean_label",
      "a/1.jpg,owl,owl",
      "a/2.jpg,emu,",
      "",
      '"b, c/3.jpg",owl,cat',
      "4.jpg,emu,-1",
    )
  )
  assert files.class_names == ("cat", "emu", "owl")
  assert list(files.images.paths) == [
    b"a/1.jpg",
    b"a/2.jpg",
    b"b, c/3.jpg",
    b"4.jpg",
  ]
  assert files.images.labels.tolist() == [2, 1, 2, 1]
  assert files.images.clean_labels.tolist() == [2, -1, 0, -1]
  assert files.images.ids.tolist() == [0, 1, 2, 3]
  assert files.splits is None
  assert files.description == "image files listed in birds.csv"


def test_labels_by_number(table):
  files = read_image_table(table("label,path", "3,a.jpg", "0,b.jpg"))
  assert files.class_names == ("0", "1", "2", "3")
  assert files.images.labels.tolist() == [3, 0]


def test_given_splits_and_other_columns(table):
  files = read_image_table(
    table(
      "\ufeffPath, Label ,split,photographer",
      "a.jpg,x,train,Ann",
      "b.jpg,y,test,Bob",
      "c.jpg,y,val,",
    )
  )
  assert files.splits.tolist() == ["train", "test", "val"]
  assert files.class_names == ("x", "y")


def test_an_image_that_is_listed_twice_counts_once(table):
  files = read_image_table(
    table("path,label,split", "a,x,train", "b,y,test", "./a,x,train", "c,x,val")
  )
  assert list(files.images.paths) == [b"a", b"b", b"c"]
  # Positions among the images, not lines.
  assert files.images.ids.tolist() == [0, 1, 2]
  assert files.ordering == "images"
  assert files.splits.tolist() == ["train", "test", "val"]
  assert files.dropped == ()
  assert files.fields == {
    "annotations": {"images_with_several": 1, "disagreeing": 0, "ties": 0}
  }


def test_ids_count_images_however_many_lines_each_has(table):
  lines = ("path,label", "a,x", "a,x", "b,y", "a,y", "c,x", "c,y", "d,y")
  files = read_image_table(table(*lines), annotators="majority")
  assert list(files.images.paths) == [b"a", b"b", b"d"]
  assert files.images.labels.tolist() == [0, 1, 1]
  assert files.images.ids.tolist() == [0, 1, 3]
  (tie,) = files.dropped
  assert tie == (b"c", "tied labels")
  assert files.fields["annotations"] == {
    "images_with_several": 2,
    "disagreeing": 2,
    "ties": 1,
  }
  with pytest.raises(UserError, match=r"^annotators: .* 2 of 4 images"):
    read_image_table(table(*lines))
  with pytest.raises(UserError, match=r"^annotators: .* ties of all images in"):
    read_image_table(table("path,label", "a,x", "a,y"), annotators="majority")


def test_ties_make_no_split_vanish(table):
  lines = ("path,label,split", "a,x,train", "b,y,train", "c,x,val", "c,y,val")
  with pytest.raises(UserError, match=r"ties of all images for val in .*csv;"):
    read_image_table(table(*lines), annotators="majority")


def test_labels_that_are_known_to_be_wrong(table):
  files = read_image_table(
    table(
      "path,label,clean_label,known_wrong",
      "a,x,,1",
      "b,x,,0",
      "c,x,,",
      "d,x,y,1",
      "e,x,x,false",
      "f,y,y,",
    )
  )
  assert files.images.clean_labels.tolist() == [
    KNOWN_WRONG,
    0,
    UNKNOWN,
    1,
    0,
    1,
  ]


@pytest.mark.parametrize(
  ("line", "words"),
  [
    ("a,x,x,1", "line 2: expected a clean label unlike the label .* 1, got x"),
    ("a,x,y,0", "line 2: expected a clean label like the label .* 0, got y"),
  ],
)
def test_known_wrong_that_contradicts_the_clean_label(table, line, words):
  with pytest.raises(UserError, match=words):
    read_image_table(table("path,label,clean_label,known_wrong", line, "b,y,,"))


def test_a_plain_list(tmp_path):
  path = tmp_path / "train.txt"
  path.write_text("n01/a 1.jpg 2\nn02/b.jpg\t0\n", encoding="utf-8")
  files = read_image_table(path)
  assert list(files.images.paths) == [b"n01/a 1.jpg", b"n02/b.jpg"]
  assert files.images.labels.tolist() == [2, 0]
  assert files.class_names == ("0", "1", "2")
  renumbered = read_image_table(path, renumber=True)
  assert renumbered.images.labels.tolist() == [1, 0]
  assert renumbered.class_names == ("0", "2")


def test_named_columns_and_classes(table):
  files = read_image_table(
    table("file;species;label", "a;0;emu", "b;1;owl"),
    columns=TableColumns(path_column="file", label_column="species"),
    class_names=("owl", "emu"),
  )
  assert list(files.images.paths) == [b"a", b"b"]
  assert files.images.labels.tolist() == [0, 1]
  assert files.class_names == ("owl", "emu")


def test_the_other_form_of_a_path_where_only_that_is_a_file(table, tmp_path):
  composed, decomposed = (
    unicodedata.normalize(form, "grün/é.jpg") for form in ("NFC", "NFD")
  )
  (tmp_path / "grün").mkdir()
  (tmp_path / composed).write_bytes(b"")
  (tmp_path / "0").mkdir()
  (tmp_path / "0" / "a.jpg").write_bytes(b"")
  (tmp_path / r"0\b.jpg").write_bytes(b"")
  files = read_image_table(
    table(
      "path,label",
      f"{decomposed},x",
      f"{composed},x",
      r"0\a.jpg,y",
      r".\0\a.jpg,y",
      r"0\b.jpg,y",
      r"0\missing.jpg,y",
      r"0\..\0\a.jpg,y",
    )
  )
  assert [path.decode() for path in files.images.paths] == [
    composed,
    "0/a.jpg",
    r"0\b.jpg",
    r"0\missing.jpg",
    r"0\..\0\a.jpg",
  ]
  # Of both forms, each is the file that it names.
  if not (tmp_path / decomposed).exists():
    (tmp_path / decomposed).parent.mkdir(exist_ok=True)
    (tmp_path / decomposed).write_bytes(b"")
    files = read_image_table(
      table("path,label", f"{decomposed},x", f"{composed},y")
    )
    assert [path.decode() for path in files.images.paths] == [
      decomposed,
      composed,
    ]


def test_paths_are_relative_to_the_table_or_the_given_folder(table, tmp_path):
  folder = tmp_path / "images"
  folder.mkdir()
  (folder / "a.jpg").write_bytes(b"an owl")
  below = read_image_table(table("path,label", "images/a.jpg,x", "b,y"))
  assert below.reader.read(below.images[0]) == b"an owl"
  given = read_image_table(
    table("path,label", "a.jpg,x", f"{folder}/b.jpg,y"), folder
  )
  assert given.reader.read(given.images[0]) == b"an owl"
  assert list(given.images.paths) == [b"a.jpg", b"b.jpg"]


@pytest.mark.parametrize(
  ("lines", "words"),
  [
    ((), "names the columns, .*'an empty file'"),
    (("a.jpg,owl",), "with path and label, got 'a.jpg,owl'; add the column pa"),
    (("path,lable", "a,x"), "add the column label"),
    (("path,label,label", "a,x,y"), "expected one column label, got 2"),
    (("path,label",), "got the header only"),
    (("path,label", "a,x", "b"), "line 3: expected 2 fields, got 1"),
    (("path,label", "a,x", "b,y,z"), "line 3: expected 2 fields, got 3"),
    (("path,label", "a,x", ",y"), "line 3: expected a path, got none"),
    (("path,label", "a,x", "b, "), "line 3: expected a label, got none"),
    (("path,label", "a,x", "b,x"), "two or more classes, got x throughout"),
    (("path,label", "a,1", "b,-2"), "line 3: expected labels .*, got -2"),
    (("path,label", "a,1", "b,123456"), "line 3: .*to 99999.*, got 123456"),
    (("path,label", "a,x", "../b,y"), "line 3: expected a path below .*'../b'"),
    (("path,label", "/a,x", "b,y"), "line 2: expected a path below .*'/a'"),
    (
      ("path,label,split", "a,x,train", "b,y,extra"),
      "line 3: expected train, val or test as split, got 'extra'",
    ),
  ],
)
def test_malformed_tables(table, lines, words):
  with pytest.raises(UserError, match=words) as caught:
    read_image_table(table(*lines))
  assert "\n" not in str(caught.value)


def test_other_files(tmp_path):
  with pytest.raises(UserError, match=r"^table: .* no such file"):
    read_image_table(tmp_path / "birds.csv")
  (tmp_path / "birds.csv").write_bytes(b"path,label\n\xff\xd8\xff,x\n")
  with pytest.raises(UserError, match="expected a table as text"):
    read_image_table(tmp_path / "birds.csv")
