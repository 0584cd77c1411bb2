"""Students that the original trained: golden logits after import."""

import shutil

import numpy as np
import pytest
from tf1_programs import original_values, write_as_tf1

from mentornet_tf.errors import UserError
from mentornet_tf.internal.tf1_files import checkpoint_prefix, is_tf1_checkpoint
from mentornet_tf.students.cifarnet import cifarnet
from mentornet_tf.students.resnet import residual_network
from mentornet_tf.students.tf1_checkpoint import (
  load_tf1_student,
  tf1_num_classes,
)
from mentornet_tf.students.tf1_names import tf1_variables


def small_resnet(num_classes=3):
  return residual_network(
    num_classes, units_per_stage=1, stem_filters=4, widths=(4, 4, 4), seed=0
  )


def values_of(student):
  rng = np.random.default_rng(0)
  return {
    name: rng.uniform(0.5, 1, variable.shape).astype(np.float32)
    for name, variable in tf1_variables(student).items()
  }


@pytest.mark.parametrize("num_classes", [10, 100])
def test_imported_cifarnet_gives_golden_logits(
  golden, figure, tmp_path, num_classes
):
  values = original_values(golden, f"cifarnet_{num_classes}")
  prefix = write_as_tf1(tmp_path, values | {"global_step": np.int64(7)})
  assert is_tf1_checkpoint(prefix)
  assert tf1_num_classes(tmp_path) == num_classes
  student = cifarnet(num_classes)
  load_tf1_student(student, tmp_path)
  recorded = golden.npz("students_cifarnet")
  expected = recorded[f"cifarnet_logits_{num_classes}"]
  logits = student(recorded["images"])
  error = np.abs(logits - expected).max()
  figure("CifarNet logits after TensorFlow 1 import", error, 1e-4)
  assert error <= 1e-4


@pytest.mark.parametrize(
  "graph", ["eval", pytest.param("train", marks=pytest.mark.slow)]
)
def test_imported_residual_net_gives_golden_logits(
  golden, figure, tmp_path, graph
):
  values = original_values(golden, f"resnet_units1_10_{graph}")
  prefix = write_as_tf1(tmp_path, values)
  assert tf1_num_classes(prefix) == 10
  student = residual_network(10, units_per_stage=1)
  load_tf1_student(student, prefix)
  recorded = golden.npz("students_resnet_eval")
  expected = recorded["logits_units1"]
  logits = student(recorded["images"][: len(expected)])
  error = np.abs(logits - expected).max() / max(1, np.abs(expected).max())
  figure("residual-net logits after import, relative", error, 1e-4)
  assert error <= 1e-4


def test_helpers_are_read_or_set_so_that_training_goes_on(tmp_path):
  student = small_resnet()
  values = values_of(student)
  name = "unit_last/final_bn"
  biased = f"{name}/{name}/moving_mean/biased"
  layer = student.get_layer("unit_last-final_bn")
  load_tf1_student(student, write_as_tf1(tmp_path, values))
  np.testing.assert_array_equal(layer.biased, values[biased])

  helpers = {n for n in values if n.endswith(("/biased", "/local_step"))}
  without = {n: v for n, v in values.items() if n not in helpers}
  load_tf1_student(student, write_as_tf1(tmp_path, without))
  mean = values[f"{name}/moving_mean"]
  np.testing.assert_array_equal(layer.moving_mean, mean)
  batch = np.random.default_rng(1).normal(size=(16, 4)).astype(np.float32)
  layer(batch, training=True)
  expected = 0.9 * mean + 0.1 * batch.mean(0)
  np.testing.assert_allclose(layer.moving_mean, expected, rtol=1e-5)


def test_what_is_not_the_students_is_left_out(tmp_path):
  student = small_resnet()
  values = values_of(student)
  other = np.float32([1, 2])
  extra = {
    "global_step": np.int64(5),
    "mentor_inputs/cumulative": np.float32(0.3),
    "data_util/nonzero_v": np.float32(9),
    "mentornet/Variable": other,
    "unit_1_0/sub1/conv1/DW/Momentum": other,
    "logit/biases/ExponentialMovingAverage": other,
    "beta1_power": np.float32(0.9),
  }
  load_tf1_student(student, write_as_tf1(tmp_path, values | extra))
  for name, variable in tf1_variables(student).items():
    np.testing.assert_array_equal(variable, values[name], name)


def message_of(student, path):
  before = student.get_weights()
  with pytest.raises(UserError) as caught:
    load_tf1_student(student, path)
  for one, other in zip(before, student.get_weights(), strict=True):
    np.testing.assert_array_equal(one, other)
  assert "\n" not in str(caught.value)
  return str(caught.value)


def test_all_that_does_not_fit_is_listed_at_once(tmp_path):
  student = small_resnet()
  values = values_of(student)
  del values["init/init_conv/DW"], values["unit_2_0/sub2/bn2/beta"]
  scope = "unit_3_0/sub2/bn2"
  del values[f"{scope}/{scope}/moving_mean/local_step"]
  values["unit_1_1/sub1/conv1/DW"] = np.zeros((3, 3, 4, 4), np.float32)
  values["logit/DW"] = np.zeros((4, 10), np.float32)
  values["logit/biases"] = np.float32([1, np.nan, 2])
  message = message_of(student, write_as_tf1(tmp_path, values))
  for part in (
    "missing init/init_conv/DW;",
    "missing unit_2_0/sub2/bn2/beta;",
    f"missing {scope}/{scope}/moving_mean/local_step;",
    "left over unit_1_1/sub1/conv1/DW;",
    "logit/DW has shape (4, 10), expected (4, 3);",
    "logit/biases is not made of finite numbers",
    "with 3 classes",
  ):
    assert part in message
  assert message.count("missing") == 3


def test_another_students_checkpoint_is_refused(tmp_path):
  prefix = write_as_tf1(tmp_path, {"CifarNet/logits/biases": np.float32([1])})
  message = message_of(small_resnet(), prefix)
  assert "it holds none of them" in message
  with pytest.raises(UserError, match="one of the variables"):
    tf1_num_classes(write_as_tf1(tmp_path, {"mentornet/x": np.float32(1)}))


def test_a_moved_folder_is_found_by_its_files(tmp_path):
  prefix = write_as_tf1(tmp_path, {"logit/biases": np.float32([1, 2])})
  state = tmp_path / "checkpoint"
  assert prefix == str(tmp_path / "model.ckpt-7")
  state.write_text('model_checkpoint_path: "/no/such/place/model.ckpt-7"\n')
  assert checkpoint_prefix(tmp_path) == prefix
  assert tf1_num_classes(tmp_path) == 2


@pytest.mark.parametrize("suffix", [".index", ".data-00000-of-00001"])
def test_damaged_and_missing_files_are_refused(tmp_path, suffix):
  student = small_resnet()
  prefix = write_as_tf1(tmp_path, values_of(student))
  with open(prefix + suffix, "r+b") as file:
    file.truncate(50)
  assert "damaged" in message_of(student, prefix)
  shutil.rmtree(tmp_path)
  assert "got no file" in message_of(student, prefix)
