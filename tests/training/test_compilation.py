"""Steps of the loop that XLA compiles."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from quadrant_runs import SETTINGS, run

import mentornet_tf as mn
from mentornet_tf.curricula.mentormix import Mixture
from mentornet_tf.curricula.registry import build_formula
from mentornet_tf.runs.checkpointing import variables_of
from mentornet_tf.training import loop
from mentornet_tf.training.checkpoint_groups import variable_groups
from mentornet_tf.training.compilation import check_compiles
from mentornet_tf.training.loop import StepRunner
from mentornet_tf.training.observed_step import observed_step


def trained(compiles: bool, curriculum: mn.Curriculum, **options):
  """Weights and reports of six steps, without random numbers."""
  keras.utils.set_random_seed(3)
  student = keras.Sequential(
    [keras.Input((5,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(3)]
  )
  model = mn.MentoredModel(
    student,
    curriculum,
    6,
    weigh_by_average=curriculum.uses_losses and not options,
    **options,
  )
  model.compile(
    keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
  )
  model.optimizer.build(model.trainable_variables)
  rng = np.random.default_rng(0)
  labels = rng.integers(0, 3, (6, 16))
  batches = tf.data.Dataset.from_tensor_slices(
    {
      "image": rng.normal(size=(6, 16, 5)).astype(np.float32),
      "label": labels,
      "clean_label": np.where(rng.random((6, 16)) < 0.7, labels, 0),
    }
  )
  runner = StepRunner(observed_step(model, True), batches, compiles)
  reports = runner(6)
  groups = variable_groups(model)
  return [v.numpy() for v in variables_of(groups)], reports


@pytest.mark.parametrize(
  "name",
  [
    "mentornet_pd",
    pytest.param("threshold", marks=pytest.mark.slow),
    "oracle",
  ],
)
def test_compiled_steps_equal_those_that_are_not(name):
  def curriculum():
    if name == "mentornet_pd":
      mentor = mn.load_mentor(name)
      return mn.MentorCurriculum(mentor, example_dropout_rates="0,100")
    return build_formula(name)

  (plain, reports), (compiled, again) = (
    trained(compiles, curriculum()) for compiles in (False, True)
  )
  for one, other in zip(plain, compiled, strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
  for key, values in reports.items():
    np.testing.assert_allclose(again[key], values, rtol=1e-5, atol=1e-6)


def test_a_run_is_compiled_as_its_settings_say(tmp_path, monkeypatch):
  compiled = []

  class Runner(StepRunner):
    def __init__(self, step, batches, jit_compile=False):
      compiled.append(jit_compile)
      super().__init__(step, batches, jit_compile)

  monkeypatch.setattr(loop, "StepRunner", Runner)
  settings = SETTINGS.changed(jit_compile=True, max_number_of_steps=3)
  result, _ = run(tmp_path, settings, eval_data=None)
  assert result.finished and compiled == [True]
  # Its random numbers are others than those of a run that is not compiled.
  with pytest.raises(mn.UserError, match="jit_compile"):
    run(tmp_path, SETTINGS.changed(max_number_of_steps=3), eval_data=None)


class _Fixed(mn.MentorMix):
  """MentorMix without random numbers, which are others under XLA."""

  def sample(self, weight, mask=None):
    count = weight.shape[0]
    sampled = super().sample(weight, mask)
    return Mixture(
      (keras.ops.arange(count) + 1) % count + 0 * sampled.partner,
      keras.ops.linspace(0.1, 0.9, count) + 0 * sampled.share,
    )


@pytest.mark.slow
def test_compiled_mentormix_equals_the_one_that_is_not():
  (plain, reports), (compiled, again) = (
    trained(compiles, build_formula("threshold"), mixing=_Fixed())
    for compiles in (False, True)
  )
  for one, other in zip(plain, compiled, strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
  for key, values in reports.items():
    np.testing.assert_allclose(again[key], values, rtol=1e-5, atol=1e-6)


@keras.saving.register_keras_serializable(package="tests")
class _Uncompiled(keras.layers.Dense):
  """A layer that says that XLA does not compile it."""

  def __init__(self, *args, **options):
    super().__init__(*args, **options)
    self.supports_jit = False


def test_a_part_outside_xla_is_refused():
  student = keras.Sequential([keras.Input((5,)), _Uncompiled(3)])
  with pytest.raises(
    mn.UserError,
    match=r"jit_compile: expected .* got _Uncompiled, which tensor",
  ):
    check_compiles(student)
