"""Rates are checked within five standard errors: a false alarm in about two
million draws of the seed, and the seeds are fixed anyway."""

import os

import numpy as np
import pytest
import scipy.stats

import mentornet_tf as mn
from mentornet_tf.datasets.labels import noise
from mentornet_tf.datasets.labels.noise import (
  corrupt_labels,
  load_transition_matrix,
  measured_noise_rate,
)
from mentornet_tf.datasets.sources.class_names import confused_classes
from mentornet_tf.errors import UserError

N = 20_000
LABELS = np.arange(N) % 10


def assert_share(share, expected, count):
  standard_error = np.sqrt(expected * (1 - expected) / count)
  assert abs(share - expected) <= 5 * standard_error


def transitions(noisy, labels=LABELS, num_classes=10):
  """[K, K] shares: row = clean class."""
  table = np.zeros((num_classes, num_classes))
  np.add.at(table, (labels, noisy), 1)
  return table / table.sum(axis=1, keepdims=True)


def test_symmetric_draws_uniformly_from_all_classes():
  noisy = mn.corrupt_labels(LABELS, 10, kind="symmetric", rate=0.4, seed=0)
  assert noisy.dtype == np.int64 and noisy.shape == (N,)
  assert_share(np.mean(noisy != LABELS), 0.4 * 0.9, N)
  table = transitions(noisy)
  for true in range(10):
    for other in range(10):
      assert_share(table[true, other], 0.64 if other == true else 0.04, N / 10)


def test_pairflip_goes_to_the_next_class():
  noisy = corrupt_labels(LABELS, 10, "pairflip", 0.45, 1)
  changed = noisy != LABELS
  assert_share(changed.mean(), 0.45, N)
  np.testing.assert_array_equal(noisy[changed], (LABELS[changed] + 1) % 10)


@pytest.mark.parametrize("num_classes", [10, 100])
def test_asymmetric_follows_the_customary_map(num_classes):
  labels = np.arange(N) % num_classes
  noisy = corrupt_labels(labels, num_classes, "asymmetric", 0.4, 2)
  target = confused_classes({10: "cifar10", 100: "cifar100"}[num_classes])
  movable = target[labels] != labels
  changed = noisy != labels
  assert_share(changed[movable].mean(), 0.4, movable.sum())
  assert not changed[~movable].any()
  np.testing.assert_array_equal(noisy[changed], target[labels][changed])


def test_asymmetric_takes_a_map():
  noisy = corrupt_labels(
    [0, 1, 2], 3, "asymmetric", 1.0, class_map=np.array([2, 1, 0])
  )
  np.testing.assert_array_equal(noisy, [2, 1, 0])


def test_matrix_rows_are_the_distributions():
  rng = np.random.default_rng(5)
  matrix = rng.dirichlet(np.ones(10), size=10)
  matrix[3] = np.eye(10)[7]
  noisy = corrupt_labels(LABELS, 10, "matrix", seed=3, transition_matrix=matrix)
  table = transitions(noisy)
  for true, other in np.ndindex(10, 10):
    assert_share(table[true, other], matrix[true, other], N / 10)


def test_matrix_whose_last_bound_rounds_below_one():
  row = np.full(3, 1 / 3)
  noisy = corrupt_labels(
    np.zeros(N, int), 3, "matrix", transition_matrix=np.tile(row, (3, 1))
  )
  assert set(noisy) == {0, 1, 2}


def test_instance_dependent_noise_depends_on_the_image():
  rng = np.random.default_rng(0)
  kinds = rng.integers(0, 256, (4, 8, 8, 3), np.uint8)
  of_kind = np.arange(N) % 4
  labels = np.zeros(N, np.int64)
  noisy = corrupt_labels(labels, 10, "instance", 0.3, 4, images=kinds[of_kind])
  # Truncation at 0 is three deviations away: the mean is 0.3 to 0.0005.
  assert_share(np.mean(noisy != 0), 0.3, N)
  tables = [
    np.bincount(noisy[(of_kind == kind) & (noisy != 0)], minlength=10)
    for kind in range(4)
  ]
  favourites = [int(np.argmax(table)) for table in tables]
  assert len(set(favourites)) > 1
  for table in tables:
    assert table[0] == 0 and table.max() > 0.5 * table.sum()


@pytest.mark.parametrize("mean", [0.05, 0.5, 0.95])
def test_instance_rates_follow_a_truncated_normal(mean):
  rates = noise._truncated_normal(mean, N, np.random.default_rng(0))
  expected = scipy.stats.truncnorm(
    -mean / 0.1, (1 - mean) / 0.1, loc=mean, scale=0.1
  )
  assert scipy.stats.kstest(rates, expected.cdf).pvalue > 1e-6


def test_none_changes_nothing_and_copies():
  labels = LABELS.copy()
  same = corrupt_labels(labels, 10, "none")
  np.testing.assert_array_equal(same, labels)
  same[0] = 5
  assert labels[0] == 0


@pytest.mark.parametrize(
  "kind", ["symmetric", "pairflip", "asymmetric", "instance"]
)
def test_rate_bounds(kind):
  options = {"images": np.zeros((N, 2), np.uint8)} if kind == "instance" else {}
  untouched = corrupt_labels(LABELS, 10, kind, 0.0, **options)
  np.testing.assert_array_equal(untouched, LABELS)


@pytest.mark.parametrize(
  "kind", ["symmetric", "pairflip", "asymmetric", "instance"]
)
def test_seed_decides_everything(kind):
  images = np.random.default_rng(2).integers(0, 256, (N, 6), np.uint8)
  options = {"images": images} if kind == "instance" else {}
  first, again, other = (
    corrupt_labels(LABELS, 10, kind, 0.4, seed, **options) for seed in (7, 7, 8)
  )
  np.testing.assert_array_equal(first, again)
  assert (first != other).any()


def test_numpy_global_state_is_neither_read_nor_moved():
  np.random.seed(0)
  state = np.random.get_state()[1].copy()
  corrupt_labels(LABELS, 10)
  np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_measured_rate_leaves_unknown_labels_out():
  noisy, clean = np.array([1, 2, 3, 4]), np.array([1, 3, -1, 4])
  assert measured_noise_rate(noisy, clean) == pytest.approx(1 / 3)
  assert measured_noise_rate(noisy, np.full(4, -1)) is None


@pytest.mark.parametrize(
  ("arguments", "words"),
  [
    ({"kind": "uniform"}, ["none, symmetric", "'uniform'"]),
    ({"rate": -0.1}, ["between 0 and 1", "-0.1"]),
    ({"rate": 40}, ["between 0 and 1", "40"]),
    ({"rate": float("nan")}, ["between 0 and 1", "nan"]),
    ({"seed": -1}, ["seed: expected at least 0", "-1"]),
    ({"num_classes": 1}, ["num_classes: expected at least 2", "got 1"]),
    ({"num_classes": 2}, ["between 0 and 1", "got 2 at position 2"]),
    ({"labels": [0, -1]}, ["got -1 at position 1"]),
    ({"labels": [0.5]}, ["list of integers", "float64"]),
    ({"labels": [[1, 2]]}, ["list of integers", "[1, 2]"]),
    ({"kind": "matrix"}, ["transition_matrix: expected a value", "got none"]),
    ({"kind": "instance"}, ["images: expected a value", "got none"]),
    (
      {"kind": "instance", "images": np.zeros((2, 4))},
      ["2 images and 3 labels"],
    ),
    (
      {"images": np.zeros((3, 4))},
      ["images: expected none for symmetric"],
    ),
    (
      {"transition_matrix": np.eye(10)},
      ["transition_matrix: expected none for symmetric"],
    ),
    ({"class_map": np.arange(10)}, ["class_map: expected none for symmetric"]),
    (
      {"kind": "asymmetric", "num_classes": 7},
      ["7 classes", "class_map: expected one"],
    ),
    (
      {"kind": "asymmetric", "class_map": np.arange(1, 11)},
      ["10 classes between 0 and 9"],
    ),
    (
      {"kind": "asymmetric", "class_map": np.arange(9)},
      ["class_map: expected 10 classes"],
    ),
    (
      {"kind": "matrix", "transition_matrix": np.eye(9)},
      ["10x10", "[9, 9]"],
    ),
    (
      {"kind": "matrix", "transition_matrix": 0.9 * np.eye(10)},
      ["sum to 1", "row 0 with the sum 0.9"],
    ),
    (
      {"kind": "matrix", "transition_matrix": np.full((10, 10), np.nan)},
      ["sum to 1", "row 0"],
    ),
    (
      {
        "kind": "matrix",
        "transition_matrix": np.eye(10) * 2 - np.roll(np.eye(10), 1, axis=1),
      },
      ["row 0", "least entry -1"],
    ),
  ],
)
def test_bad_arguments(arguments, words):
  arguments = {"labels": [0, 1, 2], "num_classes": 10} | arguments
  with pytest.raises(UserError) as caught:
    corrupt_labels(**arguments)
  assert "\n" not in str(caught.value)
  for word in words:
    assert word in str(caught.value)


@pytest.mark.parametrize("suffix", [".npy", ".csv", ".txt"])
def test_matrix_files(tmp_path, suffix):
  matrix = np.array([[0.75, 0.25], [0.5, 0.5]])
  path = tmp_path / f"matrix{suffix}"
  if suffix == ".npy":
    np.save(path, matrix)
  else:
    np.savetxt(path, matrix, delimiter="," if suffix == ".csv" else " ")
  np.testing.assert_array_equal(load_transition_matrix(path, 2), matrix)


@pytest.mark.parametrize(
  ("name", "content", "words"),
  [
    ("missing.npy", None, "no such file"),
    ("matrix.mat", b"", "file .npy, .csv or .txt"),
    ("matrix.csv", b"a,b\nc,d\n", "2x2 numbers"),
    ("matrix.csv", b"1,0\n1\n", "2x2 numbers"),
    ("matrix.npy", b"no array", "2x2 numbers"),
    ("matrix.csv", b"1,0\n0,2\n", "row 1 with the sum 2"),
  ],
)
def test_bad_matrix_files(tmp_path, name, content, words):
  path = tmp_path / name
  if content is not None:
    path.write_bytes(content)
  with pytest.raises(UserError) as caught:
    load_transition_matrix(path, 2)
  assert name in str(caught.value) and words in str(caught.value)


@pytest.mark.parametrize("name", ["matrix.npy", "matrix.csv"])
def test_a_pipe_is_no_matrix(tmp_path, name):
  os.mkfifo(tmp_path / name)
  with pytest.raises(UserError, match="expected a file, got a pipe"):
    load_transition_matrix(tmp_path / name, 2)


def test_matrix_file_with_a_pickle_is_refused(tmp_path):
  np.save(tmp_path / "m.npy", np.array([{}], object), allow_pickle=True)
  with pytest.raises(UserError, match="2x2 numbers"):
    load_transition_matrix(tmp_path / "m.npy", 2)
