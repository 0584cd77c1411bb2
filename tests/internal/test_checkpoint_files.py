import os

import pytest
import tensorflow as tf

from mentornet_tf.internal import checkpoint_files


def write_state(folder, **fields):
  state = tf.compat.v1.train.generate_checkpoint_state_proto(
    str(folder), fields.pop("newest"), **fields
  )
  (folder / "checkpoint").write_text(str(state))


@pytest.mark.parametrize("name", ["model.ckpt-3", 'a "b" \\ c-1', "größe-7"])
def test_names_are_read_as_tensorflow_writes_them(tmp_path, name):
  write_state(
    tmp_path, newest=name, all_model_checkpoint_paths=["first-1", name]
  )
  theirs = tf.train.get_checkpoint_state(str(tmp_path))
  assert checkpoint_files.read_state(tmp_path) == list(
    theirs.all_model_checkpoint_paths
  )
  assert theirs.model_checkpoint_path == os.path.join(tmp_path, name)


def test_a_moved_folder_means_its_own_files(tmp_path):
  write_state(tmp_path, newest="/somewhere/else/model.ckpt-3")
  (tmp_path / "model.ckpt-3.index").touch()
  (prefix,) = checkpoint_files.read_state(tmp_path)
  assert prefix == str(tmp_path / "model.ckpt-3")


def test_no_file_is_no_damage(tmp_path):
  assert checkpoint_files.read_state(tmp_path) is None


@pytest.mark.parametrize(
  "content", ['model_checkpoint_path: ""', "all: 1\nmodel", "model.ckpt-3"]
)
def test_other_content_is_damage(tmp_path, content):
  (tmp_path / "checkpoint").write_text(content)
  with pytest.raises(checkpoint_files.DamagedStateError, match="expected the"):
    checkpoint_files.read_state(tmp_path)


def test_a_pipe_is_damage(tmp_path):
  os.mkfifo(tmp_path / "checkpoint")
  with pytest.raises(checkpoint_files.DamagedStateError, match="no regular"):
    checkpoint_files.read_state(tmp_path)


def test_prefixes_with_patterns_are_read_literally(tmp_path):
  folder = tmp_path / "a[1]*"
  folder.mkdir()
  prefix = str(folder / "best?[2]-4")
  tf.train.Checkpoint(value=tf.Variable(3.0)).write(prefix)
  with checkpoint_files.reading(prefix) as reader:
    assert reader.get_tensor("value/.ATTRIBUTES/VARIABLE_VALUE") == 3.0
