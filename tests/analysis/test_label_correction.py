"""Labels of arrays, corrected by hand, by suggestions and by a review."""

import dataclasses

import numpy as np
import pytest
from simulated_labels import simulated

import mentornet_tf as mn
from mentornet_tf.analysis.auto_corrections import suggest_corrections
from mentornet_tf.analysis.ranking import TABLE_FILE, write_suspect_labels
from mentornet_tf.errors import UserError


@pytest.fixture(scope="module")
def data():
  return simulated(0)


@pytest.fixture
def suspects(data):
  # Ids that are no positions, as of a part of a data set.
  return mn.SuspectLabels.from_arrays(
    data.labels, data.pred_probs, ids=1000 + np.arange(500)[::-1]
  )


def known(suspects, clean):
  return dataclasses.replace(suspects, clean_labels=clean)


def test_issues_get_the_predicted_class(data, suspects):
  issues = mn.find_label_issues(suspects)
  corrected = mn.correct_labels(suspects, issues)
  predicted = data.pred_probs.argmax(1)
  expected = np.where(issues, predicted, data.labels)
  np.testing.assert_array_equal(corrected.labels, expected)
  assert corrected.labels.dtype == np.int64 and corrected.kept.all()
  assert corrected.num_relabelled == (expected != data.labels).sum() > 50
  noisy_before = (data.labels != data.clean).mean()
  assert (corrected.labels != data.clean).mean() < noisy_before / 5
  # The ranking itself stays as it is; positions say the same as the mask.
  np.testing.assert_array_equal(suspects.labels, data.labels)
  by_positions = mn.correct_labels(suspects, np.flatnonzero(issues)[::-1])
  np.testing.assert_array_equal(by_positions.labels, expected)
  assert repr(corrected) == (
    f"<CorrectedLabels: 500 labels, {corrected.num_relabelled} relabelled, 0 "
    "dropped>"
  )


def test_issues_are_dropped(data, suspects):
  issues = mn.find_label_issues(suspects)
  corrected = mn.correct_labels(suspects, issues, action="drop")
  np.testing.assert_array_equal(corrected.labels, data.labels)
  np.testing.assert_array_equal(corrected.kept, ~issues)
  assert (corrected.num_relabelled, corrected.num_dropped) == (0, issues.sum())
  nothing = mn.correct_labels(suspects, [], action="drop")
  assert nothing.kept.all() and nothing.num_relabelled == 0


def test_a_review_is_applied(tmp_path, data, suspects):
  named = dataclasses.replace(suspects, class_names=("ant", "bee", "cow", "2"))
  given = [named.class_names[label] for label in data.labels[:3]]
  (tmp_path / "c.csv").write_text(
    "rank,id,path,given_label,action,label\n"
    f"1,1499,,{given[0]},relabel,2\n"  # the name, not the number
    f"2,1498,,{given[1]},drop,\n"
    f"3,1497,,{given[2]},keep,\n"
  )
  corrected = mn.correct_labels(named, tmp_path / "c.csv")
  expected = data.labels.copy()
  expected[0] = 3
  np.testing.assert_array_equal(corrected.labels, expected)
  np.testing.assert_array_equal(np.flatnonzero(~corrected.kept), [1])


def test_a_review_names_files(tmp_path, data):
  suspects = mn.SuspectLabels.from_arrays(
    data.labels[:3], data.pred_probs[:3], paths=["é.txt", "b.txt", "c.txt"]
  )
  (tmp_path / "c.csv").write_text("path,action\nb.txt,drop\n")
  corrected = mn.correct_labels(suspects, str(tmp_path / "c.csv"))
  assert corrected.kept.tolist() == [True, False, True]
  (tmp_path / "c.csv").write_text("path,action\nd.txt,drop\n")
  with pytest.raises(UserError, match=r"examples, got 'd.txt'; choose"):
    mn.correct_labels(suspects, tmp_path / "c.csv")
  equal = mn.SuspectLabels.from_arrays(
    data.labels[:2], data.pred_probs[:2], paths=["a", "a"]
  )
  with pytest.raises(UserError, match="paths that differ"):
    mn.correct_labels(equal, tmp_path / "c.csv")


@pytest.mark.parametrize("action", ["relabel", "drop"])
def test_precision_takes_what_the_command_takes(
  tmp_path, data, suspects, action
):
  checked = known(suspects, np.where(np.arange(500) % 3, data.clean, -1))
  corrected = mn.correct_labels(checked, precision=0.9, action=action)
  write_suspect_labels(checked, None, tmp_path)
  found = suggest_corrections(tmp_path / TABLE_FILE, 0.9, action).corrections
  positions = [1499 - each.id for each in found]
  assert len(positions) > 30
  if action == "drop":
    changed = ~corrected.kept
  else:
    changed = corrected.labels != data.labels
    right = corrected.labels[changed] == data.clean[changed]
    assert right.mean() >= 0.9
  assert np.flatnonzero(changed).tolist() == sorted(positions)


def test_a_review_is_what_precision_rests_on(tmp_path, data, suspects):
  order = suspects.order[:80]
  lines = [
    f"{1499 - row},relabel,{data.clean[row]}" for row in order[::2].tolist()
  ]
  (tmp_path / "c.csv").write_text("id,action,label\n" + "\n".join(lines) + "\n")
  with pytest.raises(UserError, match="got none; review some"):
    mn.correct_labels(suspects, precision=0.8)
  corrected = mn.correct_labels(suspects, tmp_path / "c.csv", precision=0.8)
  np.testing.assert_array_equal(
    corrected.labels[order[::2]], data.clean[order[::2]]
  )
  # Between reviewed ones the predicted class is taken, below them nothing.
  between = order[1:-2:2]
  np.testing.assert_array_equal(
    corrected.labels[between], suspects.predicted_labels[between]
  )
  below = suspects.order[80:]
  np.testing.assert_array_equal(corrected.labels[below], data.labels[below])


@pytest.mark.parametrize(
  ("arguments", "words"),
  [
    ({}, "corrections: expected a mask, positions, a table or `precision`"),
    (
      {"corrections": [0], "precision": 0.9},
      "precision: expected none beside positions or a mask",
    ),
    (
      {"corrections": [0, 500]},
      "positions from 0 to 499, got int64 of the shape [2], 0 to 500; give",
    ),
    ({"corrections": [True]}, "got bool of the shape [1]; give"),
    ({"corrections": [0.5]}, "got float64 of the shape [1]; give"),
    ({"corrections": [0], "action": "keep"}, "action: expected"),
    ({"corrections": "nowhere.csv"}, "corrections: expected a table at"),
    ({"precision": 1.0}, "a precision above 0 and below 1"),
  ],
)
def test_mistakes_are_one_line(suspects, arguments, words):
  with pytest.raises(UserError) as caught:
    mn.correct_labels(suspects, **arguments)
  assert words in str(caught.value) and "\n" not in str(caught.value)


def test_labels_without_a_ranking_are_refused(data):
  with pytest.raises(UserError, match=r"suspects: expected .*, got ndarray"):
    mn.correct_labels(data.labels, [0])


def test_a_ranking_is_shown_on_one_line(suspects):
  assert repr(suspects) == (
    "<SuspectLabels: 500 labels of 4 classes, ranked by self_confidence from "
    "arrays>"
  )
