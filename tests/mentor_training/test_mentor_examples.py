"""Examples on the grid, their files, and the original's pickles."""

import os
import pickle

import numpy as np
import pytest

from mentornet_tf.curricula.target_weights import target_weights
from mentornet_tf.errors import UserError
from mentornet_tf.mentor_training.example_files import load_examples
from mentornet_tf.mentor_training.examples import (
  EXAMPLES_FILE,
  MentorExamples,
  grid_axes,
  joined_examples,
  predefined_examples,
  split_examples,
)


def all_rows(examples):
  features = np.concatenate([examples.train_features, examples.test_features])
  targets = np.concatenate([examples.train_targets, examples.test_targets])
  return features, targets


def assert_equal(first, second):
  for name in ("train_features", "train_targets"):
    np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
  for name in ("test_features", "test_targets", "origin"):
    np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_grid_axes_equal_golden(golden):
  recorded = golden.npz("vstar")
  names = ("grid_loss", "grid_diff", "grid_epoch")
  for axis, name in zip(grid_axes(), names, strict=True):
    np.testing.assert_array_equal(axis, recorded[name])


def test_a_sample_holds_distinct_grid_points_with_their_targets():
  examples = predefined_examples("spcl_linear", 2.0, sample_size=5000, seed=3)
  features, targets = all_rows(examples)
  assert len(examples.train_features) == 4000
  assert len(examples.test_features) == 1000  # no row is lost at the cut
  assert len(np.unique(features, axis=0)) == 5000
  for column, axis in zip((0, 1, 3), grid_axes(), strict=True):
    assert np.isin(features[:, column], axis).all()
    assert np.ptp(features[:, column]) > 0.9 * np.ptp(axis)
  assert not features[:, 2].any()
  np.testing.assert_array_equal(
    targets, target_weights("spcl_linear", features, 2.0)
  )


def test_the_whole_grid_is_drawn_once():
  examples = predefined_examples("self_paced", sample_size=1_200_000)
  _, targets = all_rows(examples)
  assert targets.sum() == 612_000  # golden vstar, grid_sum
  assert len(examples.test_targets) == 240_000


def test_the_seed_decides_the_sample():
  first = predefined_examples("focal_loss", sample_size=50, seed=1)
  assert_equal(first, predefined_examples("focal_loss", sample_size=50, seed=1))
  other = predefined_examples("focal_loss", sample_size=50, seed=2)
  assert np.any(first.train_features != other.train_features)


def test_only_zeros_and_ones_together_are_binary():
  def binary(name):
    return predefined_examples(name, sample_size=200).binary

  assert binary("self_paced")
  assert binary("hard_example_mining")
  assert not binary("baseline")
  assert not binary("focal_loss")


def test_saved_examples_come_back(tmp_path):
  examples = predefined_examples("mentornet_pd", sample_size=100, seed=4)
  path = examples.save(tmp_path / "new" / "pd")
  assert path.name == EXAMPLES_FILE
  assert_equal(load_examples(path), examples)
  assert_equal(load_examples(path.parent), examples)
  assert os.listdir(path.parent) == [EXAMPLES_FILE]


@pytest.mark.parametrize("protocol", [0, 2])
def test_the_originals_pickles_load(tmp_path, protocol):
  rows = np.arange(60.0).reshape(12, 5) / 100
  (tmp_path / "tr.p").write_bytes(pickle.dumps(rows[:8], protocol))
  (tmp_path / "ts.p").write_bytes(pickle.dumps(rows[8:], protocol))
  examples = load_examples(tmp_path)
  np.testing.assert_array_equal(examples.train_features, rows[:8, :4])
  np.testing.assert_array_equal(examples.train_targets, rows[:8, 4])
  np.testing.assert_array_equal(examples.test_features, rows[8:, :4])
  np.testing.assert_array_equal(examples.test_targets, rows[8:, 4])


class _RunsCode:
  def __reduce__(self):
    return os.system, ("true",)


def refused(function, *args, **kwargs):
  with pytest.raises(UserError) as caught:
    function(*args, **kwargs)
  assert "\n" not in str(caught.value)
  return str(caught.value)


@pytest.mark.parametrize(
  ("content", "message"),
  [
    (_RunsCode(), "which could run code"),
    (np.zeros((3, 4)), "tr.p: expected an array [N, 5] of four features"),
    ({"features": 1}, "got something else"),
    ("text", "got something else"),
  ],
)
def test_other_pickles_are_refused(tmp_path, content, message):
  (tmp_path / "tr.p").write_bytes(pickle.dumps(content))
  (tmp_path / "ts.p").write_bytes(pickle.dumps(np.zeros((3, 5))))
  assert message in refused(load_examples, tmp_path)


def test_paths_without_examples_are_refused(tmp_path):
  message = refused(load_examples, tmp_path)
  assert f"expected a folder with {EXAMPLES_FILE}" in message
  assert "generate the examples first" in message
  predefined_examples("self_paced", sample_size=10).save(tmp_path / "below")
  assert "one with below; " in refused(load_examples, tmp_path)
  assert "got no such path" in refused(load_examples, tmp_path / "nosuch")


@pytest.mark.parametrize("kept", [0, 100, -50])
def test_damaged_files_are_refused(tmp_path, kept):
  path = predefined_examples("self_paced", sample_size=10).save(tmp_path)
  path.write_bytes(path.read_bytes()[:kept])
  assert "does not load" in refused(load_examples, tmp_path)


def test_files_of_other_arrays_are_refused(tmp_path):
  path = tmp_path / EXAMPLES_FILE
  np.savez(path, features=np.zeros(3))
  assert "expected an .npz file with train_features" in refused(
    load_examples, path
  )
  np.savez(path, train_features=np.array([{}], object))
  assert "does not load" in refused(load_examples, path)


@pytest.mark.parametrize("size", [-1, 0, 1, 1_200_001])
def test_sample_sizes_out_of_range_are_refused(size):
  message = refused(predefined_examples, "self_paced", sample_size=size)
  assert f"sample_size: expected 2..1200000 (the grid's size), got {size}" in (
    message
  )


def test_unknown_curricula_and_bad_gammas_are_refused():
  assert "got 'nosuch'" in refused(predefined_examples, "nosuch")
  assert "gamma: expected a number > 0" in refused(
    predefined_examples, "focal_loss", -1
  )


@pytest.mark.parametrize(
  ("features", "targets", "message"),
  [
    (np.zeros((2, 3)), np.zeros(2), "train features [N, 4] or [N, 8], got"),
    (np.zeros((2, 8)), np.zeros(2), "for testing as for training, got 4 and 8"),
    (np.zeros((0, 4)), np.zeros(0), "give at least one row"),
    (np.zeros((2, 4)), np.zeros(3), "expected train targets [2], got [3]"),
    (np.full((2, 4), np.nan), np.zeros(2), "expected finite train features"),
    (np.zeros((2, 4)), np.array([0, 1.5]), "targets in 0..1, got 0.0..1.5"),
    (np.zeros((2, 4)), np.full(2, np.nan), "targets in 0..1, got nan"),
  ],
)
def test_unfit_arrays_are_refused(features, targets, message):
  good = (np.zeros((1, 4)), np.zeros(1))
  assert message in refused(MentorExamples, features, targets, *good)


def test_examples_of_several_sources_are_joined():
  parts = [predefined_examples(n, sample_size=10) for n in ("self_paced",) * 2]
  joined = joined_examples(parts)
  assert joined.origin == {"joined": [part.origin for part in parts]}
  for name, rows in (("train", 16), ("test", 4)):
    features = getattr(joined, f"{name}_features")
    assert features.shape == (rows, 4)
    np.testing.assert_array_equal(
      features[rows // 2 :], getattr(parts[1], f"{name}_features")
    )
  assert joined_examples(parts[:1]) is parts[0]


def test_examples_of_two_kinds_are_not_joined():
  narrow = predefined_examples("self_paced", sample_size=10)
  wide = split_examples(np.ones((5, 8)), np.ones(5), {})
  with pytest.raises(UserError, match="as many features in each set, got 4, 8"):
    joined_examples([narrow, wide])
