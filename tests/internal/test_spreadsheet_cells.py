import pytest

from mentornet_tf.internal.spreadsheet_cells import guarded, unguarded


@pytest.mark.parametrize(
  ("text", "cell"),
  [
    ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
    ("+1", "'+1"),
    ("-1", "'-1"),
    ("@a", "'@a"),
    ("\tx", "'\tx"),
    ("\rx", "'\rx"),
    ("'=x", "''=x"),
    ("''-x", "'''-x"),
    ("'tis", "'tis"),
    ("a=b", "a=b"),
    ("", ""),
    ("'", "'"),
  ],
)
def test_formulas_are_guarded_and_come_back(text, cell):
  assert guarded(text) == cell
  assert unguarded(cell) == text


@pytest.mark.parametrize("typed", ["=x", "-1", "cat", "", "it's"])
def test_what_a_person_typed_stays(typed):
  assert unguarded(typed) == typed
