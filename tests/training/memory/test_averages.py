"""Averages on the host equal those by hand, in memory and on disk."""

import resource
from pathlib import Path

import numpy as np
import pytest
from memory_references import average, remembered, visits_of

from mentornet_tf.errors import UserError
from mentornet_tf.training.memory import probability_rows
from mentornet_tf.training.memory.averages import ExampleAverages
from mentornet_tf.training.memory.probability_rows import (
  CompactRows,
  FloatRows,
)

_N, _C, _DECAY = 7, 5, 0.95


def averages_of(rows, positions, columns, labels, calls=9, decay=_DECAY):
  averages = ExampleAverages(_N, rows, decay)
  for part in np.array_split(np.arange(len(positions)), calls):
    at = positions[part]
    averages.observe(
      at,
      ids=1000 - at,
      labels=labels[at],
      **{name: values[part] for name, values in columns.items()},
    )
  return averages


@pytest.fixture
def visits():
  """400 visits of 7 examples, many of them within one call."""
  return visits_of(np.random.default_rng(0), 400, _N - 1, _C)


@pytest.mark.parametrize("decay", [0.95, 0.5, 0.0])
def test_averages_are_those_by_hand(visits, decay):
  positions, columns = visits
  labels = np.arange(_N) % _C
  rows = FloatRows(_N, _C)
  averages = averages_of(rows, positions, columns, labels, decay=decay)
  expected, visited = remembered(positions, columns, _N, decay)
  seen = visited > 0
  assert not seen[-1] and seen[:-1].all()
  np.testing.assert_array_equal(averages.visits, visited)
  np.testing.assert_allclose(
    averages.loss[seen], expected["loss"][seen], rtol=2e-6
  )
  np.testing.assert_allclose(
    averages.weight[seen], expected["weight"][seen], rtol=2e-6
  )
  np.testing.assert_allclose(
    rows.read(np.flatnonzero(seen)),
    expected["probabilities"][seen],
    rtol=1e-5,
    atol=1e-8,
  )
  agrees = columns["probabilities"].argmax(1) == labels[positions]
  np.testing.assert_array_equal(
    averages.agreements, np.bincount(positions, agrees, _N)
  )
  np.testing.assert_array_equal(
    averages.ids, np.where(seen, 1000 - np.arange(_N), -1)
  )
  np.testing.assert_array_equal(averages.labels, np.where(seen, labels, -1))


def test_each_visit_tells_what_is_remembered_then(visits):
  positions, columns = visits
  labels = np.arange(_N) % _C
  averages = ExampleAverages(_N, FloatRows(_N, _C), _DECAY)
  told = [
    averages.observe(
      positions[part],
      ids=positions[part],
      labels=labels[positions[part]],
      **{name: values[part] for name, values in columns.items()},
    )
    for part in np.array_split(np.arange(400), 9)
  ]
  told = {
    name: np.concatenate([getattr(each, name) for each in told])
    for name in told[0]._fields
  }
  for number in (0, 1, 17, 200, 399):
    at = positions[number]
    before = np.flatnonzero(positions[: number + 1] == at)
    loss, rows = (
      average(list(columns[name][before]), _DECAY)
      for name in ("loss", "probabilities")
    )
    others = np.delete(rows, labels[at])
    agrees = columns["probabilities"][before].argmax(1) == labels[at]
    expected = (loss, rows[labels[at]], others.max(), agrees.mean())
    found = [values[number] for values in told.values()]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_the_first_average_is_the_visit_itself(visits):
  positions, columns = visits
  rows = FloatRows(_N, _C)
  one = {name: values[:1] for name, values in columns.items()}
  averages = averages_of(rows, positions[:1], one, np.zeros(_N, int), calls=1)
  at = positions[:1]
  np.testing.assert_array_equal(rows.read(at), columns["probabilities"][:1])
  assert averages.loss[at] == columns["loss"][0]


def test_two_bytes_per_probability_stay_near_float64(visits, tmp_path):
  # Documented bound: 3e-4 times the root of the probability.
  positions, columns = visits
  rows = CompactRows(_N, _C, tmp_path)
  averages_of(rows, positions, columns, np.zeros(_N, int))
  expected, visited = remembered(positions, columns, _N, _DECAY)
  seen = np.flatnonzero(visited)
  error = np.abs(rows.read(seen) - expected["probabilities"][seen])
  assert (error <= 3e-4 * np.sqrt(expected["probabilities"][seen])).all()
  assert error.max() > 0


def test_small_changes_are_not_lost_in_two_bytes(tmp_path):
  # An average of float16 stays at 0.9 here: a step of 0.05 · 0.004 is less
  # than half the distance of its values.
  rows = CompactRows(1, 2, tmp_path)
  averages = ExampleAverages(1, rows, _DECAY)
  for share in [0.9] * 100 + [0.904] * 200:
    averages.observe(
      np.zeros(1, np.int64),
      ids=np.zeros(1, np.int64),
      labels=np.zeros(1, np.int64),
      loss=np.ones(1, np.float32),
      weight=np.ones(1, np.float32),
      probabilities=np.array([[share, 1 - share]], np.float32),
    )
  np.testing.assert_allclose(rows.read(np.array([0]))[0, 0], 0.904, atol=3e-4)


def test_parts_of_calls_change_nothing(visits, tmp_path, monkeypatch):
  positions, columns = visits
  whole, split = (CompactRows(_N, _C, tmp_path) for _ in range(2))
  averages_of(whole, positions, columns, np.zeros(_N, int), calls=4)
  monkeypatch.setattr(probability_rows, "_AT_ONCE", 2 * _C)
  averages_of(split, positions, columns, np.zeros(_N, int), calls=19)
  everything = slice(0, _N)
  np.testing.assert_array_equal(
    whole.stored(everything), split.stored(everything)
  )
  assert not list(tmp_path.iterdir())  # the files go with the process


def test_another_label_of_an_example_is_no_silent_matter(visits):
  positions, columns = visits
  rows = FloatRows(_N, _C)
  averages = averages_of(rows, positions, columns, np.zeros(_N, int))
  with pytest.raises(RuntimeError, match="other labels"):
    averages.observe(
      positions[:1],
      ids=1000 - positions[:1],
      labels=np.ones(1, int),
      **{name: values[:1] for name, values in columns.items()},
    )


@pytest.mark.skipif(
  not Path("/proc/self/statm").exists(), reason="Linux tells what is resident"
)
def test_rows_on_disk_take_no_memory(tmp_path):
  def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()

  rows = CompactRows(20_000, 2_000, tmp_path)  # 80 MB
  ones = np.ones((500, 2_000), np.float32)
  rows.write(np.arange(500), ones)
  before = resident()
  for start in range(0, 20_000, 500):
    rows.write(np.arange(start, start + 500), ones)
  for start in range(0, 20_000, 500):
    assert rows.stored(slice(start, start + 500)).min() == 65535
  assert resident() - before < 20e6


@pytest.mark.parametrize("decay", [1.0, -0.1, float("nan"), True])
def test_decays_out_of_range_are_refused(decay):
  with pytest.raises(UserError, match=r"^decay: expected a number in \[0, 1\)"):
    ExampleAverages(1, FloatRows(1, 2), decay)
