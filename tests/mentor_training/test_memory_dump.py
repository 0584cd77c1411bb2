"""Loss dumps that hold what training remembers, and features made of them."""

import numpy as np
import pytest

from mentornet_tf.curricula.memory_features import (
  RememberedBatch,
  memory_features,
)
from mentornet_tf.errors import UserError
from mentornet_tf.mentor_training.example_files import load_examples
from mentornet_tf.mentor_training.examples import data_driven_examples
from mentornet_tf.mentor_training.loss_dump import (
  append_losses,
  read_loss_dump,
  truncate_losses,
  write_losses,
)
from mentornet_tf.mentor_training.loss_rows import COLUMNS, MEMORY_COLUMNS

ROW = "1 5 1 1 0.31 0.5 0.25 0.125 1\n2 10 2 0 0.12 2.5 0 1 0.75\n"


def examples(count, seed=0):
  rng = np.random.default_rng(seed)
  given = rng.random(count)
  columns = {
    "loss": rng.exponential(size=count),
    "mean_loss": rng.exponential(size=count),
    "given_probability": given,
    "other_probability": (1 - given) * rng.random(count),
    "agreement": rng.integers(0, 5, count) / 4,
  }
  return {
    "id": np.arange(count),
    "label": np.arange(count) % 3,
    "clean_label": np.arange(count) % 2,
    **{name: each.astype(np.float32) for name, each in columns.items()},
  }


@pytest.fixture
def path(tmp_path):
  return tmp_path / "losses.csv"


def read_text(path, text):
  path.write_text(text)
  return read_loss_dump(path)


def test_the_columns_are_those_of_a_remembered_batch():
  assert RememberedBatch._fields == MEMORY_COLUMNS


def test_what_is_written_is_read_back(path):
  first, second = examples(4), examples(3, seed=1)
  write_losses(path, 12, first)
  append_losses(path, [(13, second)])
  dump = read_loss_dump(path)
  assert dump.epoch.tolist() == [12] * 4 + [13] * 3
  np.testing.assert_array_equal(dump.noisy_label, [0, 1, 2, 0, 0, 1, 2])
  for name, values in zip(MEMORY_COLUMNS, dump.memory.T, strict=True):
    expected = np.concatenate([first[name], second[name]])
    np.testing.assert_allclose(values, expected, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize(
  "change",
  [
    lambda text: text.replace(" ", ", "),
    lambda text: f"{' '.join(COLUMNS + MEMORY_COLUMNS)}\n{text}",
    lambda text: text.replace("\n", " a note\n").replace(" a note", "", 1),
    lambda text: text.strip().replace("\n", ","),
  ],
  ids=["commas", "header", "fields after the last", "records on a line"],
)
def test_other_layouts_are_accepted(path, change):
  plain, other = (read_text(path, text) for text in (ROW, change(ROW)))
  np.testing.assert_array_equal(
    plain.memory, [[0.5, 0.25, 0.125, 1], [2.5, 0, 1, 0.75]]
  )
  np.testing.assert_array_equal(other.memory, plain.memory)
  np.testing.assert_array_equal(other.loss, [0.31, 0.12])


@pytest.mark.parametrize("first", ["1 5 1 1 0.31", "1 5 1 1 0.31 a note"])
def test_a_first_row_without_a_memory_decides_for_all(path, first):
  dump = read_text(path, f"{first}\n{ROW}")
  assert dump.memory is None
  np.testing.assert_array_equal(dump.loss, [0.31, 0.12])
  with pytest.raises(UserError) as caught:
    dump.memory_features(75)
  assert "losses: expected a loss dump with mean_loss, given" in str(
    caught.value
  )
  assert "\n" not in str(caught.value)


def test_a_later_row_of_an_example_replaces_its_memory(path):
  dump = read_text(path, ROW + "1 5 1 1 0.4 0.75 0.5 0.25 0\n")
  assert dump.replaced_rows == 1
  np.testing.assert_array_equal(
    dump.memory, [[0.75, 0.5, 0.25, 0], [2.5, 0, 1, 0.75]]
  )


@pytest.mark.parametrize("separator", [" ", ","])
@pytest.mark.parametrize(
  ("row", "message"),
  [
    ("3 15 0 0 1.0", "expected 9 fields (id epoch noisy_label clean_label"),
    ("3 15 0 0 1.0 1 1 0", "got 8: '3 15 0 0 1.0 1 1 0'"),
    ("3 15 0 0 1 x 1 0 1", "expected a number for mean_loss, got 'x'"),
    ("3 15 0 0 1 1 1 0 x", "expected a number for agreement, got 'x'"),
    ("3 15 0 0 1 -1 1 0 1", "a mean_loss that is finite and >= 0, got '-1'"),
    ("3 15 0 0 1 inf 1 0 1", "a mean_loss that is finite and >= 0, got 'inf'"),
    ("3 15 0 0 1 1 1.5 0 1", "a value of given_probability in 0..1, got '1.5'"),
    ("3 15 0 0 1 1 nan 0 1", "a value of given_probability in 0..1, got 'nan'"),
    ("3 15 0 0 1 1 1 -1 1", "a value of other_probability in 0..1, got '-1'"),
    ("3 15 0 0 1 1 1 0 2", "a value of agreement in 0..1, got '2'"),
    ("3 15 0 -1 1 1 1 0 1", "a label, a whole number >= 0"),
  ],
)
def test_damaged_rows_are_refused_with_their_line(
  path, row, message, separator
):
  row = row if "got 8" in message else row.replace(" ", separator)
  with pytest.raises(UserError) as caught:
    read_text(path, f"{ROW}{row}\n")
  assert "losses.csv, line 3: expected" in str(caught.value)
  assert message in str(caught.value)
  assert "\n" not in str(caught.value)


def test_a_dump_is_shortened_as_it_was_written(path):
  write_losses(path, 0, examples(5))
  lines = path.read_text().splitlines(keepends=True)
  assert truncate_losses(path, 3) == COLUMNS + MEMORY_COLUMNS
  assert path.read_text() == "".join(lines[:3])
  assert truncate_losses(path, 0) is None
  plain = {name: examples(2)[name] for name in list(examples(2))[:4]}
  write_losses(path, 0, plain)
  assert truncate_losses(path, 2) == COLUMNS


@pytest.mark.parametrize("second", ["2 10 2 0 0.12\n", ROW[:-1], ROW[:-9]])
def test_rows_of_other_columns_are_not_continued(path, second):
  path.write_text(ROW.splitlines(keepends=True)[0] + second)
  before = path.read_text()
  count = before.count("\n") + (not before.endswith("\n"))
  with pytest.raises(UserError, match=r"line [23]: expected a whole row of id"):
    truncate_losses(path, count)
  assert path.read_text() == before


@pytest.mark.parametrize("by_epoch", [False, True])
def test_features_of_a_dump_are_those_of_a_curriculum(path, by_epoch):
  write_losses(path, 10, examples(40))
  append_losses(path, [(60, examples(40, seed=1))])
  dump = read_loss_dump(path)
  features = dump.memory_features(75, by_epoch=by_epoch)
  remembered = RememberedBatch(*dump.memory.T)

  def difference(values):
    if not by_epoch:
      return values - np.percentile(values, 75)
    halves = np.split(values, 2)
    return np.concatenate([h - np.percentile(h, 75) for h in halves])

  expected = memory_features(
    dump.loss,
    difference(dump.loss),
    remembered,
    difference(remembered.mean_loss),
    dump.epoch,
  )
  np.testing.assert_allclose(features, expected, rtol=1e-6, atol=1e-6)
  # The loss and its difference are those of every other mentor.
  np.testing.assert_array_equal(
    features[:, [0, 1, 7]], dump.features(75, by_epoch=by_epoch)[:, [0, 1, 3]]
  )


def test_rows_of_an_example_are_all_for_training_or_all_for_testing(path):
  for visit in range(6):
    append_losses(path, [(10 * visit, examples(50, seed=visit))])
  dump = read_loss_dump(path)
  made = data_driven_examples(dump, 75, with_memory=True, seed=3)
  id_of = {
    row.tobytes(): example
    for row, example in zip(
      dump.memory_features(75), dump.example_id, strict=True
    )
  }
  assert len(id_of) == 300
  train, test = (
    [id_of[row.tobytes()] for row in rows]
    for rows in (made.train_features, made.test_features)
  )
  assert (len(train), len(test)) == (240, 60)
  assert (len(set(train)), len(set(test))) == (40, 10)
  assert not set(train) & set(test)
  # The rows stay shuffled, and their targets with them.
  assert train != sorted(train)
  clean = dict(zip(dump.example_id, dump.target_weights(), strict=True))
  np.testing.assert_array_equal(made.test_targets, [clean[i] for i in test])


def test_one_example_cannot_be_split(path):
  for visit in range(6):
    append_losses(path, [(10 * visit, examples(1, seed=visit))])
  with pytest.raises(UserError, match=r"expected at least 2 examples, got 1;"):
    data_driven_examples(read_loss_dump(path), 75, with_memory=True)


def test_examples_of_a_memory_are_saved_and_loaded(path, tmp_path):
  write_losses(path, 10, examples(50))
  dump = read_loss_dump(path)
  made = data_driven_examples(dump, 75, with_memory=True, seed=3)
  assert made.num_features == 8
  assert made.origin["with_memory"] is True
  order = np.random.default_rng(3).permutation(50)
  rows = np.concatenate([made.train_features, made.test_features])
  np.testing.assert_array_equal(rows, dump.memory_features(75)[order])
  targets = np.concatenate([made.train_targets, made.test_targets])
  np.testing.assert_array_equal(targets, dump.target_weights()[order])
  made.save(tmp_path)
  loaded = load_examples(tmp_path)
  np.testing.assert_array_equal(loaded.train_features, made.train_features)
  assert loaded.origin == made.origin
