"""The JSON beside a record set says what it can say, or one line why not."""

import json
import os

import numpy as np
import pytest

from mentornet_tf.datasets.records.shards import read_summary
from mentornet_tf.errors import UserError

SOUND = {
  "dataset": "own",
  "split": "train",
  "num_classes": 2,
  "num_examples": 3,
  "class_names": ["a", "b"],
  "shards": [
    {"name": "own_train-00000-of-00002", "num_examples": 1},
    {"name": "own_train-00001-of-00002", "num_examples": 2},
  ],
  "files": {"own_train-00000-of-00002": {"bytes": 7, "checksum": "00000000"}},
  "noise": {"kind": "web", "measured_rate": 0.25, "unknown_true_labels": 1},
  "images": {"listed": 4, "kept": 3, "repaired": {}, "skipped": {"empty": 1}},
  "shorter_side": 256,
  "anything": ["else"],
}


def write(folder, text):
  (folder / "own_train.json").write_text(text)


def test_a_sound_summary_is_read(tmp_path):
  write(tmp_path, json.dumps(SOUND))
  assert read_summary(tmp_path, "own", "train") == SOUND
  assert read_summary(tmp_path, "own", "val") is None


def test_class_names_may_hold_any_spaces_and_joined_characters(tmp_path):
  names = ["Grüne\u00a0Meise", "\U0001f468\u200d\U0001f469\u3000鳥"]
  write(tmp_path, json.dumps(SOUND | {"class_names": names}))
  assert read_summary(tmp_path, "own", "train")["class_names"] == names


@pytest.mark.parametrize("name", SOUND)
def test_each_entry_may_be_missing_or_null(tmp_path, name):
  without = {key: value for key, value in SOUND.items() if key != name}
  for summary in (without, without | {name: None}):
    write(tmp_path, json.dumps(summary))
    assert read_summary(tmp_path, "own", "train") == summary


@pytest.mark.parametrize(
  ("name", "value"),
  [
    *(
      ("num_classes", value)
      for value in ("2", 0, -1, 10**9, 10**400, 2.0, True, np.nan, np.inf, [])
    ),
    *(("num_examples", value) for value in ("3", -1, 3.0, True, 4, {})),
    *(
      ("class_names", value)
      for value in ("ab", [1, 2], ["a"], ["a", "b", "c"], {"a": 1}, ["a", None])
    ),
    *(
      ("shards", value)
      for value in (
        [1, 2],
        7,
        [None],
        [{}],
        [{"name": "x"}],
        [{"name": 1, "num_examples": 3}],
        [{"name": "x", "num_examples": "3"}],
        [{"name": "x", "num_examples": 1.5}],
        [{"name": "x", "num_examples": 4}],
        [{"name": "x", "num_examples": 1}, {"name": "x", "num_examples": 2}],
      )
    ),
    *(("noise", value) for value in ("web", 0.4, [])),
    *(
      ("noise", {"measured_rate": value})
      for value in ("0.4", -0.1, 1.1, np.nan, np.inf, True, [])
    ),
    ("noise", {"unknown_true_labels": "many"}),
    ("noise", {"known_wrong_labels": -1}),
    ("noise", {"kind": 3}),
    ("files", []),
    ("files", {"x": {"bytes": "7", "checksum": "0"}}),
    ("images", {"repaired": [], "skipped": {}}),
    ("images", {"skipped": {"empty": "1"}}),
    ("dataset", "own\ntrain"),
    ("shorter_side", "256"),
    ("square_side", 0),
  ],
)
def test_an_entry_of_another_kind_is_refused_in_one_line(tmp_path, name, value):
  write(tmp_path, json.dumps(SOUND | {name: value}))
  with pytest.raises(UserError) as caught:
    read_summary(tmp_path, "own", "train")
  message = str(caught.value)
  assert message.startswith(f"{tmp_path}/own_train.json: expected ")
  assert f"as {'num_examples' if value == 4 else name}" in message or (
    "as num_examples" in message
  )
  assert message.isprintable()
  assert len(message) < 350


@pytest.mark.parametrize(
  "name",
  [
    "tench, Tinca tinca",
    "大 犬",
    "white\u3000owl",
    "no\xa0break",
    "👩\u200d🔬",
  ],
)
def test_class_names_of_any_script_are_read(tmp_path, name):
  summary = SOUND | {"class_names": [name, "b"]}
  write(tmp_path, json.dumps(summary))
  assert read_summary(tmp_path, "own", "train") == summary


@pytest.mark.parametrize(
  "character", ["\n", "\t", "\x1b", "\x7f", "\x85", "\u2028"]
)
def test_class_names_hold_no_control_characters(tmp_path, character):
  write(tmp_path, json.dumps(SOUND | {"class_names": [f"a{character}", "b"]}))
  with pytest.raises(UserError, match="as class_names, got list of 2"):
    read_summary(tmp_path, "own", "train")


def test_a_text_in_place_of_a_number_is_seen(tmp_path):
  write(tmp_path, json.dumps(SOUND | {"num_classes": "2"}))
  with pytest.raises(UserError, match="as num_classes, got '2';"):
    read_summary(tmp_path, "own", "train")


def test_a_number_that_overflows_is_refused(tmp_path):
  write(tmp_path, '{"num_classes": 1e400}')
  with pytest.raises(UserError, match="as num_classes, got inf;"):
    read_summary(tmp_path, "own", "train")


def test_a_pipe_is_refused(tmp_path):
  os.mkfifo(tmp_path / "own_train.json")
  with pytest.raises(UserError, match="expected a file, got a pipe"):
    read_summary(tmp_path, "own", "train")
