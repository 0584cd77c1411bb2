"""Confident learning and its filters, against the definitions and cleanlab."""

from pathlib import Path

import numpy as np
import pytest
from cleanlab_cases import CASES, options_by_name, tied
from simulated_labels import simulated

import mentornet_tf as mn
from mentornet_tf.analysis import confident_learning
from mentornet_tf.analysis.label_issues import FILTERS, IssueFilter
from mentornet_tf.analysis.label_quality import quality_scores
from mentornet_tf.errors import UserError

# What cleanlab 2.9.0 returned for `cleanlab_cases.CASES`.
RECORDED = Path(__file__).parents[1] / "testdata/cleanlab/label_issues.npz"


def case(seed=0, **options):
  return simulated(
    seed, **{"number": 200, "noise": 0.3, "margin": 1.5} | options
  )


def joint_by_definition(labels, pred_probs):
  """Algorithm 1 of the paper, example by example."""
  num_classes = pred_probs.shape[1]
  least = [
    np.mean([p[j] for p, i in zip(pred_probs, labels, strict=True) if i == j])
    for j in range(num_classes)
  ]
  joint = np.zeros((num_classes, num_classes), int)
  chosen = []
  for p, given in zip(pred_probs, labels, strict=True):
    above = [j for j in range(num_classes) if p[j] >= least[j]]
    found = above[0] if len(above) == 1 else int(np.argmax(p))
    chosen.append(found if above else -1)
    if above:
      joint[given, found] += 1
  return joint, np.array(chosen)


def test_the_joint_is_that_of_the_paper():
  data = case()
  joint, chosen = joint_by_definition(data.labels, data.pred_probs)
  assert (chosen < 0).any()
  assert (joint.diagonal() > 0).all()
  found = confident_learning.confident_classes(data.labels, data.pred_probs)
  np.testing.assert_array_equal(found, chosen)
  np.testing.assert_array_equal(
    confident_learning.confident_joint(data.labels, found, 4), joint
  )
  counts = np.bincount(data.labels)
  calibrated = confident_learning.calibrated(joint, counts)
  np.testing.assert_allclose(
    calibrated, joint / joint.sum(1)[:, None] * counts[:, None], rtol=1e-12
  )
  rounded = confident_learning.rounded_rows(calibrated)
  np.testing.assert_array_equal(rounded.sum(1), counts)
  assert np.abs(rounded - calibrated).max() < 1


def test_half_precision_and_parts_give_the_same_classes(monkeypatch):
  data = case(number=300)
  halves = data.pred_probs.astype(np.float16)
  whole = confident_learning.confident_classes(data.labels, halves)
  monkeypatch.setattr("mentornet_tf.analysis.label_arrays._ENTRIES", 4 * 7)
  np.testing.assert_array_equal(
    confident_learning.confident_classes(data.labels, halves), whole
  )
  np.testing.assert_array_equal(
    whole,
    confident_learning.confident_classes(data.labels, halves.astype(float)),
  )


def pruned_by_definition(data, filter_by):
  """The filters, from the rounded joint and sorted lists."""
  labels, p = data.labels, data.pred_probs
  joint, _ = joint_by_definition(labels, p)
  counts = confident_learning.rounded_rows(
    confident_learning.calibrated(joint, np.bincount(labels))
  )
  flagged = set()
  for i in range(p.shape[1]):
    members = [n for n in range(len(labels)) if labels[n] == i]
    if filter_by == "prune_by_class":
      number = counts[i].sum() - counts[i, i]
      flagged |= set(sorted(members, key=lambda n: p[n, i])[:number])
      continue
    for j in range(p.shape[1]):
      if i != j:
        by_margin = sorted(members, key=lambda n: p[n, i] - p[n, j])
        flagged |= set(by_margin[: counts[i, j]])
  return np.array(
    [n in flagged and p[n].argmax() != labels[n] for n in range(len(labels))]
  )


@pytest.mark.parametrize("seed", range(3))
def test_the_filters_are_those_of_the_paper(seed):
  data = case(seed)
  labels, p = data.labels, data.pred_probs
  by_class = pruned_by_definition(data, "prune_by_class")
  by_rate = pruned_by_definition(data, "prune_by_noise_rate")
  _, chosen = joint_by_definition(labels, p)
  predicted = p.argmax(1)
  confident = (chosen >= 0) & (chosen != labels) & (predicted != labels)
  own = p[np.arange(len(p)), labels]
  low = np.zeros(len(p), bool)
  low[np.argsort(own)[: confident.sum()]] = True
  expected = {
    "prune_by_class": by_class,
    "prune_by_noise_rate": by_rate,
    "both": by_class & by_rate,
    "confident_learning": confident,
    "predicted_neq_given": predicted != labels,
    "low_self_confidence": low,
  }
  for filter_by, mask in expected.items():
    assert mask.any()
    found = mn.find_label_issues(labels, p, filter_by=filter_by)
    np.testing.assert_array_equal(found, mask, err_msg=filter_by)


@pytest.mark.parametrize("name", CASES)
def test_issues_are_those_that_cleanlab_returned(name):
  seed, num_classes = CASES[name]
  data = case(seed, num_classes=num_classes)
  assert not tied(data)
  with np.load(RECORDED) as recorded:
    options = options_by_name()
    assert {f"{name}/{each}" for each in options} < {*recorded.files}
    for each, arguments in options.items():
      found = mn.find_label_issues(data.labels, data.pred_probs, **arguments)
      np.testing.assert_array_equal(found, recorded[f"{name}/{each}"], each)


def test_quality_is_that_of_the_paper():
  data = case()
  labels, p = data.labels, data.pred_probs
  rows = np.arange(len(p))
  own = p[rows, labels]
  others = np.array(
    [np.delete(x, i).max() for x, i in zip(p, labels, strict=True)]
  )
  entropy = -(p * np.log(p)).sum(1) / np.log(4)
  for method, expected in {
    "self_confidence": own,
    "normalized_margin": (own - others + 1) / 2,
    "confidence_weighted_entropy": 1 / (1 + entropy / own),
  }.items():
    scores = quality_scores(labels, p, method)
    np.testing.assert_allclose(scores, expected, rtol=1e-12)
    assert scores.min() >= 0
    assert scores.max() <= 1
  least = np.array([own[labels == k].mean() for k in range(4)])
  adjusted = p - least + least.max()
  adjusted /= adjusted.sum(1, keepdims=True)
  np.testing.assert_allclose(
    quality_scores(labels, p, adjust_pred_probs=True),
    adjusted[rows, labels],
    rtol=1e-12,
  )


def test_the_table_has_a_row_per_example():
  data = case()
  table = mn.label_quality(data.labels, data.pred_probs)
  mask = mn.find_label_issues(data.labels, data.pred_probs)
  np.testing.assert_array_equal(table["is_label_issue"], mask)
  np.testing.assert_array_equal(table["given_label"], data.labels)
  np.testing.assert_array_equal(
    table["predicted_label"], data.pred_probs.argmax(1)
  )
  np.testing.assert_array_equal(
    table["label_quality"], quality_scores(data.labels, data.pred_probs)
  )
  ranking = mn.SuspectLabels.from_arrays(data.labels, data.pred_probs)
  np.testing.assert_array_equal(mn.label_quality(ranking), table)
  np.testing.assert_array_equal(
    ranking.order, np.argsort(table["label_quality"], kind="stable")
  )


def test_a_class_without_labels_is_never_given():
  data = case()
  p = np.concatenate([data.pred_probs * 0.9, np.full((200, 1), 0.1)], axis=1)
  for filter_by in FILTERS:
    np.testing.assert_array_equal(
      mn.find_label_issues(data.labels, p, filter_by=filter_by),
      mn.find_label_issues(data.labels, data.pred_probs, filter_by=filter_by),
    )


def test_numbers_per_class_are_kept():
  data = case(3)
  labels, p = data.labels, data.pred_probs
  flagged = IssueFilter("prune_by_class", num_to_remove_per_class=[4, 0, 3, 1])
  mask = flagged.mask(labels, p)
  np.testing.assert_array_equal(np.bincount(labels[mask]), [4, 0, 3, 1])
  counts = np.bincount(labels)
  few = IssueFilter("prune_by_class", min_examples_per_class=counts.min() - 2)
  assert np.bincount(labels[~few.mask(labels, p)]).min() >= counts.min() - 2


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    ({"labels": [[0, 1]]}, r"labels: expected one class per example"),
    ({"labels": [0.5, 1, 0]}, "labels: expected whole numbers from 0 on"),
    ({"labels": ["a", "b", "c"]}, "labels: expected whole numbers from 0 on"),
    ({"labels": [0, 2, 1]}, "labels: expected classes from 0 to 1, got 2 at"),
    ({"labels": [0, -1, 1]}, "got -1 at the position 1"),
    ({"labels": [0, 1]}, "pred_probs: expected 2 rows, one per label, got 3"),
    ({"pred_probs": [0.5, 0.5, 0.5]}, "pred_probs: expected the probabilities"),
    ({"pred_probs": [[1.0], [1.0], [1.0]]}, "of two or more classes"),
    (
      {"pred_probs": [[0.5, 0.5], [2, -1], [0, 1]]},
      "row 1; apply a softmax",
    ),
    ({"pred_probs": [[0.5, 0.4], [1, 0], [0, 1]]}, "the sum 0.9 in row 0"),
    ({"pred_probs": [[np.nan, 1], [1, 0], [0, 1]]}, "in row 0"),
    ({"pred_probs": None}, "got no probabilities; give both arrays"),
    ({"filter_by": "best"}, "filter_by: expected one of prune_by_noise_rate"),
    ({"return_indices_ranked_by": "loss"}, "expected one of self_confidence"),
    ({"frac_noise": 0}, "frac_noise: expected a share above 0, up to 1, got 0"),
    (
      {"frac_noise": 0.5, "filter_by": "confident_learning"},
      "frac_noise: expected it with `filter_by` prune_by_noise_rate",
    ),
    (
      {"num_to_remove_per_class": [1, 2, 3]},
      "num_to_remove_per_class: expected 2 whole numbers",
    ),
    (
      {"min_examples_per_class": -1},
      "min_examples_per_class: expected",
    ),
    (
      {"confident_joint": [[1, 2]]},
      "confident_joint: expected counts",
    ),
    ({"multi_label": True}, "multi_label: expected False, got True"),
    ({"rank_by_kwargs": {"a": 1}}, "rank_by_kwargs: expected"),
    ({"y": [0]}, "pred_probs: expected .* got y beside them"),
  ],
)
def test_arguments_that_do_not_fit_are_refused(changes, message):
  arguments = {
    "labels": [0, 1, 0],
    "pred_probs": [[0.5, 0.5], [1, 0], [0, 1]],
  } | changes
  with pytest.raises(UserError, match=message):
    mn.find_label_issues(**arguments)
