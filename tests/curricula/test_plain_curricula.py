import subprocess
import sys

import keras
import numpy as np
import pytest
import tiny

import mentornet_tf as mn
from mentornet_tf.training.observed_step import training_step

LOSS = np.array([0.1, 3.0, 0.2, 2.0], np.float32)


def test_the_oracle_weighs_exactly_the_right_labels():
  curriculum = mn.OracleCurriculum()
  is_clean = [True, True, False, False]
  weights = curriculum(LOSS, 3, is_clean).numpy()
  np.testing.assert_array_equal(weights, [1, 1, 0, 0])
  outside = curriculum.weights_without_update(LOSS, 3, np.array(is_clean))
  np.testing.assert_array_equal(outside, [1, 1, 0, 0])


def test_the_oracle_needs_the_clean_labels():
  with pytest.raises(mn.UserError, match=r"oracle: expected `is_clean`.*None"):
    mn.OracleCurriculum()(LOSS, 3)


def test_the_threshold_takes_what_lies_below_the_batch_percentile():
  weights = mn.ThresholdCurriculum(loss_p_percentile=0.5)(LOSS, 3).numpy()
  below = mn.nearest_percentile(LOSS, 50).numpy() > LOSS
  np.testing.assert_array_equal(weights, below.astype(np.float32))
  assert 0 < weights.sum() < 4


def test_without_a_curriculum_every_weight_is_one():
  weights = mn.UniformCurriculum()(LOSS, 3, [True] * 4).numpy()
  np.testing.assert_array_equal(weights, np.ones(4))


@pytest.mark.slow
def test_saved_models_load_where_only_their_class_is_imported(tmp_path):
  paths = []
  students = {"inception": {}, "resnet32": {"units_per_stage": 1}}
  for name, options in students.items():
    student = mn.build_student(name, num_classes=3, **options)
    curriculum = mn.FormulaCurriculum("spcl_linear", 2.0)
    model = mn.MentoredModel(student, curriculum, total_steps=7)
    paths.append(tmp_path / f"{name}.keras")
    model.save(paths[-1])
  program = (
    "import sys, keras, mentornet_tf as mn; mn.MentoredModel\n"
    "for path in sys.argv[1:]:\n"
    "  model = keras.models.load_model(path)\n"
    "  print(model.curriculum.formula, model.curriculum.gamma)"
  )
  done = subprocess.run(
    [sys.executable, "-c", program, *paths],
    capture_output=True,
    text=True,
    check=True,
  )
  assert done.stdout.split() == ["spcl_linear", "2.0"] * 2


def test_a_step_under_the_oracle_learns_from_the_right_labels_alone():
  data = tiny.dataset(32)
  is_clean = data.labels == data.clean_labels
  student = tiny.student(4)
  model = mn.MentoredModel(student, mn.OracleCurriculum(), total_steps=4)
  model.compile(
    keras.optimizers.SGD(0.1),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
  )
  images = data.images.astype(np.float32) / 255
  mentored, report = training_step(
    model, images, data.labels, is_clean=is_clean
  )
  loss = mentored.weighed.loss.numpy()
  assert report["data_util/batch_sum_v"] == is_clean.sum()
  assert report["mentornet/weighted_loss"].numpy() == pytest.approx(
    loss[is_clean].sum() / 32, rel=1e-5
  )
