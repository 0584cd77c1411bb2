import pytest

from mentornet_tf.datasets.labels.clean_labels import KNOWN_WRONG, UNKNOWN
from mentornet_tf.datasets.trees.annotations import (
  Annotation,
  merge_annotations,
)
from mentornet_tf.errors import UserError


def merged(images, annotators="agree"):
  """Merges pairs (label, clean label) or labels of each path."""
  line = 1
  annotations = {}
  for path, choices in images.items():
    annotations[path] = []
    for choice in choices:
      line += 1
      label, clean = choice if isinstance(choice, tuple) else (choice, UNKNOWN)
      annotations[path].append(Annotation(line, label, clean, "train"))
  return merge_annotations("t.csv", annotations, annotators)


def test_annotators_who_agree():
  found = merged({"a": [1, 1], "b": [0], "c": [2, 2, 2]})
  assert [each.label for each in found.annotations] == [1, 0, 2]
  assert found.as_fields() == {
    "annotations": {"images_with_several": 2, "disagreeing": 0, "ties": 0}
  }
  assert found.notes() == [
    "images on several lines: 2, 0 of them with different labels"
  ]


def test_one_annotation_of_each_image_is_nothing_to_report():
  found = merged({"a": [1], "b": [0]})
  assert found.as_fields() == {}
  assert found.notes() == []


def test_disagreement_is_refused():
  with pytest.raises(UserError) as caught:
    merged({"a": [1, 1], "b": [0, 0, 2], "c": [1, 0], "d": [1]})
  assert str(caught.value) == (
    "annotators: expected one label for each image in t.csv, got several for 2 "
    "of 4 images (such as b on lines 4 and 6); choose `annotators=majority`, "
    "or remove lines"
  )


def test_the_majority():
  images = {
    "a": [0, 2, 2],
    "b": [1, 0],
    "c": [3, 1, 3, 1, 0],
    "d": [3, 1, 2, 2],
    "e": [1, 1],
    "f": [4],
  }
  found = merged(images, "majority")
  labels = [each and each.label for each in found.annotations]
  # Two labels with as many votes are no majority.
  assert labels == [2, None, None, 2, 1, 4]
  assert found.as_fields() == {
    "annotations": {"images_with_several": 5, "disagreeing": 4, "ties": 2}
  }
  assert found.notes() == [
    "images on several lines: 5, 4 of them with different labels; the label of "
    "most lines was taken, ties skipped: 2"
  ]


def test_the_order_of_lines_does_not_matter():
  lines = [2, 0, 2, 1, 2, 0]
  for _ in lines:
    lines = [*lines[1:], lines[0]]
    (each,) = merged({"a": lines}, "majority").annotations
    assert each.label == 2


@pytest.mark.parametrize(
  ("rows", "clean"),
  [
    ([(1, UNKNOWN), (1, 2)], 2),
    ([(1, 2), (1, 2), (0, UNKNOWN)], 2),
    ([(1, KNOWN_WRONG), (1, UNKNOWN)], KNOWN_WRONG),
    ([(1, KNOWN_WRONG), (1, 2)], 2),
    # Only what is said of the chosen label counts, though a clean label always.
    ([(1, UNKNOWN), (1, UNKNOWN), (0, KNOWN_WRONG)], UNKNOWN),
    ([(1, UNKNOWN), (1, UNKNOWN), (0, 0)], 0),
    ([(1, 1), (1, 1), (0, KNOWN_WRONG)], 1),
  ],
)
def test_clean_labels(rows, clean):
  (each,) = merged({"a": rows}, "majority").annotations
  assert (each.label, each.clean_label) == (1, clean)


@pytest.mark.parametrize(
  "rows",
  [
    [(1, 1), (1, 2)],
    [(1, 1), (1, KNOWN_WRONG)],
    [(1, KNOWN_WRONG), (0, 1), (1, UNKNOWN)],
  ],
)
def test_clean_labels_that_contradict(rows):
  with pytest.raises(
    UserError, match=r"t\.csv: line \d: .* lines of a, got a c"
  ):
    merged({"a": rows}, "majority")


@pytest.mark.parametrize("annotators", ["agree", "majority"])
def test_an_image_in_two_splits(annotators):
  rows = [Annotation(2, 1, UNKNOWN, "train"), Annotation(5, 1, UNKNOWN, "val")]
  with pytest.raises(UserError, match="line 5: expected the split of a on"):
    merge_annotations("t.csv", {"a": rows}, annotators)


def test_other_rules():
  with pytest.raises(UserError, match=r"^annotators: expected agree or"):
    merged({"a": [1]}, "first")
