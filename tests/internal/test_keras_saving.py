import pkgutil
from importlib import import_module

import keras
import numpy as np
import pytest
from keras_backend import OTHER_BACKENDS, run_under
from saved_models import predict

import mentornet_tf as mn
from mentornet_tf.internal.keras_saving import PACKAGE, SERIALIZABLE
from mentornet_tf.training.optimizers import Momentum


def test_every_serializable_class_is_listed_with_its_module():
  for module in pkgutil.walk_packages(mn.__path__, f"{PACKAGE}."):
    # Commands define flags, which a process can have once only.
    if not module.name.startswith(f"{PACKAGE}.commands"):
      import_module(module.name)
  registered = {
    value.__name__: value.__module__
    for key, value in keras.saving.get_custom_objects().items()
    if key.startswith(f"{PACKAGE}>")
  }
  assert registered == {
    name: f"{PACKAGE}.{module}" for name, module in SERIALIZABLE.items()
  }


def models():
  small = {"units_per_stage": 1, "stem_filters": 4, "widths": (8, 8, 12)}
  mentored = mn.MentoredModel(
    mn.build_student("resnet32", 3, **small),
    mn.MentorCurriculum(mn.load_mentor("mentornet_pd")),
    total_steps=4,
    mixing=mn.MentorMix(),
  )
  mentored.compile(
    Momentum(), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
  )
  return {
    "cifarnet": mn.build_student("inception", 3),
    "resnet": mn.build_student("resnet32", 3, **small),
    "mentor": mn.load_mentor("mentornet_pd"),
    "mentored": mentored,
  }


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
  """The folder of the models, and the outputs by name."""
  folder = tmp_path_factory.mktemp("saved")
  rng = np.random.default_rng(0)
  inputs, outputs = {}, {}
  for name, model in models().items():
    shape = (5, 4) if name == "mentor" else (5, 32, 32, 3)
    inputs[name] = rng.normal(size=shape).astype(np.float32)
    outputs[name] = model(inputs[name], training=False).numpy()
    model.save(folder / f"{name}.keras")
  np.savez(folder / "inputs.npz", **inputs)
  return folder, outputs


@pytest.mark.parametrize(
  "imports",
  [
    pytest.param(["keras", PACKAGE], marks=pytest.mark.slow),
    [PACKAGE, "keras"],
    pytest.param([PACKAGE, "tensorflow"], marks=pytest.mark.slow),
  ],
)
def test_models_load_after_one_import_in_any_order(saved, imports):
  folder, outputs = saved
  loaded = run_under("tensorflow", predict, imports, str(folder), [*outputs])
  for got, (name, expected) in zip(loaded, outputs.items(), strict=True):
    np.testing.assert_allclose(got, expected, rtol=1e-6, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("backend", OTHER_BACKENDS)
def test_models_load_under_another_backend(saved, backend):
  folder, outputs = saved
  names = ["mentor", "mentored"]
  imports = [PACKAGE, "keras"]
  # Keras itself imports TensorFlow, where there is one, to serialize a config.
  loaded = run_under(
    backend, predict, imports, str(folder), names, may_use_tensorflow=True
  )
  for got, name in zip(loaded, names, strict=True):
    np.testing.assert_allclose(
      got, outputs[name], rtol=1e-4, atol=1e-5, err_msg=name
    )
