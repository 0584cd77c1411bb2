"""What a ranking wrote is checked before a report shows it."""

import json

import pytest

from mentornet_tf.analysis.ranking import COLUMNS
from mentornet_tf.analysis.written_ranking import (
  read_ranking_metrics,
  read_suspect_table,
)
from mentornet_tf.errors import UserError

_DETECTION = dict.fromkeys(
  ("roc_auc", "average_precision", "precision_at_num_wrong"), 0.75
)
_METRICS = {
  "checkpoint_steps": [10, 20],
  "data": "digits_train",
  "num_disagreeing": 3,
  "num_examples": 9,
  "rank_by": "loss",
  "quality": {
    "num_wrong": 3,
    "suggestion_accuracy": 0.5,
    "by_loss": _DETECTION,
    "by_weight": _DETECTION,
  },
}


def read(folder, **changes):
  (folder / "metrics.json").write_text(json.dumps(_METRICS | changes))
  return read_ranking_metrics(folder)


def test_metrics_are_read_back(tmp_path):
  assert read_ranking_metrics(tmp_path) is None
  assert read(tmp_path) == _METRICS
  assert read(tmp_path, quality=None)["quality"] is None


@pytest.mark.parametrize(
  ("name", "value"),
  [
    ("checkpoint_steps", 10),
    ("checkpoint_steps", ["10"]),
    ("data", None),
    ("digest", 7),
    ("num_disagreeing", "3"),
    ("num_examples", -1),
    ("rank_by", 1),
    ("quality", "good"),
    ("quality", {}),
    ("quality", _METRICS["quality"] | {"by_weight": None}),
    ("quality", _METRICS["quality"] | {"suggestion_accuracy": "0.5"}),
    ("quality", _METRICS["quality"] | {"by_weight": {"roc_auc": 0.5}}),
  ],
)
def test_values_of_other_types_are_named(tmp_path, name, value):
  with pytest.raises(UserError) as caught:
    read(tmp_path, **{name: value})
  message = str(caught.value)
  assert message.startswith(f"{tmp_path}/metrics.json: {name}: expected")
  assert message.endswith("; rank the labels again")


def test_the_first_rows_of_a_table_are_read(tmp_path):
  path = tmp_path / "suspect_labels.csv"
  row = "1,5,0,1,cat,dog,0.1,0.9,2.3,0.0,2.3"
  # Version 0.1 wrote no clean class, and the next one no path; a clean class
  # is empty where nothing is known.
  for columns, end in (
    (COLUMNS[:-2], ""),
    (COLUMNS[:-1], ",cat"),
    (COLUMNS, ",,"),
    (COLUMNS, ",cat,café/1.jpg"),
  ):
    line = row + end
    path.write_text("\n".join([",".join(columns), line, line, line, ""]))
    assert (
      read_suspect_table(path, 2)
      == [dict(zip(columns, line.split(","), strict=True))] * 2
    )
  for text in ("", "rank,id\n1,5\n", path.read_text()[:-19], "\0" * 90):
    path.write_text(text)
    with pytest.raises(UserError, match=r"suspect_labels\.csv, line \d: exp"):
      read_suspect_table(path, 5)
