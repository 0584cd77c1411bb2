import os

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


@pytest.mark.parametrize(
  ("content", "words"),
  [
    (b"[" * 100000, "maximum recursion depth"),
    (b'{"a": ' * 60 + b"1" + b"}" * 60, "deeper than 50 levels"),
    (b'{"a": 1, "b": 2, "a": 3}', "the name 'a' twice"),
    (b'{"a": ' + b"9" * 5000 + b"}", "integer string conversion"),
    (b'{"a": "\xff"}', "can't decode byte 0xff"),
    (b'{"a": "\\ud800"}', "surrogates not allowed"),
    (b"\0" * 100, "Expecting value"),
    (b'{"a": "b\0"}', "Invalid control character"),
  ],
)
def test_what_no_reader_could_use_is_refused(tmp_path, content, words):
  path = tmp_path / "file.json"
  path.write_bytes(content)
  with pytest.raises(UserError) as caught:
    read(path)
  assert words in str(caught.value) and "\n" not in str(caught.value)
  assert str(caught.value).endswith("; do this")


def test_what_is_no_file_is_not_waited_for(tmp_path):
  os.mkfifo(tmp_path / "pipe")
  for path, words in (
    (tmp_path, "no regular file"),
    (tmp_path / "pipe", "no regular file"),
    (tmp_path / "missing", "No such file or directory"),
  ):
    with pytest.raises(UserError, match=words):
      read(path)
