import numpy as np
import pytest

from mentornet_tf.datasets.labels.matching import match_labels
from mentornet_tf.datasets.sources.base import SourceImages
from mentornet_tf.errors import UserError

CLEAN = np.array([3, 1, 2, 0, 1])
NOISY = np.array([3, 0, 2, 1, 1])
SOURCE = SourceImages(
  images=np.zeros((5, 32, 32, 3), np.uint8),
  labels=CLEAN,
  ids=np.arange(5) + 10,
  class_names=("a", "b", "c", "d"),
  ordering="binary",
  description="",
)
SHUFFLE = np.array([4, 2, 0, 1, 3])


def match(columns, **options):
  columns = {name: np.asarray(column) for name, column in columns.items()}
  return match_labels(columns, SOURCE, origin="labels.csv", **options)


def message(columns, **options):
  with pytest.raises(UserError) as caught:
    match(columns, **options)
  assert "labels.csv" in str(caught.value)
  assert "\n" not in str(caught.value)
  return str(caught.value)


@pytest.mark.parametrize("with_clean", [False, True])
def test_matches_by_id_whatever_the_order(with_clean):
  columns = {"id": SOURCE.ids[SHUFFLE], "label": NOISY[SHUFFLE]}
  if with_clean:
    columns["clean_label"] = CLEAN[SHUFFLE]
  np.testing.assert_array_equal(match(columns), NOISY)


def test_agreeing_clean_labels_prove_the_order():
  columns = {"clean_label": CLEAN, "worse_label": NOISY}
  np.testing.assert_array_equal(match(columns), NOISY)


def test_the_stated_order_is_taken():
  np.testing.assert_array_equal(
    match({"label": NOISY}, label_order="binary"), NOISY
  )


def test_bare_labels_are_refused():
  text = message({"label": NOISY})
  assert text.startswith("label_order: ") and "in binary order" in text


def test_labels_in_the_other_order_are_refused():
  text = message({"label": NOISY}, label_order="python")
  assert "label_order: expected binary, the order of the images" in text
  assert "read the images from the python version" in text


@pytest.mark.parametrize(
  "options", [{}, {"label_order": "binary"}, {"label_key": "label"}]
)
def test_disagreeing_clean_labels_are_refused(options):
  columns = {"clean_label": CLEAN[SHUFFLE], "label": NOISY[SHUFFLE]}
  text = message(columns, **options)
  assert "got 5 of 5 different" in text
  assert "first at image 10: 1 instead of 3" in text


def test_disagreeing_clean_labels_are_refused_with_ids_too():
  wrong = CLEAN.copy()
  wrong[2] = 0
  columns = {"id": SOURCE.ids, "label": NOISY, "clean_label": wrong}
  assert "got 1 of 5 different (the first at image 12" in message(columns)


def test_label_key_chooses_the_column():
  columns = {"clean_label": CLEAN, "random": CLEAN, "worse": NOISY}
  np.testing.assert_array_equal(match(columns, label_key="worse"), NOISY)
  assert "random, worse" in message(columns)
  text = message(columns, label_key="best")
  assert "has clean_label, random, worse, got 'best'" in text


def test_no_column_at_all():
  assert "no column of integers" in message({})


@pytest.mark.parametrize("count", [4, 6])
def test_wrong_number_of_labels(count):
  text = message({"label": np.zeros(count, int)}, label_order="binary")
  assert f"each of the 5 images, got {count}" in text


def test_repeated_id():
  columns = {"id": [10, 11, 12, 12, 14], "label": NOISY}
  assert "got id 12 again" in message(columns)


def test_missing_and_unknown_ids():
  missing = {"id": [10, 11, 12, 14], "label": NOISY[:4]}
  assert "none for id 13 (1 missing, 0 too many)" in message(missing)
  extra = {"id": [10, 11, 12, 13, 14, 15], "label": [0] * 6}
  assert "one for id 15, which no image has" in message(extra)


@pytest.mark.parametrize("label", [-1, 4])
def test_label_out_of_range(label):
  columns = {"id": SOURCE.ids, "label": [0, 0, label, 0, 0]}
  text = message(columns)
  assert f"between 0 and 3, got {label} for image 12" in text
