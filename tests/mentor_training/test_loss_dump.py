"""Loss dumps, in every form that is accepted, against the recorded rows."""

import os
import tracemalloc

import numpy as np
import pytest

from mentornet_tf.errors import UserError
from mentornet_tf.mentor_training import loss_dump
from mentornet_tf.mentor_training.examples import (
  DATA_DRIVEN_PERCENTILES,
  data_driven_examples,
)
from mentornet_tf.mentor_training.loss_dump import (
  append_losses,
  read_loss_dump,
  truncate_losses,
  write_losses,
)

ROW = "1 5 1 1 0.31\n2 10 2 0 0.12\n"


def sorted_rows(examples):
  """All examples as [N, 5] rows (features, target), sorted by loss."""
  rows = np.concatenate(
    [
      np.column_stack([examples.train_features, examples.train_targets]),
      np.column_stack([examples.test_features, examples.test_targets]),
    ]
  )
  return rows[np.argsort(rows[:, 0], kind="stable")]


def by_all_columns(rows):
  return rows[np.lexsort(rows.T[::-1])]


@pytest.fixture
def read(tmp_path):
  def read_text(text, **kwargs):
    path = tmp_path / "dump.csv"
    path.write_text(text)
    return read_loss_dump(path, **kwargs)

  return read_text


@pytest.mark.parametrize("percentile", DATA_DRIVEN_PERCENTILES)
def test_examples_equal_golden(golden, percentile):
  dump = read_loss_dump(golden.folder / "data_driven.csv")
  examples = data_driven_examples(dump, percentile)
  recorded = golden.npz("data_driven")
  np.testing.assert_array_equal(
    by_all_columns(sorted_rows(examples)),
    by_all_columns(recorded[f"data_{percentile}"]),
  )
  sizes = golden.json("data_driven")["sizes"][str(percentile)]
  assert len(examples.train_features) == sizes["train"]
  # The original loses one row between the parts.
  assert len(examples.test_features) == sizes["test"] + sizes["dropped"]
  assert examples.origin["loss_dump"] == "data_driven"


BASE_VARIANTS = {
  "base": lambda text: text,
  "blank_line_inside": lambda text: text.replace("\n3 ", "\n\n \n3 "),
  "comma_separated_records_on_one_line": lambda text: text.strip().replace(
    "\n", ","
  ),
  "extra_sixth_field": lambda text: text.replace("\n", " 7 x\n"),
  "leading_and_trailing_spaces": lambda text: "".join(
    f"  {line} \n" for line in text.splitlines()
  ),
  "five_rows": lambda text: "".join(text.splitlines(keepends=True)[:5]),
  "two_rows": lambda text: "".join(text.splitlines(keepends=True)[:2]),
  "ids_01_and_1_are_distinct": lambda text: text + "01 1 1 1 7.7\n",
}


@pytest.mark.parametrize("variant", BASE_VARIANTS)
def test_variants_equal_golden(golden, read, variant):
  recorded = golden.json("data_driven")["variants"]
  text = BASE_VARIANTS[variant](recorded["base_csv"])
  for one_row_per_id in (True, False):
    dump = read(text, one_row_per_id=one_row_per_id)
    assert dump.replaced_rows == 0
    examples = data_driven_examples(dump, 50)
    expected = recorded[variant]["rows_sorted_by_loss"]
    np.testing.assert_array_equal(sorted_rows(examples), expected)
    assert len(examples.train_features) == recorded[variant]["train"]


def test_one_row_per_id_equals_golden(golden, read):
  recorded = golden.json("data_driven")["variants"]
  dump = read(recorded["duplicate_csv"], one_row_per_id=True)
  assert dump.replaced_rows == 2
  np.testing.assert_array_equal(
    sorted_rows(data_driven_examples(dump, 50)),
    recorded["duplicate_id_last_wins"]["rows_sorted_by_loss"],
  )


def test_an_example_may_appear_at_several_epochs(golden, read):
  text = golden.json("data_driven")["variants"]["duplicate_csv"]
  dump = read(text + "3 77 1 0 9.25\n")
  assert len(dump.loss) == 12
  assert dump.replaced_rows == 1
  row = np.flatnonzero(dump.epoch == 77)
  assert dump.loss[row].tolist() == [9.25]
  assert dump.target_weights()[row].tolist() == [0]


@pytest.mark.parametrize(
  "change",
  [
    lambda text: text.replace(" ", "\t"),
    lambda text: text.replace(" ", "  "),
    lambda text: text.replace(" ", ","),
    lambda text: text.replace(" ", ", "),
    lambda text: "id epoch noisy clean loss\n" + text,
    lambda text: (
      "\nid,epoch,noisy_label,clean_label,loss\n" + text.replace(" ", ",")
    ),
    lambda text: text.replace("\n", "\r\n"),
  ],
  ids=["tabs", "spaces", "commas", "both", "header", "csv", "windows"],
)
def test_other_layouts_are_accepted(golden, read, change):
  text = golden.json("data_driven")["variants"]["base_csv"]
  plain, other = read(text), read(change(text))
  np.testing.assert_array_equal(other.features(50), plain.features(50))
  np.testing.assert_array_equal(other.noisy_label, plain.noisy_label)
  np.testing.assert_array_equal(other.clean_label, plain.clean_label)


def test_the_seed_decides_the_split(read):
  dump = read("".join(f"{i} 0 0 0 {i}\n" for i in range(50)))
  first = data_driven_examples(dump, 50, seed=1).train_features
  np.testing.assert_array_equal(
    first, data_driven_examples(dump, 50, seed=1).train_features
  )
  assert np.any(first != data_driven_examples(dump, 50, seed=2).train_features)


def refused(function, *args, **kwargs):
  with pytest.raises(UserError) as caught:
    function(*args, **kwargs)
  assert "\n" not in str(caught.value)
  return str(caught.value)


@pytest.mark.parametrize(
  ("row", "message"),
  [
    ("3 15 0 0", "line 3: expected 5 fields (id epoch noisy_label clean_label"),
    ("3,15,0,0", "got 4: '3 15 0 0'"),
    ("3", "got 1: '3'"),
    ("3 15 0 0 high", "line 3: expected a number for loss, got 'high'"),
    ("3 x 0 0 1.0", "expected a number for epoch, got 'x'"),
    ("3 15 cat 0 1.0", "expected a number for noisy_label, got 'cat'"),
    ("id epoch noisy clean loss", "expected a number for epoch, got 'epoch'"),
    ("3 15 0 0 nan", "a loss that is finite and >= 0, got 'nan'"),
    ("3 15 0 0 inf", "a loss that is finite and >= 0, got 'inf'"),
    ("3 15 0 0 -0.1", "a loss that is finite and >= 0, got '-0.1'"),
    ("3 nan 0 0 1.0", "an epoch percentage in 0..100, got 'nan'"),
    ("3 101 0 0 1.0", "an epoch percentage in 0..100, got '101'"),
    ("3 15 0 -1 1.0", "a label, a whole number >= 0 (-1 is unknown), got '-1'"),
    ("3 15 0.5 0 1.0", "a label, a whole number >= 0 (-1 is unknown)"),
    ("3 15 0 nan 1.0", "a label"),
    ("3,15,,0,1.0", "expected a number for noisy_label, got ''"),
  ],
)
def test_malformed_rows_are_refused(read, row, message):
  text = refused(read, f"{ROW}{row}\n")
  assert "dump.csv, line 3" in text
  assert message in text


@pytest.mark.parametrize("text", ["", "\n \n", "id epoch noisy clean loss\n"])
def test_empty_dumps_are_refused(read, text):
  message = refused(read, text)
  assert "got an empty file" in message
  assert "a run with `record_losses`" in message


def test_too_few_rows_and_bad_percentiles_are_refused(read):
  dump = read("1 5 1 1 0.31\n")
  assert "expected at least 2 rows, got 1" in refused(
    data_driven_examples, dump, 50
  )
  for percentile in (-1, 101, float("nan")):
    assert "percentile: expected 0..100" in refused(
      data_driven_examples, read(ROW), percentile
    )


def test_a_missing_file_names_itself(tmp_path):
  with pytest.raises(FileNotFoundError, match=r"nosuch\.csv"):
    read_loss_dump(tmp_path / "nosuch.csv")


@pytest.mark.parametrize("characters", [1, 50])
def test_parts_of_a_file_are_read_as_one(golden, read, monkeypatch, characters):
  text = golden.json("data_driven")["variants"]["duplicate_csv"]
  # Plain rows, rows that need care, a repeated key; ids of several lengths.
  text = "id epoch noisy clean loss\n" + text + "10000,3,1,1,0.5\n" + text
  whole = read(text)
  monkeypatch.setattr(loss_dump, "_CHUNK_CHARACTERS", characters)
  parts = read(text)
  assert parts.replaced_rows == whole.replaced_rows > 0
  for name in ("example_id", "epoch", "noisy_label", "clean_label", "loss"):
    np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
  # A header is one at the top only, and lines are counted from there.
  message = refused(read, text + "id epoch noisy clean loss\n")
  assert f"line {text.count(chr(10)) + 1}: expected a number" in message


def test_later_rows_take_the_place_of_earlier_ones(read):
  dump = read("7 5 1 1 0.1\n01 5 1 1 0.2\n1 5 1 1 0.3\n7 5.0 2 1 0.4\n")
  assert dump.example_id.tolist() == ["7", "01", "1"]
  assert dump.loss.tolist() == [0.4, 0.2, 0.3]
  assert dump.noisy_label.tolist() == [2, 1, 1]
  assert dump.replaced_rows == 1


def test_rows_are_not_kept_as_python_objects(read):
  text = "".join(f"{i} {i % 100} 1 1 0.25\n" for i in range(60_000))
  tracemalloc.start()
  dump = read(text)
  peak = tracemalloc.get_traced_memory()[1]
  tracemalloc.stop()
  assert len(dump.loss) == 60_000
  # The columns take 60 to 200 bytes a row; tuples in a dict take over 400.
  assert peak < 60_000 * 300


def test_a_label_beyond_whole_numbers_is_refused(read):
  assert "a label, a whole number" in refused(read, ROW + "3 15 1e300 0 1.0\n")


def examples(count, first_id=0):
  ids = np.arange(first_id, first_id + count)
  losses = (ids * 0.1 + 1 / 3).astype(np.float32)
  return {"id": ids, "label": ids % 3, "clean_label": ids % 2, "loss": losses}


def test_what_is_written_is_read_back(tmp_path):
  path = tmp_path / "losses.csv"
  write_losses(path, 12, examples(3))
  append_losses(path, [(13, examples(2)), (99, examples(1, first_id=5))])
  dump = read_loss_dump(path)
  assert dump.example_id.tolist() == ["0", "1", "2", "0", "1", "5"]
  assert dump.epoch.tolist() == [12, 12, 12, 13, 13, 99]
  assert dump.noisy_label.tolist() == [0, 1, 2, 0, 1, 2]
  assert dump.clean_label.tolist() == [0, 1, 0, 0, 1, 1]
  expected = np.array([0, 1, 2, 0, 1, 5]) * 0.1 + 1 / 3
  np.testing.assert_allclose(dump.loss, expected, rtol=1e-5)


def test_a_dump_is_shortened_to_the_rows_of_a_checkpoint(tmp_path):
  path = tmp_path / "losses.csv"
  truncate_losses(path, 0)
  assert not path.exists()
  write_losses(path, 0, examples(5))
  lines = path.read_text().splitlines(keepends=True)
  truncate_losses(path, 3)
  assert path.read_text() == "".join(lines[:3])
  with pytest.raises(UserError, match=r"expected the 4 losses .* got 3"):
    truncate_losses(path, 4)
  assert path.read_text() == "".join(lines[:3])


@pytest.mark.parametrize(
  ("damage", "line"),
  [
    (b"\0" * 20 + b"\n", 2),
    (b"7 10 1\n", 2),
    (b"7 10 1 0 \xff.5\n", 2),
    (b"a longer line of the words of other files\n", 2),
  ],
)
def test_damaged_rows_are_not_continued(tmp_path, damage, line):
  path = tmp_path / "losses.csv"
  good = b"5 0 1 1 0.25\n"
  path.write_bytes(good + damage + good)
  with pytest.raises(UserError, match=rf"losses\.csv, line {line}: expected a"):
    truncate_losses(path, 2)
  assert path.read_bytes() == good + damage + good
  truncate_losses(path, 1)
  assert path.read_bytes() == good


@pytest.mark.parametrize("cut", range(1, 9))
def test_a_row_that_was_cut_is_not_continued(tmp_path, cut):
  path = tmp_path / "losses.csv"
  path.write_bytes(b"5 0 1 1 0.25\n5 1 1 1 0.75\n"[:-cut])
  with pytest.raises(UserError, match="line 2: expected a whole row"):
    truncate_losses(path, 2)


@pytest.mark.parametrize("separator", [" ", ","])
def test_labels_known_to_be_wrong_have_target_weight_0(read, separator):
  rows = ["7 10 1 -2 0.5", "8 10 1 1 0.25"]
  dump = read("\n".join(row.replace(" ", separator) for row in rows))
  np.testing.assert_array_equal(dump.clean_label, [-2, 1])
  np.testing.assert_array_equal(dump.target_weights(), [0, 1])


@pytest.mark.parametrize("row", ["7 10 -2 1 0.5", "7 10 1 -1 0.5"])
def test_no_other_label_is_negative(read, row):
  with pytest.raises(UserError, match="expected a label, a whole number >= 0"):
    read(row)


def test_a_pipe_is_no_dump(tmp_path):
  os.mkfifo(tmp_path / "pipe")
  with pytest.raises(UserError, match="expected a file, got a pipe"):
    read_loss_dump(tmp_path / "pipe")
  with pytest.raises(UserError, match="expected a file, got a pipe"):
    truncate_losses(tmp_path / "pipe", 1)
