"""Every student: shapes, dtypes, serialisation, a training step."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from student_layers import synchronized

from mentornet_tf.students.registry import build_student

SMALL_NET = {"units_per_stage": 1, "stem_filters": 4, "widths": (8, 8, 12)}
STUDENTS = {
  "inception": ("inception", {}),
  "residual": ("resnet101", SMALL_NET),
  "bottleneck": (
    "resnet32",
    SMALL_NET | {"bottleneck": True, "widths": (8, 12, 16)},
  ),
}


def build(case, num_classes=7, **options):
  name, defaults = STUDENTS[case]
  return build_student(name, num_classes, **(defaults | options))


def images(batch, seed=0):
  draw = np.random.default_rng(seed).normal(size=(batch, 32, 32, 3))
  return tf.constant(draw, tf.float32)


@pytest.fixture
def mixed_bfloat16():
  before = keras.config.dtype_policy()
  keras.config.set_dtype_policy("mixed_bfloat16")
  yield
  keras.config.set_dtype_policy(before)


@pytest.mark.parametrize("case", STUDENTS)
def test_logits_have_the_right_shape_for_any_batch(case):
  student = build(case)
  assert student.output_shape == (None, 7)
  assert student.input_shape == (None, 32, 32, 3)

  @tf.function(input_signature=[tf.TensorSpec([None, 32, 32, 3])])
  def logits_of(batch):
    return student(batch)

  three = logits_of(images(3))
  assert three.dtype == tf.float32
  one = logits_of(images(3)[:1])
  np.testing.assert_allclose(one, three[:1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", STUDENTS)
def test_saved_student_gives_the_same_values(case, tmp_path):
  student = build(case)
  student(images(2, seed=1), training=True)  # moves the batch-norm statistics
  student.save(tmp_path / "student.keras")
  restored = keras.saving.load_model(tmp_path / "student.keras")
  for one, other in zip(student.weights, restored.weights, strict=True):
    assert one.path == other.path
    np.testing.assert_array_equal(one.numpy(), other.numpy())
  np.testing.assert_array_equal(student(images(2)), restored(images(2)))


@pytest.mark.parametrize("case", STUDENTS)
def test_a_training_step_reaches_every_weight(case):
  student = build(case, seed=1)
  labels = tf.constant([0, 1, 2, 3])
  before = [w.numpy() for w in student.trainable_weights]
  student.compile(
    "sgd",
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    run_eagerly=True,  # faster than tracing for a single step
  )
  first = student.train_on_batch(images(4), labels)
  assert np.isfinite(first)
  unmoved = [
    w.path
    for w, old in zip(student.trainable_weights, before, strict=True)
    if np.array_equal(w.numpy(), old)
  ]
  assert unmoved == []


@pytest.mark.parametrize("case", STUDENTS)
def test_mixed_precision_ends_in_float32_logits(case, mixed_bfloat16):
  student = build(case, seed=1)
  assert student.layers[1].compute_dtype == "bfloat16"
  with tf.GradientTape() as tape:
    logits = student(images(2), training=True)
  assert logits.dtype == tf.float32
  gradients = tape.gradient(logits, student.trainable_weights)
  assert all(g.dtype == tf.float32 for g in gradients)
  assert all(w.dtype == "float32" for w in student.trainable_weights)


@pytest.mark.parametrize("case", STUDENTS)
def test_training_differs_from_inference(case):
  student = build(case, seed=1)
  inferred, trained = (
    student(images(4), training=training) for training in (False, True)
  )
  assert np.abs(inferred - trained).max() > 1e-4


def test_cifarnet_sees_other_image_sizes():
  student = build_student("inception", 3, input_shape=(28, 20, 1))
  assert student(np.zeros((1, 28, 20, 1), np.float32)).shape == (1, 3)


def test_batch_norm_is_synchronized_where_asked_for():
  small = {"units_per_stage": 1, "stem_filters": 2, "widths": (2, 2, 2)}
  student = build_student("resnet32", 4, sync_batch_norm=True, **small)
  found = synchronized(student)
  assert len(found) > 4 and all(found)
