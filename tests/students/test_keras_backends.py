"""Students under every Keras back end give the numbers of TensorFlow."""

import pkgutil
from importlib import import_module

import keras
import numpy as np
import pytest
from keras_backend import OTHER_BACKENDS, run_under
from recipe_weights import fill_with_recipe
from student_layers import LAYERS, model_with, training_step

from mentornet_tf import students
from mentornet_tf.students.cifarnet import cifarnet
from mentornet_tf.students.resnet import residual_network


def measure(golden_folder: str, path: str) -> dict[str, float]:
  """Differences from the golden numbers; writes training steps to `path`.

  Imports every module of the students on the way: none needs TensorFlow.
  """
  for module in pkgutil.walk_packages(
    students.__path__, f"{students.__name__}."
  ):
    import_module(module.name)
  np.savez(path, **training_steps())
  return dict(golden_differences(golden_folder))


def training_steps() -> dict[str, np.ndarray]:
  """What a step does to each layer and student."""
  models = {name: model_with(make()) for name, make in LAYERS.items()}
  models["cifarnet"] = cifarnet(dropout_keep_probability=1)
  models["resnet"] = residual_network(
    units_per_stage=1, stem_filters=4, widths=(8, 8, 12)
  )
  return {
    f"{model_name} {name}": value
    for model_name, model in models.items()
    for name, value in training_step(model).items()
  }


def golden_differences(folder: str):
  """Yields recorded quantities, each with our largest difference from it."""

  def difference(got, expected, scale=1.0):
    got = keras.ops.convert_to_numpy(got)
    return float(np.max(np.abs(got - expected) / scale))

  recorded = np.load(f"{folder}/students_cifarnet.npz")
  for num_classes in (10, 100):
    student = cifarnet(num_classes)
    fill_with_recipe(student)
    name = f"cifarnet_logits_{num_classes}"
    yield name, difference(student(recorded["images"]), recorded[name])

  recorded = np.load(f"{folder}/students_resnet_eval.npz")
  student = residual_network(units_per_stage=1)
  fill_with_recipe(student)
  expected = recorded["logits_units1"]
  logits = student(recorded["images"][: len(expected)])
  scale = max(1, np.abs(expected).max())
  yield "resnet_logits", difference(logits, expected, scale)
  expected = recorded["decay_units1"]
  yield "resnet_decay", difference(sum(student.losses), expected, expected)

  recorded = np.load(f"{folder}/students_resnet_train.npz")
  student = residual_network(units_per_stage=2)
  variables = fill_with_recipe(student)
  for number in (1, 2, 3):
    logits = student(recorded["images"][number - 1], training=True)
    expected = recorded[f"logits_pass{number}"]
    yield f"resnet_logits_pass{number}", difference(logits, expected)
  for name, variable in variables.items():
    if f"pass3/{name}" in recorded:
      expected = recorded[f"pass3/{name}"]
      scale = 1 + np.abs(expected)
      yield name, difference(variable.value, expected, scale)


@pytest.mark.slow
@pytest.mark.parametrize("backend", OTHER_BACKENDS)
def test_numbers_are_the_same(backend, golden, figure, tmp_path):
  path = tmp_path / "steps.npz"
  differences = run_under(backend, measure, str(golden.folder), str(path))
  assert len(differences) == 7 + 12
  for name, difference in differences.items():
    bound = 1e-5 if "moving" in name else 1e-4
    figure(f"students under {backend}", difference, bound)
    assert difference <= bound, name
  expected = training_steps()
  with np.load(path) as steps:
    assert set(steps.files) == set(expected)
    for name, value in expected.items():
      # Weights near 1 move in steps of 1e-7; some gradients are sums that
      # cancel, that of a bias before batch normalization wholly.
      bound = 2e-6 + 1e-5 * np.abs(value).max()
      np.testing.assert_allclose(
        steps[name], value, rtol=0, atol=bound, err_msg=name
      )
