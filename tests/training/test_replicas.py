"""More than one replica is refused, in one line."""

import subprocess
import sys
from pathlib import Path

import pytest
from keras_backend import run_under

_ROOT = Path(__file__).resolve().parents[2]
_MIRRORED = """
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
import keras, mentornet_tf as mn
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
  student = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
  model = mn.MentoredModel(student, mn.UniformCurriculum(), 4)
  model.compile("sgd", "sparse_categorical_crossentropy")
  try:
    model.fit(np.ones((8, 3)), np.ones(8, int), verbose=0)
  except mn.UserError as error:
    print(str(error))
"""


def test_mirrored_replicas_are_refused():
  done = subprocess.run(
    [sys.executable, "-c", _MIRRORED],
    cwd=_ROOT,
    capture_output=True,
    text=True,
    timeout=200,
  )
  assert done.returncode == 0, done.stderr
  (line,) = done.stdout.splitlines()
  assert line.startswith("MentoredModel: expected one device, got 2 replicas")


def distributed() -> str:
  import jax
  import keras
  import numpy as np

  import mentornet_tf as mn

  jax.config.update("jax_num_cpu_devices", 2)
  keras.distribution.set_distribution(keras.distribution.DataParallel())
  student = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
  model = mn.MentoredModel(student, mn.UniformCurriculum(), 4)
  model.compile("sgd", "sparse_categorical_crossentropy")
  with pytest.raises(mn.UserError) as caught:
    model.fit(np.ones((8, 3)), np.ones(8, int), verbose=0)
  return str(caught.value)


def test_data_parallel_devices_are_refused():
  line = run_under("jax", distributed)
  assert line.startswith("MentoredModel: expected one device, got 2 replicas")
