"""Steps of the loop that XLA compiles."""

import dataclasses

import keras
import numpy as np
import pytest
from quadrant_runs import OPTIONS, SETTINGS, run

import mentornet_tf as mn
from mentornet_tf.runs.checkpointing import variables_of
from mentornet_tf.training.checkpoint_groups import variable_groups

_OPTIONS = dataclasses.replace(
  OPTIONS, eval_interval_steps=None, save_interval_steps=None
)
_COMPILED = dataclasses.replace(_OPTIONS, jit_compile=True)


def test_a_compiled_run_equals_one_that_is_not(tmp_path):
  settings = SETTINGS.changed(curriculum="mentornet_pd", ema_decay=0.9)
  values = []
  for name, options in (("plain", _OPTIONS), ("compiled", _COMPILED)):
    result, _ = run(tmp_path / name, settings, options, eval_data=None)
    groups = variable_groups(result.model)
    values.append([v.numpy() for v in variables_of(groups)])
  for one, other in zip(*values, strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_mentormix_is_refused(tmp_path):
  settings = SETTINGS.changed(curriculum="mentormix")
  with pytest.raises(
    mn.UserError, match=r"jit_compile: expected .* got MentorMix, which tensor"
  ):
    run(tmp_path / "run", settings, _COMPILED)
  assert not (tmp_path / "run").exists()


def test_fit_leaves_mentormix_uncompiled():
  student = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
  model = mn.MentoredModel(
    student, mn.ThresholdCurriculum(), 4, mixing=mn.MentorMix()
  )
  with pytest.warns(UserWarning, match="jit_compile"):
    model.compile("sgd", "mse", jit_compile=True)
  assert not model.jit_compile
