"""Clothing1M and Food-101N: converted, trained on, evaluated and ranked."""

import clothing_and_food_trees as trees
from converted_sets import (
  both_rankings,
  run_command,
  train_evaluate_and_rank,
)


@both_rankings
def test_clothing1m(tmp_path, rank, capsys):
  root = trees.write_clothing1m(tmp_path / "clothing")
  records = tmp_path / "records"
  run_command(
    "convert_clothing1m",
    f"--source_dir={root}",
    f"--output_dir={records}",
    "--num_workers=1",
  )
  printed, warned = capsys.readouterr()
  assert "clothing1m train: 16 of 16 listed images, 14 classes" in printed
  assert "clothing1m val: 3 of 3 listed images, 14 classes" in printed
  assert "clothing1m test: 3 of 3 listed images, 14 classes" in printed
  assert "warning: expected 1,037,497 images in the train split" in warned
  rows = rank(tmp_path, records, "clothing1m", "test", root)
  assert {row["id"]: row["clean_class"] for row in rows} == {
    **{str(number): "" for number in range(14)},
    "14": "T-Shirt",
    "15": "Hoodie",
  }


def test_food101n(tmp_path, capsys):
  root = trees.write_food101n(tmp_path / "Food-101N_release")
  (root / "images" / trees.food_keys()[11]).unlink()
  records = tmp_path / "records"
  run_command(
    "convert_food101n",
    f"--source_dir={root}",
    f"--food101_dir={trees.write_food101(tmp_path / 'food-101')}",
    f"--output_dir={records}",
    "--num_workers=1",
  )
  printed = capsys.readouterr().out
  assert "food101n train: 11 of 12 listed images, 3 classes" in printed
  assert "1 skipped (1 missing file)" in printed
  assert "food101n test: 6 of 6 listed images, 3 classes" in printed
  rows = train_evaluate_and_rank(tmp_path, records, "food101n", "test", root)
  assert "3 of 7 checked labels are noisy" in capsys.readouterr().out
  clean = {int(row["id"]): row["clean_class"] for row in rows}
  assert [clean[number] for number in range(11)] == [
    *(trees.FOOD_CLASSES[number % 3] for number in range(4)),
    *["known wrong"] * 3,
    *[""] * 4,
  ]
