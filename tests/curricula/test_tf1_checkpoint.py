"""Reading the original's checkpoints, and refusing anything else."""

import re
import shutil

import numpy as np
import pytest
import tensorflow as tf

from mentornet_tf.curricula.mentor_network import MentorNet
from mentornet_tf.curricula.tf1_checkpoint import (
  VARIABLES,
  load_tf1_mentor,
)
from mentornet_tf.errors import UserError
from mentornet_tf.internal.tf1_files import checkpoint_prefix

PREFIX = "mentornet.model-30000"


def write_checkpoint(folder, arrays):
  """Writes named arrays as a checkpoint and returns its prefix."""
  prefix = str(folder / "model")
  tf.raw_ops.SaveV2(
    prefix=prefix,
    tensor_names=list(arrays),
    shape_and_slices=[""] * len(arrays),
    tensors=list(arrays.values()),
  )
  return prefix


@pytest.fixture
def arrays():
  mentor = MentorNet(seed=1)
  return {
    f"mentornet/{name}": np.asarray(getattr(mentor, attribute))
    for attribute, name in VARIABLES.items()
  }


@pytest.fixture
def copied(golden, tmp_path):
  return shutil.copytree(golden.folder / "mentor_focal_loss", tmp_path / "m")


def test_every_variable_arrives_by_name(golden):
  folder = golden.folder / "mentor_random"
  mentor = load_tf1_mentor(folder)
  reader = tf.train.load_checkpoint(str(folder))
  assert len(mentor.weights) == len(VARIABLES) == 10
  for attribute, name in VARIABLES.items():
    np.testing.assert_array_equal(
      getattr(mentor, attribute), reader.get_tensor(f"mentornet/{name}")
    )


def test_folder_prefix_and_index_file_are_the_same(copied):
  wanted = str(copied / PREFIX)
  for path in (copied, copied / PREFIX, copied / f"{PREFIX}.index", wanted):
    assert checkpoint_prefix(path) == wanted
    assert np.any(load_tf1_mentor(path).hidden_kernel)


def test_other_sizes_come_from_the_checkpoint(tmp_path):
  sizes = {
    "num_labels": 4,
    "label_width": 3,
    "num_epochs": 30,
    "epoch_width": 6,
    "lstm_units": 2,
    "hidden_nodes": 11,
  }
  mentor = MentorNet(**sizes, seed=1)
  prefix = write_checkpoint(
    tmp_path,
    {
      f"mentornet/{name}": getattr(mentor, attribute).value
      for attribute, name in VARIABLES.items()
    },
  )
  loaded = load_tf1_mentor(prefix)
  config = loaded.get_config()
  assert {name: config[name] for name in sizes} == sizes
  features = np.float32([[1, 2, 3, 4], [0.5, -1, 0, 29]])
  np.testing.assert_array_equal(loaded(features), mentor(features))


def test_what_is_not_the_mentors_is_left_out(tmp_path, arrays):
  others = {
    "global_step": np.int64(3),
    "train/beta1_power": np.float32(0.5),
    "resnet/logits/DW": np.zeros((2, 2), np.float32),
    "mentornet/Variable/Adam": np.zeros((9, 20), np.float32),
  }
  mentor = load_tf1_mentor(write_checkpoint(tmp_path, arrays | others))
  np.testing.assert_array_equal(
    mentor.hidden_kernel, arrays["mentornet/Variable"]
  )


def refused(path):
  with pytest.raises(UserError) as caught:
    load_tf1_mentor(path)
  assert "\n" not in str(caught.value)
  return str(caught.value)


def test_every_missing_variable_is_named(tmp_path, arrays):
  del arrays["mentornet/Variable"], arrays["mentornet/epoch_embedding"]
  message = refused(write_checkpoint(tmp_path, arrays))
  assert "without mentornet/Variable, mentornet/epoch_embedding;" in message


def test_a_students_checkpoint_is_refused(tmp_path):
  message = refused(write_checkpoint(tmp_path, {"conv1/weights": [1.0]}))
  assert "mentornet/label_embedding" in message
  assert "not a student's" in message


def test_an_unknown_variable_of_the_mentor_is_named(tmp_path, arrays):
  arrays["mentornet/Variable_4"] = np.zeros(3, np.float32)
  message = refused(write_checkpoint(tmp_path, arrays))
  assert "got also mentornet/Variable_4" in message


def test_every_wrong_shape_is_named(tmp_path, arrays):
  arrays["mentornet/Variable_1"] = np.zeros(19, np.float32)
  arrays["mentornet/Variable_2"] = np.zeros((20, 2), np.float32)
  message = refused(write_checkpoint(tmp_path, arrays))
  assert "mentornet/Variable_1 [20] (got [19])" in message
  assert "mentornet/Variable_2 [20, 1] (got [20, 2])" in message
  assert "epoch_embedding" not in message


@pytest.mark.parametrize(
  ("name", "shape"),
  [
    ("epoch_embedding", (500,)),
    ("Variable", (180,)),
    ("bidirectional_rnn/fw/basic_lstm_cell/kernel", (2, 4)),
    ("label_embedding", (2, 2, 1)),
  ],
)
def test_shapes_that_define_the_sizes_are_checked(
  tmp_path, arrays, name, shape
):
  arrays[f"mentornet/{name}"] = np.zeros(shape, np.float32)
  message = refused(write_checkpoint(tmp_path, arrays))
  assert f"mentornet/{name} [" in message
  assert f"(got {list(shape)})" in message


@pytest.mark.parametrize(
  "value", [np.full((20,), np.nan, np.float32), np.zeros((20,), np.int32)]
)
def test_values_that_are_no_weights_are_refused(tmp_path, arrays, value):
  arrays["mentornet/Variable_1"] = value
  message = refused(write_checkpoint(tmp_path, arrays))
  assert "numbers in mentornet/Variable_1" in message


@pytest.mark.parametrize("suffix", [".index", ".data-00000-of-00001"])
@pytest.mark.parametrize("kept", [0, 100])
def test_a_truncated_file_is_refused(copied, suffix, kept):
  path = copied / f"{PREFIX}{suffix}"
  path.write_bytes(path.read_bytes()[:kept])
  assert "damaged" in refused(copied)


def test_a_corrupted_file_is_refused(copied):
  path = copied / f"{PREFIX}.data-00000-of-00001"
  data = bytearray(path.read_bytes())
  for position in range(0, len(data), 40):
    data[position] ^= 0xFF
  path.write_bytes(bytes(data))
  assert "damaged" in refused(copied)


def test_missing_files_are_named(copied, tmp_path):
  assert "nosuch.index" in refused(tmp_path / "nosuch")
  (copied / f"{PREFIX}.index").unlink()
  assert "names files that are not there" in refused(copied)
  (copied / f"{PREFIX}.data-00000-of-00001").unlink()
  assert re.search("'checkpoint' is missing", refused(tmp_path))
