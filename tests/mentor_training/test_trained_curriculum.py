"""The summary of a trained mentor, whole and damaged."""

import json

import pytest

from mentornet_tf.errors import UserError
from mentornet_tf.mentor_training.trained_curriculum import (
  SUMMARY_FILE,
  read_trained_curriculum,
)


@pytest.mark.parametrize(
  ("examples", "expected"),
  [
    ({"curriculum": "spcl_linear", "gamma": 2.0}, ("spcl_linear", 2.0)),
    ({"curriculum": "self_paced", "gamma": None}, ("self_paced", None)),
    ({"loss_dump": "losses"}, (None, None)),
  ],
)
def test_the_curriculum_of_a_summary_is_read(tmp_path, examples, expected):
  (tmp_path / SUMMARY_FILE).write_text(json.dumps({"examples": examples}))
  assert read_trained_curriculum(tmp_path) == expected


def test_a_folder_without_a_summary_tells_nothing(tmp_path):
  assert read_trained_curriculum(tmp_path) is None
  assert read_trained_curriculum(tmp_path / "nosuch") is None


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("", "by the training of a mentor, got Expecting value"),
    ('{"examples": {', "expected JSON written by the training of a mentor"),
    ("[]", "got a JSON list"),
    ("3", "got a JSON int"),
    ("{}", "got none with the part 'examples'"),
    ('{"examples": []}', "got none with the part 'examples'"),
  ],
)
def test_other_files_are_refused(tmp_path, text, message):
  (tmp_path / SUMMARY_FILE).write_text(text)
  with pytest.raises(UserError) as caught:
    read_trained_curriculum(tmp_path)
  assert SUMMARY_FILE in str(caught.value)
  assert message in str(caught.value)
  assert "\n" not in str(caught.value)
