import subprocess
import sys
import zlib

import keras
import numpy as np
import pytest

import mentornet_tf as mn
from mentornet_tf.errors import UserError
from mentornet_tf.students.registry import build_student, student_names

MODULE = """
import keras

def tiny(num_classes, width=4):
  return keras.Sequential([
    keras.Input((32, 32, 3)), keras.layers.Flatten(),
    keras.layers.Dense(width), keras.layers.Dense(num_classes)])

def anything(**options):
  return tiny(options.pop("num_classes"))

class Lazy(keras.Model):
  def __init__(self, num_classes):
    super().__init__()
    self.flatten = keras.layers.Flatten()
    self.dense = keras.layers.Dense(num_classes)
  def call(self, images):
    return self.dense(self.flatten(images))

def too_wide(num_classes):
  return tiny(num_classes + 1)

def a_list(num_classes):
  return [tiny(num_classes)]

def no_model(num_classes):
  return "model"

def maps(num_classes):
  return keras.Sequential([
    keras.Input((32, 32, 3)), keras.layers.Conv2D(num_classes, 1)])

def two_inputs(num_classes):
  inputs = [keras.Input((3,)), keras.Input((3,))]
  return keras.Model(inputs, keras.layers.Add()(inputs))

def two_outputs(num_classes):
  images = keras.Input((32, 32, 3))
  logits = tiny(num_classes)(images)
  return keras.Model(images, [logits, logits])

def fixed():
  return tiny(10)

number = 3
"""


@pytest.fixture
def own_students(tmp_path, monkeypatch):
  (tmp_path / "own_students.py").write_text(MODULE)
  (tmp_path / "broken_students.py").write_text("import no_such_module_at_all")
  (tmp_path / "garbled_students.py").write_text("def f(:\n")
  monkeypatch.syspath_prepend(tmp_path)
  yield
  for name in ("own_students", "broken_students", "garbled_students"):
    sys.modules.pop(name, None)


def message_of(*args, **kwargs):
  with pytest.raises(UserError) as caught:
    build_student(*args, **kwargs)
  message = str(caught.value)
  assert "\n" not in message
  assert "expected" in message and "got" in message and ";" in message
  return message


def test_names():
  assert student_names() == [
    "inception",
    "inception_resnet_v2",
    "resnet101",
    "resnet32",
  ]


def test_published_students():
  assert mn.build_student("inception").count_params() == 1_756_426
  resnet32 = mn.build_student("resnet32", num_classes=100)
  convolutions = [v for v in resnet32.weights if v.name == "kernel"]
  assert len(convolutions) == 1 + 2 * 3 * 5 + 1
  assert resnet32.get_layer("init-init_conv").filters == 64
  assert resnet32.output_shape == (None, 100)
  kernels = sum(np.square(v.numpy()).sum() for v in convolutions)
  np.testing.assert_allclose(sum(resnet32.losses), 1e-4 * kernels, rtol=1e-4)


def test_options_reach_the_builder():
  student = build_student("resnet32", 5, widths=(64, 64, 64), units_per_stage=1)
  assert student.get_layer("logit").kernel.shape == (64, 5)
  assert student.get_layer("init-init_conv").filters == 64


def test_own_function_with_options(own_students):
  student = build_student("own_students:tiny", 6, width=9)
  assert student.layers[-2].units == 9
  assert student.output_shape == (None, 6)


@pytest.mark.parametrize("function", ["anything", "Lazy"])
def test_own_function_of_other_kinds(own_students, function):
  student = build_student(f"own_students:{function}", 6)
  assert student(np.zeros((2, 32, 32, 3), np.float32)).shape == (2, 6)


@pytest.mark.parametrize(
  ("name", "parts"),
  [
    (
      "resnet",
      [
        "'resnet'",
        "inception, inception_resnet_v2, resnet101, resnet32",
        "module:function",
      ],
    ),
    ("", ["''", "resnet101"]),
    (None, ["None", "resnet101"]),
    ("inception:", ["package.module:function", "'inception:'"]),
    (":tiny", ["package.module:function", "':tiny'"]),
    ("own_students:a.b", ["package.module:function", "a.b"]),
    ("no_such_module_anywhere:f", ["no_such_module_anywhere", "PYTHONPATH"]),
    (".relative:f", ["can be imported", "'.relative:f'"]),
    ("broken_students:f", ["no_such_module_at_all", "imported"]),
    ("garbled_students:f", ["garbled_students", "imported"]),
    ("own_students:absent", ["'absent'", "no such name"]),
    ("own_students:number", ["'number'", "got int"]),
    ("own_students:no_model", ["keras.Model", "got str"]),
    ("own_students:a_list", ["keras.Model", "got list"]),
    ("own_students:too_wide", ["[B, 6]", "[None, 7]"]),
    ("own_students:maps", ["[B, 6]", "[None, 32, 32, 6]"]),
    ("own_students:two_inputs", ["one input", "got 2"]),
    ("own_students:two_outputs", ["one output", "got list"]),
    ("own_students:fixed", ["num_classes", "add it"]),
  ],
)
def test_bad_names_are_user_errors(own_students, name, parts):
  message = message_of(name, 6)
  for part in parts:
    assert part in message


@pytest.mark.parametrize(
  ("name", "options", "parts"),
  [
    ("inception", {"depth": 3}, ["'depth'", "dropout_keep_probability"]),
    ("resnet101", {"depth": 3}, ["'depth'", "units_per_stage", "widths"]),
    ("own_students:tiny", {"depth": 3}, ["'depth'", "(width)"]),
    ("own_students:Lazy", {"depth": 3}, ["'depth'", "(none)"]),
    ("inception", {"num_classes": 1}, ["num_classes", ">= 2", "got 1"]),
    ("own_students:tiny", {"num_classes": 0}, ["num_classes", "got 0"]),
    ("own_students:tiny", {"num_classes": "9"}, ["num_classes", "got '9'"]),
    (
      "inception",
      {"dropout_keep_probability": 0},
      ["dropout_keep_probability", "got 0"],
    ),
    (
      "inception",
      {"dropout_keep_probability": 1.2},
      ["dropout_keep_probability", "[0, 1]", "got 1.2"],
    ),
    ("inception", {"input_shape": (3, 32, 3)}, ["at least 4", "(3, 32, 3)"]),
    ("inception", {"seed": -1}, ["seed", "got -1"]),
  ],
)
def test_bad_options_are_user_errors(own_students, name, options, parts):
  message = message_of(name, **options)
  for part in parts:
    assert part in message


def test_names_need_no_keras():
  code = (
    "import sys; from mentornet_tf.students.registry import student_names; "
    "student_names(); assert 'keras' not in sys.modules"
  )
  subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_seeds_give_the_weights_of_version_0_1():
  kernel = build_student("inception", seed=4).get_layer("CifarNet-fc4").kernel
  initializer = keras.initializers.TruncatedNormal(
    stddev=0.04, seed=zlib.crc32(b"4/CifarNet.fc4") & 0x7FFFFFFF
  )
  np.testing.assert_array_equal(kernel.numpy(), initializer(kernel.shape))
