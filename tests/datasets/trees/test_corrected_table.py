"""New tables give every image its label, in the table's own words."""

from pathlib import Path

import pytest

from mentornet_tf.datasets.trees.corrected_table import write_corrected_table
from mentornet_tf.datasets.trees.corrections import Correction, decide
from mentornet_tf.datasets.trees.own_images import OwnImages
from mentornet_tf.datasets.trees.splits import split_of_images
from mentornet_tf.datasets.trees.table_rows import TableColumns
from mentornet_tf.errors import UserError


def corrected(source, *corrections, output="new.csv", **options):
  """Writes, and reads again as the converter is told to."""
  files = source.files()
  decisions = decide(
    files, [Correction(2, *each) for each in corrections], "c.csv"
  )
  output = Path(source.table or source.source_dir).parent / output
  written = write_corrected_table(source, files, decisions, output, **options)
  names = source.class_names
  if written.class_names_path:
    names = tuple(written.class_names_path.read_text().splitlines())
  again = OwnImages(
    written.path,
    Path(written.source_dir),
    source.columns,
    names,
    source.renumber and not written.class_names_path,
    source.annotators,
  )
  return written, again.files()


def labels(files):
  return {
    path.decode(): (files.class_names[label], id)
    for path, label, id in zip(
      files.images.paths,
      files.images.labels.tolist(),
      files.images.ids.tolist(),
      strict=True,
    )
  }


def table(tmp_path, text, name="t.csv", **settings):
  (tmp_path / name).write_text(text, encoding="utf-8")
  return OwnImages(tmp_path / name, **settings)


def test_other_columns_delimiters_and_words_stay(tmp_path):
  text = (
    'File;"said ""what""";Label;known_wrong;clean_label\n'
    'x/1.jpg;"a;b\nc";3.0;1;\nx/2.jpg;;0;;0\nx/3.jpg;é ;001;0;\nx/4.jpg;;3;;\n'
  )
  source = table(tmp_path, text, columns=TableColumns(path_column="file"))
  written, files = corrected(
    source, ("relabel", "x/1.jpg", None, "001"), ("keep", "x/2.jpg")
  )
  assert written.path.read_bytes().decode() == (
    'File;"said ""what""";Label;known_wrong;clean_label;label_correction;'
    'label_before\r\nx/1.jpg;"a;b\nc";001;;;relabelled;3.0\r\n'
    "x/2.jpg;;0;;0;kept;\r\nx/3.jpg;é ;001;0;;;\r\nx/4.jpg;;3;;;;\r\n"
  )
  assert written.class_names_path is None
  assert labels(files) == {
    "x/1.jpg": ("001", 0),
    "x/2.jpg": ("0", 1),
    "x/3.jpg": ("001", 2),
    "x/4.jpg": ("3", 3),
  }


def test_labels_of_all_lines_and_a_second_round(tmp_path):
  text = "path,label\na,x\na,x\na,y\nb,y\nc,z\nd,z\n"
  source = table(tmp_path, text, annotators="majority")
  _, files = corrected(source, ("relabel", "a", None, "z"), ("drop", "b"))
  # The class y has no image any more, so that its name is needed.
  assert files.class_names == ("x", "y", "z")
  assert labels(files) == {"a": ("z", 0), "c": ("z", 2), "d": ("z", 3)}
  assert files.fields["corrections"] == {
    "kept": 0,
    "relabelled": 1,
    "dropped": 1,
  }
  assert (b"b", "dropped by a correction") in files.dropped
  second = OwnImages(
    tmp_path / "new.csv",
    class_names=("x", "y", "z"),
    annotators="majority",
  )
  written, files = corrected(
    second, ("relabel", "d", None, "x"), ("keep", "a"), output="newer.csv"
  )
  assert labels(files) == {"a": ("z", 0), "c": ("z", 2), "d": ("x", 3)}
  lines = written.path.read_text().splitlines()
  assert lines[1:5] == [
    "a,z,kept,x",
    "a,z,kept,x",
    "a,z,kept,y",
    "b,,dropped,y",
  ]
  assert lines[6] == "d,x,relabelled,z"


def test_numbers_of_classes_stay(tmp_path):
  # Of numbers anew: the table by itself would number 1 and 7 as 0 and 1.
  source = table(tmp_path, "path,label\na,1\nb,1\nc,4.0\nd,7\n", renumber=True)
  written, files = corrected(source, ("relabel", "c", None, "7"))
  assert files.class_names == ("1", "4", "7") and written.class_names_path
  assert labels(files) == {
    "a": ("1", 0),
    "b": ("1", 1),
    "c": ("7", 2),
    "d": ("7", 3),
  }
  # A plain list becomes a table; the numbers are those of given names.
  source = table(
    tmp_path, "a 0\nb 1\nc d 0\n", "t.txt", class_names=("x", "y", "z")
  )
  written, files = corrected(
    source, ("relabel", "c d", None, "z"), output="list.csv"
  )
  assert "c d,2,relabelled,0" in written.path.read_text().splitlines()
  assert written.class_names_path is None
  assert labels(files)["c d"] == ("z", 2)


def test_folders_of_numbers_with_splits(tmp_path):
  root = tmp_path / "photos"
  for place in ("train/1/a.jpg", "train/2/b, c.jpg", "test/1/d.jpg"):
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).touch()
  source = OwnImages(source_dir=root)
  written, files = corrected(
    source, ("relabel", "train/1/a.jpg", None, "2", "1")
  )
  assert written.class_names_path.read_text() == "1\n2\n"
  assert {path: name for path, (name, _) in labels(files).items()} == {
    "train/1/a.jpg": "2",
    "train/2/b, c.jpg": "2",
    "test/1/d.jpg": "1",
  }
  assert sorted(files.splits) == ["test", "train", "train"]
  (root / "train" / "2" / "line\nbreak.jpg").touch()
  with pytest.raises(UserError, match="paths that a table can hold"):
    corrected(source, output="other.csv")
  assert not list(tmp_path.glob("*other*"))


def test_the_test_split_stays(tmp_path):
  text = "path,label\n" + "".join(f"{i},{'xy'[i % 2]}\n" for i in range(20))
  source = table(tmp_path, text)
  before = split_of_images(source.files(), 0.3, 5).tolist()
  _, files = corrected(
    source,
    *(("drop", str(i)) for i in range(3)),
    *(("relabel", str(i), None, "x") for i in range(3, 9)),
    test_fraction=0.3,
    seed=5,
  )
  assert files.splits.tolist() == before[3:] and "test" in before[3:]


@pytest.mark.parametrize(
  ("text", "corrections", "options", "words"),
  [
    (
      "path,label,label_before\na,x,\nb,y,\n",
      [],
      {},
      "label_before only beside label_correction",
    ),
    (
      "path,label,label_correction\na,x,perhaps\nb,y,\n",
      [],
      {},
      "line 2: expected kept, relabelled, dropped or nothing",
    ),
    (
      "path,label\na,x\nb,y\n",
      [("drop", "a"), ("drop", "b")],
      {},
      "new.csv: expected a line for each image, got dropped ones only",
    ),
    (
      "path,label,split\na,x,train\nb,y,train\n",
      [],
      {"test_fraction": 0.5},
      "test_fraction: expected none with images that come with their splits",
    ),
  ],
)
def test_mistakes_leave_nothing_behind(
  tmp_path, text, corrections, options, words
):
  source = table(tmp_path, text)
  with pytest.raises(UserError) as caught:
    corrected(source, *corrections, **options)
  assert words in str(caught.value) and "\n" not in str(caught.value)
  assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]
  assert (tmp_path / "t.csv").read_text() == text
