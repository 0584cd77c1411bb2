"""Automatic corrections rest on checked labels, or are refused."""

import csv

import numpy as np
import pytest
from scipy.stats import norm

from mentornet_tf.analysis import auto_corrections
from mentornet_tf.analysis.auto_corrections import (
  suggest_corrections,
  wilson_bound,
)
from mentornet_tf.analysis.ranking import COLUMNS
from mentornet_tf.datasets.trees.corrections import Decision
from mentornet_tf.errors import UserError


def ranking(tmp_path, clean, given="cat", predicted="dog"):
  """A ranking in which every label cat should be dog; clean classes by rank."""
  row = dict.fromkeys(COLUMNS, "0.5") | {
    "given_label": 0,
    "predicted_label": 1,
    "given_class": given,
    "predicted_class": predicted,
  }
  path = tmp_path / "suspect_labels.csv"
  with path.open("w", newline="") as file:
    writer = csv.DictWriter(file, COLUMNS)
    writer.writeheader()
    for number, each in enumerate(clean):
      writer.writerow(
        row
        | {
          "rank": number + 1,
          "id": 1000 + number,
          "path": f"{number}.jpg",
          "clean_class": each,
        }
      )
  return path


def test_the_bound_is_wilsons():
  z = norm.ppf(0.95)
  for share, count in ((0.5, 3), (1.0, 52), (0.93, 200), (0.0, 7)):
    bound = wilson_bound(share, count)
    # The share lies z standard errors of the bound above it.
    error = np.sqrt(bound * (1 - bound) / count)
    assert share - bound == pytest.approx(z * error, abs=1e-4)


def test_the_top_is_taken_as_far_as_checked_labels_allow(tmp_path):
  # 60 right ones, then every other one right, then all wrong.
  clean = ["dog"] * 60 + ["dog", "cat"] * 30 + ["cat"] * 60
  found = suggest_corrections(ranking(tmp_path, clean), 0.9)
  right = np.array([each == "dog" for each in clean])
  shares = np.cumsum(right) / np.arange(1, 181)
  bounds = [wilson_bound(s, n) for n, s in enumerate(shares, 1)]
  last = np.flatnonzero(np.array(bounds) >= 0.9).max()
  # The fit pools neighbours, so that it may end some ranks away.
  assert abs(len(found.corrections) - (last + 1)) <= 2
  assert found.num_checked == len(found.corrections)
  assert found.precision == pytest.approx(
    shares[len(found.corrections) - 1], abs=0.02
  )
  assert found.at_least >= 0.9
  first = found.corrections[0]
  assert (first.path, first.id, first.label) == ("0.jpg", 1000, "dog")
  assert (first.given_label, first.line) == ("cat", 2)


def test_nothing_is_taken_beyond_the_last_checked_label(tmp_path):
  path = ranking(tmp_path, ["dog"] * 70 + [""] * 500)
  assert len(suggest_corrections(path, 0.9).corrections) == 70
  # Unchecked ones between take the share of the next checked one.
  sparse = ranking(tmp_path, (["dog"] + [""] * 9) * 60 + [""] * 500)
  found = suggest_corrections(sparse, 0.9)
  assert len(found.corrections) == 591 and found.num_checked == 60


def test_a_review_counts_and_is_not_repeated(tmp_path):
  path = ranking(tmp_path, [""] * 400)
  reviewed = {
    str(number): Decision("relabel", 1, 0) for number in range(0, 400, 5)
  } | {"5": Decision("keep", 0, 0), "10": Decision("relabel", 2, 0)}

  def decision_of(path, id):
    assert id == 1000 + int(path[:-4])
    return reviewed.get(path[:-4])

  found = suggest_corrections(
    path, 0.9, "relabel", decision_of, {"cat": 0, "dog": 1, "emu": 2}
  )
  assert found.num_checked == 80
  assert not {each.path[:-4] for each in found.corrections} & reviewed.keys()
  # 395 to 399 lie below the last reviewed one.
  assert len(found.corrections) == 316
  assert found.precision == pytest.approx(78 / 80, abs=1e-3)
  # To drop is right wherever the label was not kept.
  dropped = suggest_corrections(path, 0.9, "drop", decision_of)
  assert dropped.precision == pytest.approx(79 / 80, abs=1e-3)
  assert {each.action for each in dropped.corrections} == {"drop"}


def test_a_review_from_the_top_leaves_nothing_to_suggest(tmp_path):
  path = ranking(tmp_path, [""] * 400)

  def refused(numbers, **options):
    with pytest.raises(UserError) as caught:
      suggest_corrections(path, 0.1, decision_of=decided(numbers), **options)
    return str(caught.value)

  def decided(numbers):
    taken = {f"{number}.jpg" for number in numbers}
    return lambda path, id: Decision("keep", 0, 0) if path in taken else None

  message = refused(range(48))
  assert "down to the last checked label, at rank 48 of " in message
  assert message.endswith("every tenth: mn.review_page(…, every=10)")
  assert refused(range(48), sample_with="look").endswith("every tenth: look")
  # One further down is enough to have a figure.
  assert "got 0.000 as the best such bound" in refused([*range(48), 60])


def test_known_wrong_labels_tell_what_to_drop_only(tmp_path):
  path = ranking(tmp_path, ["known wrong"] * 60)
  assert len(suggest_corrections(path, 0.9, "drop").corrections) == 60
  with pytest.raises(UserError, match="expected checked labels among"):
    suggest_corrections(path, 0.9)


def test_labels_like_the_prediction_are_no_suggestions(tmp_path):
  path = ranking(tmp_path, ["cat"] * 60, predicted="cat")
  with pytest.raises(UserError, match="expected checked labels among"):
    suggest_corrections(path, 0.5)


def test_what_cannot_be_known_is_refused(tmp_path):
  path = ranking(tmp_path, [""] * 100)
  with pytest.raises(UserError, match=r"^auto: expected checked labels"):
    suggest_corrections(path, 0.9)
  few = ranking(tmp_path, ["dog"] * 20)
  with pytest.raises(UserError) as caught:
    suggest_corrections(few, 0.9)
  assert "got 0.881 as the best such bound, by 20 checked" in str(caught.value)
  for precision in (0, 1, -0.5, float("nan")):
    with pytest.raises(UserError, match="auto: expected a precision above 0"):
      suggest_corrections(few, precision)
  few.write_text("rank,id\n1,2\n")
  with pytest.raises(UserError, match="rank the labels again"):
    suggest_corrections(few, 0.9)


def test_the_precision_asked_for_is_reached(monkeypatch):
  """Where one label in five is checked at random, the promise holds."""
  rng = np.random.default_rng(0)
  chance = np.linspace(1, 0.3, 4000)
  seen = {}

  def table(path):
    del path
    for i in range(4000):
      yield {
        "rank": str(i + 1),
        "id": str(i),
        "given_class": "cat",
        "predicted_class": "dog",
        "clean_class": seen.get(i, ""),
      }

  monkeypatch.setattr(auto_corrections, "iter_suspect_table", table)
  reached = []
  for _ in range(20):
    right = rng.random(4000) < chance
    seen.clear()
    for i in np.flatnonzero(rng.random(4000) < 0.2).tolist():
      seen[i] = "dog" if right[i] else "cat"
    taken = [each.id for each in suggest_corrections("t", 0.85).corrections]
    # A perfect estimate would take 1714.
    assert 800 < len(taken) < 2000
    reached.append(right[taken].mean())
  assert np.mean(np.array(reached) >= 0.85) >= 0.9
