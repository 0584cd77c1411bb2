import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from mentornet_tf.errors import UserError
from mentornet_tf.runs import checkpointing
from mentornet_tf.runs.checkpointing import CheckpointStore


def network(units=4) -> keras.Model:
  return keras.Sequential(
    [keras.Input((3,)), keras.layers.Dense(units), keras.layers.Dense(2)]
  )


def test_restore_brings_every_value_back(tmp_path):
  written, read = network(), network()
  counter = keras.Variable(7, dtype="int64", name="counter")
  groups = {"student": written.variables, "progress": [counter]}
  CheckpointStore(tmp_path, groups).save(30)

  other = keras.Variable(0, dtype="int64", name="counter")
  store = CheckpointStore(
    tmp_path, {"student": read.variables, "progress": [other]}
  )
  assert store.restore_latest() == 30
  assert int(other) == 7
  for a, b in zip(written.variables, read.variables, strict=True):
    np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_one_group_can_be_read_alone(tmp_path):
  written, read = network(), network()
  counter = keras.Variable(7, name="counter")
  store = CheckpointStore(
    tmp_path, {"student": written.variables, "progress": [counter]}
  )
  checkpointing.restore(store.save(1), {"student": read.variables})
  np.testing.assert_array_equal(
    read.variables[0].numpy(), written.variables[0].numpy()
  )


def test_an_empty_folder_starts_at_step_0(tmp_path):
  store = CheckpointStore(tmp_path, {"student": network().variables})
  assert store.latest is None
  assert store.restore_latest() == 0


def test_old_checkpoints_are_deleted(tmp_path):
  store = CheckpointStore(
    tmp_path, {"student": network().variables}, max_to_keep=2
  )
  for step in (1, 2, 3):
    store.save(step)
  kept = sorted(path.name for path in tmp_path.glob("*.index"))
  assert kept == ["model.ckpt-2.index", "model.ckpt-3.index"]


def test_shapes_that_differ_are_named_and_nothing_changes(tmp_path):
  prefix = CheckpointStore(tmp_path, {"student": network(4).variables}).save(1)
  read = network(5)
  before = [variable.numpy() for variable in read.variables]
  with pytest.raises(UserError) as caught:
    checkpointing.restore(prefix, {"student": read.variables})
  message = str(caught.value)
  assert "student/000-kernel has shape (3, 4), expected (3, 5)" in message
  assert "student/002-kernel has shape (4, 2), expected (5, 2)" in message
  for variable, value in zip(read.variables, before, strict=True):
    np.testing.assert_array_equal(variable.numpy(), value)


def test_missing_and_left_over_variables_are_named(tmp_path):
  variables = network().variables
  prefix = CheckpointStore(tmp_path, {"student": variables[:3]}).save(1)
  with pytest.raises(UserError, match="missing student/003-bias"):
    checkpointing.restore(prefix, {"student": variables})
  with pytest.raises(UserError, match="left over student/002-kernel"):
    checkpointing.restore(prefix, {"student": variables[:2]})


def test_damaged_data_is_reported(tmp_path):
  variables = network().variables
  prefix = CheckpointStore(tmp_path, {"student": variables}).save(1)
  (data,) = tmp_path.glob("*.data-*")
  data.write_bytes(data.read_bytes()[:20])
  with pytest.raises(UserError, match="got damaged files"):
    checkpointing.restore(prefix, {"student": variables})


def test_no_checkpoint_at_the_prefix_is_reported(tmp_path):
  with pytest.raises(UserError, match="expected a TensorFlow checkpoint"):
    checkpointing.require_checkpoint(str(tmp_path / "model.ckpt-5"))


def test_a_name_without_a_step_is_refused():
  with pytest.raises(UserError, match="without a step"):
    checkpointing.checkpoint_step("folder/model.ckpt")


def test_finite_check_finds_one_nan():
  variable = keras.Variable(np.ones(5, np.float32))
  assert checkpointing.all_finite([variable])
  variable.assign([1, 1, np.nan, 1, 1])
  assert not checkpointing.all_finite([variable])


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path):
  written = network()
  store = CheckpointStore(tmp_path, {"student": written.variables})
  store.save(1)
  good = [variable.numpy() for variable in written.variables]
  written.variables[0].assign(written.variables[0] + 1)
  store.save(2)
  (data,) = tmp_path.glob("model.ckpt-2.data-*")
  content = bytearray(data.read_bytes())
  content[10] ^= 255
  data.write_bytes(content)

  read, warnings = network(), []
  store = CheckpointStore(tmp_path, {"student": read.variables})
  assert store.restore_latest(warnings.append) == 1
  for variable, value in zip(read.variables, good, strict=True):
    np.testing.assert_array_equal(variable.numpy(), value)
  (warning,) = warnings
  assert "model.ckpt-2" in warning and "damaged" in warning


def test_only_damaged_checkpoints_are_an_error(tmp_path):
  variables = network().variables
  store = CheckpointStore(tmp_path, {"student": variables})
  store.save(1)
  (data,) = tmp_path.glob("*.data-*")
  data.write_bytes(b"")
  with pytest.raises(UserError, match="damaged"):
    store.restore_latest(lambda _: None)


def test_leftovers_of_an_interrupted_save_are_removed(tmp_path):
  variables = network().variables
  store = CheckpointStore(tmp_path, {"student": variables})
  store.save(8)
  (tmp_path / "model.ckpt-16.data-00000-of-00001").write_bytes(b"half")
  (tmp_path / "model.ckpt-16_temp").mkdir()
  (tmp_path / "model.ckpt-16_temp" / "part").write_bytes(b"half")
  store = CheckpointStore(tmp_path, {"student": variables})
  assert store.restore_latest() == 8
  assert not list(tmp_path.glob("model.ckpt-16*"))
  assert len(list(tmp_path.glob("model.ckpt-8.*"))) == 2


def test_a_full_disk_is_reported_and_keeps_the_last_checkpoint(
  tmp_path, monkeypatch
):
  variables = network().variables
  store = CheckpointStore(tmp_path, {"student": variables})
  store.save(1)

  def full(*args, **kwargs):
    raise tf.errors.ResourceExhaustedError(
      None, None, "No space left on device"
    )

  monkeypatch.setattr(tf.train.Checkpoint, "write", full)
  with pytest.raises(UserError, match=r"No space left on device.*free space"):
    store.save(2)
  assert store.restore_latest() == 1


ODD_NAMES = ("lr[0.1]", "all*", "what?", "{a,b}", "back\\slash", "[")


@pytest.mark.parametrize("name", ODD_NAMES)
def test_the_name_of_a_folder_is_no_pattern(tmp_path, name):
  written, read = network(), network()
  # What the name would match as a pattern is another run's.
  other = CheckpointStore(tmp_path / "lr0", {"student": network().variables})
  other.save(9)
  folder = tmp_path / name
  store = CheckpointStore(folder, {"student": written.variables}, max_to_keep=2)
  for step in (1, 2, 3):
    store.save(step)
  assert sorted(path.name for path in folder.iterdir()) == [
    "checkpoint",
    *(
      f"model.ckpt-{step}.{part}"
      for step in (2, 3)
      for part in ("data-00000-of-00001", "index")
    ),
  ]
  assert checkpointing.latest_checkpoint(folder) == f"{folder}/model.ckpt-3"
  assert len(checkpointing.kept_checkpoints(folder)) == 2
  store = CheckpointStore(folder, {"student": read.variables})
  assert store.restore_latest() == 3
  for a, b in zip(written.variables, read.variables, strict=True):
    np.testing.assert_array_equal(a.numpy(), b.numpy())
  assert checkpointing.latest_checkpoint(tmp_path / "lr0").endswith("ckpt-9")


def test_tensorflow_reads_the_state_file(tmp_path):
  store = CheckpointStore(tmp_path, {"student": network().variables})
  prefixes = [store.save(step) for step in (3, 12)]
  assert tf.train.latest_checkpoint(tmp_path) == prefixes[-1]
  state = tf.train.get_checkpoint_state(str(tmp_path))
  assert list(state.all_model_checkpoint_paths) == prefixes


@pytest.mark.parametrize(
  "content", [b"", b"\0" * 40, b"model_checkpoint_path: ", b"{}", b"\xff\xfe"]
)
def test_a_damaged_state_file_gives_way_to_the_files(tmp_path, content):
  written, read = network(), network()
  store = CheckpointStore(tmp_path, {"student": written.variables})
  store.save(9)
  store.save(10)
  (tmp_path / "checkpoint").write_bytes(content)
  warnings = []
  store = CheckpointStore(tmp_path, {"student": read.variables})
  assert store.restore_latest(warnings.append) == 10
  (warning,) = warnings
  assert "checkpoint: expected the names of checkpoints" in warning
  assert warning.endswith("by its files model.ckpt-10")
  for a, b in zip(written.variables, read.variables, strict=True):
    np.testing.assert_array_equal(a.numpy(), b.numpy())
  store.save(11)
  names = map(os.path.basename, checkpointing.kept_checkpoints(tmp_path))
  assert list(names) == [f"model.ckpt-{step}" for step in (9, 10, 11)]


def test_a_state_file_of_other_checkpoints_loses_none(tmp_path):
  """As of a folder whose newest files were not copied."""
  written, read = network(), network()
  CheckpointStore(tmp_path, {"student": written.variables}).save(9)
  state = b'model_checkpoint_path: "model.ckpt-12"\n'
  (tmp_path / "checkpoint").write_bytes(state)
  warnings = []
  store = CheckpointStore(tmp_path, {"student": read.variables})
  assert store.restore_latest(warnings.append) == 9
  (warning,) = warnings
  assert "model.ckpt-12, which is not there; " in warning
  assert warning.endswith("by its files model.ckpt-9")
  for a, b in zip(written.variables, read.variables, strict=True):
    np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_a_missing_state_file_loses_no_checkpoint(tmp_path):
  store = CheckpointStore(tmp_path, {"student": network().variables})
  store.save(5)
  (tmp_path / "checkpoint").unlink()
  store = CheckpointStore(tmp_path, {"student": network().variables})
  assert store.restore_latest() == 5


def test_files_of_others_stay_where_they_are(tmp_path):
  (tmp_path / "model.ckpt-best.index").write_bytes(b"a copy")
  store = CheckpointStore(tmp_path, {"student": network().variables})
  store.save(5)
  assert (tmp_path / "model.ckpt-best.index").read_bytes() == b"a copy"
