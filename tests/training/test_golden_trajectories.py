"""Eight full training steps against those of the original."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from recipe_weights import fill_with_recipe

import mentornet_tf as mn
from mentornet_tf.students.tf1_names import tf1_variables
from mentornet_tf.training.observed_step import training_step
from mentornet_tf.training.optimizers import Momentum

_CASES = [
  f"{student}{rate}"
  for student in ("cifarnet_mentornet", "resnet_mentornet", "resnet_baseline")
  for rate in ("_lowlr", "")
]
# Longer than all others together.
_LONG_CASES = (
  "resnet_mentornet_lowlr",
  "resnet_baseline_lowlr",
  "resnet_baseline",
)
# Recorded beside the weights that the student holds.
_NOT_STUDENT = (
  "global_step",
  "mentor_inputs/cumulative",
  "data_util/nonzero_v",
)


def mentored_model(golden, settings, synchronized=False) -> mn.MentoredModel:
  flags = settings["flags"]
  if settings["momentum"]:
    student = mn.build_student(
      "resnet101", units_per_stage=1, sync_batch_norm=synchronized
    )
    optimizer = Momentum(flags["learning_rate"], settings["momentum"])
  else:
    student = mn.build_student("inception", dropout_keep_probability=1.0)
    optimizer = keras.optimizers.SGD(flags["learning_rate"])
  fill_with_recipe(student)
  if "trained_mentornet_dir" in flags:
    curriculum = mn.MentorCurriculum(
      mn.load_mentor(golden.folder / flags["trained_mentornet_dir"]),
      loss_p_percentile=flags["loss_p_percentile"],
      burn_in_epoch=flags["burn_in_epoch"],
      fixed_epoch_after_burn_in=flags["fixed_epoch_after_burn_in"],
      loss_moving_average_decay=flags["loss_moving_average_decay"],
      example_dropout_rates=flags["example_dropout_rates"],
    )
  else:
    curriculum = mn.UniformCurriculum()
  model = mn.MentoredModel(student, curriculum, settings["max_step_run"])
  model.compile(
    optimizer=optimizer,
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
  )
  return model


def check(got, expected, sensitivity, what) -> float:
  """Within ten times the recorded sensitivity or 1e-4 relative.

  Returns the share of that bound which the error takes up.
  """
  got, expected = np.asarray(got, float), np.asarray(expected, float)
  bound = np.maximum(10 * sensitivity, 1e-4 * np.abs(expected).max())
  error = np.abs(got - expected).max()
  assert error <= bound, f"{what}: off by {error:.3g}, allowed {bound:.3g}"
  return error / bound


def student_and_slots(model) -> dict[str, np.ndarray]:
  """Values by the original's names: weights, statistics, momentum slots."""
  named = tf1_variables(model.student)
  values = {name: variable.numpy() for name, variable in named.items()}
  if isinstance(model.optimizer, Momentum):
    names = {id(variable): name for name, variable in named.items()}
    for variable, slot in zip(
      model.student.trainable_variables,
      model.optimizer.variables[2:],
      strict=True,
    ):
      values[f"{names[id(variable)]}/Momentum"] = slot.numpy()
  return values


@pytest.mark.parametrize(
  ("case", "compiles"),
  [
    *(
      pytest.param(case, False, marks=pytest.mark.slow)
      if case in _LONG_CASES
      else (case, False)
      for case in _CASES
    ),
    pytest.param("cifarnet_mentornet", True, marks=pytest.mark.slow),
  ],
)
def test_trajectory_equals_golden(golden, figure, case, compiles):
  settings = golden.json(f"train_trajectory_{case}")
  recorded = golden.npz(f"train_trajectory_{case}")
  model = mentored_model(golden, settings)
  has_mentor = "v" in recorded
  model.optimizer.build(model.trainable_variables)

  def step(images, labels):
    loss, report = training_step(model, images, labels)
    weighed = vars(loss.weighed).items()
    return {k: v for k, v in weighed if v is not None}, report

  if compiles:
    step = tf.function(step, jit_compile=True)
  worst = 0.0
  for t in range(settings["steps"]):
    images, labels = recorded["images"][t], recorded["labels"][t]
    weighed, report = step(images, labels)
    last = types.SimpleNamespace(**weighed)
    got = {"loss": last.loss, "total_loss": report["total_loss"]}
    if has_mentor:
      assert int(last.epoch) == recorded["epoch"][t]
      got |= {
        "v": last.weight,
        "v_sigmoid": last.curriculum_weight,
        "percentile_loss": last.percentile_loss,
        "loss_moving_avg": last.loss_moving_average,
        "data_util": report["data_util/data_util"],
        "weighted_loss": report["mentornet/weighted_loss"],
      }
    for name, value in got.items():
      sensitivity = recorded[f"sens_{name}"][t]
      what = f"{case} step {t} {name}"
      ratio = check(value, recorded[name][t], sensitivity, what)
      worst = max(worst, ratio)

  logits = model.student(recorded["eval_images"], training=False)
  ratio = check(
    logits, recorded["eval_logits"], recorded["sens_eval_logits"], "logits"
  )
  worst = max(worst, ratio)
  values = student_and_slots(model)
  assert values.keys() == set(settings["var_names"]) - set(_NOT_STUDENT)
  for i, name in enumerate(settings["var_names"]):
    if name in values:
      ratio = check(
        np.linalg.norm(values[name].astype(float)),
        recorded["var_l2"][i],
        recorded["sens_var_l2"][i],
        f"{case} {name}",
      )
      worst = max(worst, ratio)
  figure(f"trajectory {case}, error as a share of its bound", worst, 1.0)
