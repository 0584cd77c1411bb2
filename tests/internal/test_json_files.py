import pytest

from mentornet_tf.errors import UserError
from mentornet_tf.internal.json_files import read_json, write_json


def read(path, **options):
  return read_json(path, written_by="a test", advice="do this", **options)


def test_what_is_written_is_read_back(tmp_path):
  path = tmp_path / "some.json"
  content = {"b": [1, 2.5, None], "a": {"c": "é"}}
  write_json(path, content)
  assert read(path, parts=("a",)) == content
  assert list(read(path)) == ["a", "b"]
  write_json(path, content, sort_keys=False)
  assert list(read(path)) == ["b", "a"]
  assert [file.name for file in tmp_path.iterdir()] == ["some.json"]


@pytest.mark.parametrize(
  ("text", "got"),
  [
    ("", "Expecting value"),
    ('{"a": {}', "Expecting ',' delimiter"),
    ("[]", "a JSON list"),
    ("{}", "none with the part 'a'"),
    ('{"a": 1}', "none with the part 'a'"),
  ],
)
def test_other_files_are_refused_in_one_line(tmp_path, text, got):
  path = tmp_path / "some.json"
  path.write_text(text)
  with pytest.raises(UserError) as caught:
    read(path, parts=("a",))
  message = str(caught.value)
  assert message.startswith(f"{path}: expected JSON written by a test, got ")
  assert got in message
  assert message.endswith("; do this")
  assert "\n" not in message
