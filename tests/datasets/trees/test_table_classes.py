import unicodedata
from pathlib import Path

import numpy as np
import pytest

from mentornet_tf.datasets.trees.table_classes import (
  classes_without_images,
  empty_class_notes,
  table_classes,
)
from mentornet_tf.datasets.trees.table_rows import TableRow
from mentornet_tf.errors import UserError


def classes(labels, clean=(), **options):
  """Names, and the number of each label and clean label in turn."""
  clean = [*clean, *[""] * (len(labels) - len(clean))]
  rows = [
    TableRow(line, f"{line}.jpg", *words)
    for line, words in enumerate(zip(labels, clean, strict=True), start=2)
  ]
  names, numbers = table_classes(Path("t.csv"), rows, **options)
  return (
    names,
    [numbers[row.label] for row in rows],
    [numbers[row.clean_label] for row in rows],
  )


@pytest.mark.parametrize(
  ("labels", "names", "numbers"),
  [
    (["owl", "emu", "owl"], ("emu", "owl"), [1, 0, 1]),
    (["10", "9", "0"], tuple(map(str, range(11))), [10, 9, 0]),
    # As pandas writes numbers beside missing values.
    (["1.0", "0.0", "2."], ("0", "1", "2"), [1, 0, 2]),
    (["1.0", "1", "0", "1.00"], ("0", "1"), [1, 1, 0, 1]),
    # As folders of these names are called.
    (["000", "002", "001"], ("000", "001", "002"), [0, 2, 1]),
    (["01", "1", "0"], ("0", "1"), [1, 1, 0]),
    # Words that are no numbers for a table, though for Python.
    (["1_0", "٣", "²"], ("1_0", "²", "٣"), [0, 2, 1]),
    (["3.5mm", "1e", "v2.0"], ("1e", "3.5mm", "v2.0"), [1, 0, 2]),
  ],
)
def test_numbers_and_names(labels, names, numbers):
  assert classes(labels)[:2] == (names, numbers)


def test_both_forms_of_unicode_are_one_class():
  composed, decomposed = (
    unicodedata.normalize(form, "Zaunkönig") for form in ("NFC", "NFD")
  )
  assert composed != decomposed
  names = ("Amsel", composed)
  assert classes([decomposed, "Amsel", composed]) == (
    names,
    [1, 0, 1],
    [-1, -1, -1],
  )
  assert classes([composed], class_names=["Amsel", decomposed])[:2] == (
    names,
    [1],
  )


def test_clean_labels_that_are_unknown():
  clean = ["", "-1", "-1.0", "nan", "None", "null", "x", "z"]
  names, _, numbers = classes(["x", "y"] * 4, clean)
  assert names == ("x", "y", "z")
  assert numbers == [-1] * 6 + [0, 2]
  assert classes(["0", "1"], ["1.0", "-1.0"])[2] == [1, -1]


@pytest.mark.parametrize(
  ("labels", "names", "numbers"),
  [
    (["1", "5", "2", "3"], ("1", "2", "3", "5"), [0, 3, 1, 2]),
    (["5000", "17", "400.0"], ("17", "400", "5000"), [2, 0, 1]),
    (["123456789012", "0"], ("0", "123456789012"), [1, 0]),
    (["007", "010"], ("007", "010"), [0, 1]),
  ],
)
def test_numbers_anew(labels, names, numbers):
  assert classes(labels, renumber=True)[:2] == (names, numbers)


def test_clean_labels_count_in_numbering_anew():
  assert classes(["1", "9"], ["4", ""], renumber=True) == (
    ("1", "4", "9"),
    [0, 2],
    [1, -1],
  )


@pytest.mark.parametrize(
  ("labels", "class_names", "numbers"),
  [
    (["a", "b", "a"], ("b", "c", "a"), [2, 0, 2]),
    (["2", "0.0"], ("b", "c", "a"), [2, 0]),
    # Names that are numbers are names.
    (["2", "1"], ("2", "1", "0"), [0, 1]),
    # What would be refused is exact now.
    (["0", "dog"], ("dog", "0"), [1, 0]),
    (["none", "NA"], ("NA", "none"), [1, 0]),
    (["a", "a"], ("a", "b"), [0, 0]),
  ],
)
def test_given_names(labels, class_names, numbers):
  names, found, _ = classes(labels, class_names=class_names)
  assert names == class_names
  assert found == numbers


@pytest.mark.parametrize(
  ("labels", "options", "words"),
  [
    (["0", "1", "nan"], {}, "line 4: expected a label, got 'nan', which"),
    (["x", "NaN", "y"], {}, "line 3: expected a label, got 'NaN'"),
    (["None", "y"], {}, "line 2: expected a label, got 'None'.*`class_names`"),
    (["x", "null"], {}, "line 3: expected a label, got 'null'"),
    (["0", "dog", "1"], {}, "line 3: .* all numbers .*, got dog, beside 0 on"),
    (["dog", "1.0"], {}, "line 2: .*, got dog, beside 1.0 on line 3"),
    (["1.5", "0"], {}, "line 2: expected whole numbers or names .*, got 1.5"),
    (["dog", "1e3"], {}, "line 3: expected whole numbers or names"),
    (["0", "-2"], {}, "line 3: expected labels as numbers from 0 .*, got -2"),
    (["0", "-1"], {"renumber": True}, "line 3: .* from 0 .*, got -1; correct"),
    (["0", "100000"], {}, r"line 3: .*to 99999.*anew by `renumber=True`$"),
    (["0", "1" * 5000], {}, "line 3: expected whole numbers .*, got 1{200}…;"),
    (["1", "1", "1.0"], {}, "two or more classes, got 1 throughout"),
    (["x", "y"], {"renumber": True}, "^renumber: .* numbers, got x in t.csv"),
    (
      ["x"],
      {"renumber": True, "class_names": ("x", "y")},
      "^renumber: expected one of it and `class_names`, got both",
    ),
    (["x", "z"], {"class_names": ("x", "y")}, "line 3: .* 2 classes .* got z"),
    (["0", "2"], {"class_names": ("x", "y")}, "line 2: .* 2 classes .* got 0"),
    (["3", "1"], {"class_names": ("1", "2")}, "line 2: .* 2 classes .* got 3"),
    (
      ["x", ""],
      {"class_names": ("x", "y")},
      "line 3: expected a label, got ''",
    ),
  ],
)
def test_labels_that_would_be_guesses(labels, options, words):
  with pytest.raises(UserError, match=words) as caught:
    classes(labels, **options)
  assert "\n" not in str(caught.value)


def test_clean_labels_are_checked_like_labels():
  with pytest.raises(UserError, match="line 3: expected labels that are all"):
    classes(["0", "1"], ["", "dog"])
  with pytest.raises(UserError, match=r"line 2: .* from 0 .* got -2"):
    classes(["0", "1"], ["-2"])


def test_classes_without_images():
  assert classes_without_images(np.array([1, 3, 1]), "abcde") == ["a", "c", "e"]
  assert classes_without_images(np.array([1, 0]), "ab") == []


@pytest.mark.parametrize(
  ("labels", "class_names", "notes"),
  [
    ([0, 1], ("0", "1"), []),
    (
      [1, 2],
      ("0", "1", "2"),
      ["no image in 1 class (0) of 3; `renumber=True` numbers the labels anew"],
    ),
    (
      [6, 9],
      tuple(map(str, range(10))),
      [
        "no image in 8 classes (0, 1, 2, …) of 10; `renumber=True` numbers the "
        "labels anew"
      ],
    ),
    # A given class, or one that is a clean label only.
    ([0, 1], ("emu", "owl", "rhea"), ["no image in 1 class (rhea) of 3"]),
  ],
)
def test_notes_on_classes_without_images(labels, class_names, notes):
  assert empty_class_notes(np.array(labels), class_names) == notes
