"""The table of rankings, small, on the JAX back end."""

import json

import numpy as np
import pytest
from benchmark_programs import program, write_images
from label_table import table

_ROW = {
  "noise": "human",
  "method": "mentormix",
  "steps": 3000,
  "ranking": "memory",
  "average_precision": 0.5,
  "precision_at_num_wrong": 0.25,
  "right_suggestions": 0.125,
  "test_accuracy": 1.0,
  "seconds": 10.0,
}


def test_the_table_gives_means_and_deviations_over_seeds():
  rows = [{**_ROW, "seed": s, "roc_auc": a} for s, a in enumerate((0.7, 0.9))]
  rows.append({**_ROW, "seed": 0, "steps": 750, "roc_auc": 0.6})
  *_, longer, shorter = table(rows).splitlines()
  assert longer == (
    "| human | mentormix | 3000 | memory | 0.800 ± 0.100 | 0.500 ± 0.000 | "
    "0.250 ± 0.000 | 0.125 ± 0.000 | 1.000 ± 0.000 | 10 | 2 |"
  )
  assert shorter.startswith("| human | mentormix | 750 | memory | 0.600 ± 0.0")


@pytest.mark.parametrize(
  ("flags", "message"),
  [
    ((), "--data: expected a file of images"),
    (("--data=i.npz", "--methods=other"), "--methods: expected some of folds"),
    (
      ("--data=i.npz", "--steps=20", "--steps_per_call=3"),
      "--steps_per_call: expected a divisor of",
    ),
    (
      ("--data=i.npz", "--human_labels=i.npz"),
      "--human_labels: expected a NumPy file",
    ),
  ],
)
@pytest.mark.slow
def test_bad_flags_are_refused_in_one_line(tmp_path, flags, message):
  write_images(tmp_path / "i.npz")
  done = program("label_ranking.py", *flags, cwd=tmp_path)
  assert done.returncode and message in done.stderr
  assert len(done.stderr.strip().splitlines()) == 1
  assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_trainings_are_ranked_and_not_repeated(tmp_path):
  write_images(tmp_path / "i.npz", 128)
  flags = (
    "--data=i.npz",
    "--num_images=128",
    "--steps=4",
    "--steps_per_call=1",
    "--seeds=1",
    "--methods=mentormix",
  )
  for _ in range(2):
    done = program("label_ranking.py", *flags, cwd=tmp_path)
    assert not done.returncode, done.stderr
    folder = tmp_path / "runs" / "label_ranking"
    found = json.loads((folder / "symmetric-mentormix-4-0.json").read_bytes())[
      "rows"
    ]
    assert [row["ranking"] for row in found] == ["last student", "memory"]
    assert all(0 <= row["roc_auc"] <= 1 for row in found)
    assert np.isfinite([row["test_accuracy"] for row in found]).all()
  assert "symmetric-mentormix-4-0:" not in done.stdout  # was there already
  assert (folder / "table.md").read_text() in done.stdout
