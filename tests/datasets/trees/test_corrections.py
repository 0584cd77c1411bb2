import pytest

from mentornet_tf.datasets.trees.corrections import (
  DROP,
  KEEP,
  RELABEL,
  Correction,
  decide,
  read_corrections,
)
from mentornet_tf.datasets.trees.tables import read_image_table
from mentornet_tf.errors import UserError


def read(tmp_path, text):
  (tmp_path / "c.csv").write_bytes(text.encode("utf-8-sig"))
  return read_corrections(tmp_path / "c.csv")


def test_a_review_is_read(tmp_path):
  text = (
    "rank,id,path,given_label,action,label\r\n"
    '1,7,"a, é.jpg",2,relabel,owl\r\n'
    "2,5,b.jpg,0,drop,\r\n"
    "3,6,c.jpg,1,keep,1\r\n"
    "4,8,d.jpg,1,,\r\n"
    # What a spreadsheet would take for a formula.
    "5,9,'=e.jpg,1,relabel,'-1\r\n"
  )
  assert read(tmp_path, text) == [
    Correction(2, RELABEL, "a, é.jpg", 7, "owl", "2"),
    Correction(3, DROP, "b.jpg", 5, "", "0"),
    Correction(4, KEEP, "c.jpg", 6, "", "1"),
    Correction(6, RELABEL, "=e.jpg", 9, "-1", "1"),
  ]
  by_id = read(tmp_path, "ID;Action;Label\n7; Relabel ;owl\n")
  assert by_id == [Correction(2, RELABEL, "", 7, "owl")]


@pytest.mark.parametrize(
  ("text", "words"),
  [
    ("", "action and path or id"),
    ("path,label\na,x\n", "action and path or id"),
    ("action,label\nkeep,\n", "action and path or id"),
    ("path,path,action\na,a,keep\n", "each once"),
    ("path,action\na\n", "line 2: expected 2 fields, got 1"),
    ("path,action\na,delete\n", "line 2: expected keep, relabel, drop or"),
    ("path,action\n,keep\n", "line 2: expected a path or an id, got neither"),
    ("id,action\n-1,keep\n", "a whole number >= 0 as id, got '-1'"),
    ("path,action,label\na,relabel,\n", "a label for the action relabel"),
    ("path,action,label\na,keep,owl\n", "no label where the action is keep"),
    ("path,action,label\na,drop,owl\n", "no label where the action is drop"),
    ("path,action,label\na,,owl\n", "or nothing as action, got ''"),
    ('path,action\n"a,keep\n', "a quote that closes"),
  ],
)
def test_mistakes_are_one_line(tmp_path, text, words):
  with pytest.raises(UserError) as caught:
    read(tmp_path, text)
  assert words in str(caught.value) and "c.csv" in str(caught.value)
  assert "\n" not in str(caught.value)


@pytest.fixture
def files(tmp_path):
  table = tmp_path / "t.csv"
  # The name of each class is the number of another.
  table.write_text("path,label\na,3\nb,1\nb,1\nc,2\n")
  return read_image_table(table, renumber=True)


def test_images_are_found_by_path_or_id(files):
  decisions = decide(
    files,
    [
      Correction(2, RELABEL, "b", 77, "3", "1"),  # by path, whatever the id
      Correction(3, DROP, "", 2, "", "1"),  # its number: the name is 2
      Correction(4, RELABEL, "a", None, "0", "3"),  # no name: the number
      Correction(5, DROP, "c", None, "", "2"),  # again, in the same way
    ],
    "c.csv",
  )
  assert {
    row: (each.action, each.label) for row, each in decisions.items()
  } == {
    1: (RELABEL, 2),
    2: (DROP, 1),
    0: (RELABEL, 0),
  }
  same = decide(files, [Correction(2, RELABEL, "b", None, "1")], "c.csv")
  assert same[1].action == KEEP


@pytest.mark.parametrize(
  ("corrections", "words"),
  [
    ([("keep", "d")], "line 2: expected an image of the 3 image files listed"),
    ([("keep", "", 3)], "got the id 3"),
    ([("relabel", "a", None, "9")], "one of the 3 classes, such as 1, got '9'"),
    (
      [("drop", "a", None, "", "1")],
      "expected 3 as the label that a was given, got '1'",
    ),
    (
      [("drop", "a"), ("keep", "", 0)],
      "line 3: expected one action for a, drop on line 2, got keep",
    ),
    (
      [("relabel", "a", None, "1"), ("relabel", "a", None, "2")],
      "one action for a, relabel on line 2, got relabel to 2",
    ),
  ],
)
def test_corrections_of_something_else_are_refused(files, corrections, words):
  with pytest.raises(UserError) as caught:
    decide(
      files,
      [
        Correction(line, *each)
        for line, each in enumerate(corrections, start=2)
      ],
      "c.csv",
    )
  assert words in str(caught.value) and "\n" not in str(caught.value)
