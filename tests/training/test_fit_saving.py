"""Models under `fit`: saved, restored, averaged by Keras' callbacks."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from fit_models import images_and_labels, model_of, values, without_draws

import mentornet_tf as mn


class _Stopped(Exception):
  pass


class _StopAt(keras.callbacks.Callback):
  def __init__(self, epoch):
    super().__init__()
    self._epoch = epoch

  def on_epoch_begin(self, epoch, logs=None):
    if epoch == self._epoch:
      raise _Stopped


def test_backup_and_restore_go_on_where_training_stopped(tmp_path):
  """Without dropout in the student, whose draws Keras does not keep."""
  images, labels = images_and_labels()
  options = {"batch_size": 10, "epochs": 4, "shuffle": False, "verbose": 0}
  whole = model_of(student=without_draws)
  whole.fit(images, labels, **options)
  parts = model_of(student=without_draws)
  backup = keras.callbacks.BackupAndRestore(tmp_path)
  with pytest.raises(_Stopped):
    parts.fit(images, labels, callbacks=[backup, _StopAt(2)], **options)
  parts = model_of(student=without_draws)
  backup = keras.callbacks.BackupAndRestore(tmp_path)
  parts.fit(images, labels, callbacks=[backup], **options)
  assert int(parts.optimizer.iterations) == int(whole.optimizer.iterations)
  for a, b in zip(values(whole), values(parts), strict=True):
    np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("weights_only", [False, True])
def test_model_checkpoints_can_be_loaded(tmp_path, weights_only):
  images, labels = images_and_labels()
  model = model_of(mixing=mn.MentorMix())
  path = tmp_path / ("a.weights.h5" if weights_only else "a.keras")
  saver = keras.callbacks.ModelCheckpoint(
    path, monitor="val_loss", save_weights_only=weights_only
  )
  model.fit(
    images,
    labels,
    validation_data=(images, labels),
    batch_size=10,
    callbacks=[saver],
    verbose=0,
  )
  if weights_only:
    loaded = model_of(mixing=mn.MentorMix())
    loaded.load_weights(path)
  else:
    loaded = keras.models.load_model(path)
  np.testing.assert_allclose(
    loaded.predict_on_batch(images), model.predict_on_batch(images)
  )
  for name in ("curriculum", "second_curriculum"):
    averages = [
      float(getattr(m, name).loss_moving_average) for m in (loaded, model)
    ]
    assert averages[0] == averages[1] > 0


@pytest.mark.slow
def test_another_process_loads_a_saved_model(tmp_path):
  images, labels = images_and_labels()
  model = model_of(mn.MentorCurriculum(mn.MentorNet()), mixing=mn.MentorMix())
  model.fit(images, labels, batch_size=10, verbose=0)
  model.save(tmp_path / "model.keras")
  np.save(tmp_path / "images.npy", images)
  program = """
import keras, numpy as np
from mentornet_tf import MentoredModel
model = keras.models.load_model("model.keras")
np.save("logits.npy", model.predict(np.load("images.npy"), verbose=0))
"""
  done = subprocess.run(
    [sys.executable, "-c", program],
    cwd=tmp_path,
    env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    capture_output=True,
    text=True,
    timeout=200,
  )
  assert done.returncode == 0, done.stderr
  np.testing.assert_allclose(
    np.load(tmp_path / "logits.npy"),
    model.predict(images, verbose=0),
    rtol=1e-6,
  )


def test_averaged_weights_are_swapped_in_by_keras():
  """For the evaluation after each epoch, and out again for training."""
  images, labels = images_and_labels()
  optimizer = keras.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.5)
  model = model_of(optimizer=optimizer)
  (average,) = [v for v in optimizer.variables if "kernel_average" in v.name]
  kernel = model.student.trainable_variables[0]
  seen = []

  class Watch(keras.callbacks.Callback):
    def watch(self, *_, logs=None):
      seen.append((kernel.numpy(), average.numpy()))

    on_test_begin = on_train_batch_end = on_epoch_begin = watch

  model.fit(
    images,
    labels,
    batch_size=30,
    epochs=2,
    verbose=0,
    validation_data=(images, labels),
    callbacks=[keras.callbacks.SwapEMAWeights(swap_on_epoch=True), Watch()],
  )
  _, _, trained, tested, again, *_ = seen
  assert abs(trained[0] - trained[1]).max() > 1e-3
  # Keras swaps by adding and subtracting.
  np.testing.assert_allclose(tested[0], trained[1], atol=1e-6)
  np.testing.assert_allclose(again[0], trained[0], atol=1e-6)


def test_fit_ends_with_the_averaged_weights_of_the_student_alone():
  images, labels = images_and_labels()
  optimizer = keras.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.5)
  model = model_of(optimizer=optimizer)
  before = model.curriculum.mentor.get_weights()
  model.fit(images, labels, batch_size=10, verbose=0)
  averages = [v for v in optimizer.variables if v.name.endswith("_average")]
  for weight, average in zip(
    model.student.trainable_variables, averages, strict=True
  ):
    np.testing.assert_array_equal(weight.numpy(), average.numpy())
  for a, b in zip(before, model.curriculum.mentor.get_weights(), strict=True):
    np.testing.assert_array_equal(a, b)
  assert model.trainable_weights == model.trainable_variables
