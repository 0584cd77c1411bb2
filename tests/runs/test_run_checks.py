"""Whatever stands in a run.json, its readers say which entry is wrong."""

import json
import math

import pytest

from mentornet_tf.errors import UserError
from mentornet_tf.runs.run_folder import read_run
from mentornet_tf.settings import TrainingSettings

_DATA = {
  "name": "cifar10_train",
  "num_examples": 60,
  "num_classes": 2,
  "class_names": ["a", "b"],
  "image_shape": [8, 8, 3],
  "measured_noise_rate": 0.4,
  "noise": {"kind": "symmetric"},
  "shorter_side": None,
  "digest": "0",
  "clean_subset": {"num_classes": 2},
}


def read(folder, settings=None, data=None):
  content = {
    "settings": {**TrainingSettings().values(), **(settings or {})},
    "data": {**_DATA, **(data or {})},
  }
  (folder / "run.json").write_text(json.dumps(content))
  return read_run(folder)


def test_what_training_writes_is_read(tmp_path):
  run = read(tmp_path)
  assert run["data"] == _DATA
  assert TrainingSettings.of(**run["settings"]) == TrainingSettings()


@pytest.mark.parametrize(
  ("name", "value"),
  [
    *(
      ("max_number_of_steps", value)
      for value in (0, -1, math.nan, "many", None, [3], 2.5, True, 10**400)
    ),
    *(("image_size", value) for value in ("big", -3, [32, 32], {}, 1e9)),
    ("mixed_precision", "float16"),
    ("learning_rate", math.inf),
    ("learning_rate", {"a": [1] * 1000}),
    ("studentnet", 3),
    ("studentnet", "a\0b"),
    ("dataset_name", ["cifar10"]),
    ("curriculum", None),
    ("example_dropout_rates", "0.5"),
    ("batch_size", 0),
  ],
)
def test_settings_of_other_types_are_named(tmp_path, name, value):
  with pytest.raises(UserError) as caught:
    read(tmp_path, settings={name: value})
  message = str(caught.value)
  assert message.startswith(f"{tmp_path}/run.json: expected the settings of a")
  assert f"({name}: expected" in message and len(message) < 600


@pytest.mark.parametrize(
  ("name", "value"),
  [
    *(("num_classes", value) for value in (0, 1e9, 10**9, "2", None, True)),
    *(
      ("class_names", value)
      for value in ("ab", ["a"], ["a", 3], {"a": 0, "b": 1}, ["a", "b\0"])
    ),
    *(("image_shape", value) for value in ([8, 8], [8, 8, "3"], 8, [0, 8, 3])),
    *(("measured_noise_rate", value) for value in ("0.4", math.nan, 3, [0.4])),
    ("noise", "symmetric"),
    ("shorter_side", 0.5),
    ("num_examples", -1),
    ("name", 5),
    ("digest", 12),
    ("clean_subset", [1]),
  ],
)
def test_data_of_other_types_are_named(tmp_path, name, value):
  with pytest.raises(UserError) as caught:
    read(tmp_path, data={name: value})
  message = str(caught.value)
  assert message.startswith(f"{tmp_path}/run.json: data.{name}: expected")
  assert ", got " in message and message.endswith("in another folder")


def test_entries_within_the_clean_subset_are_named(tmp_path):
  with pytest.raises(UserError, match=r"data\.clean_subset\.num_classes: exp"):
    read(tmp_path, data={"clean_subset": {"num_classes": "2"}})
