"""Inception-ResNet-v2 at the smallest size it takes; it is built once."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from student_layers import synchronized

from mentornet_tf.errors import UserError
from mentornet_tf.internal.dtype_policy import dtype_policy
from mentornet_tf.students import inception_resnet
from mentornet_tf.students.registry import build_student

SHAPE = (75, 75, 3)
CONVOLUTIONS = 244
BATCH_NORMS = CONVOLUTIONS - 40  # none ends one of the 40 blocks


@pytest.fixture(scope="module")
def student():
  keras.utils.set_random_seed(0)
  with dtype_policy("mixed_bfloat16"):
    return build_student("inception_resnet_v2", 50, input_shape=SHAPE)


def images(batch=2):
  draw = np.random.default_rng(0).uniform(-1, 1, size=(batch, *SHAPE))
  return tf.constant(draw, tf.float32)


def test_it_is_the_published_network_with_a_last_layer_of_its_own(student):
  # 54,336,736 in the body (Keras' documentation: 55.9 M with 1000 classes).
  assert student.count_params() == 54_336_736 + 1536 * 50 + 50
  assert student.input_shape == (None, *SHAPE)
  assert student.output_shape == (None, 50)
  assert student.layers[-2].rate == pytest.approx(0.2)
  activation = student.layers[-1].get_config()["activation"]
  assert activation == "linear"


def test_every_batch_norm_can_be_synchronized(student, monkeypatch):
  assert synchronized(student) == [False] * BATCH_NORMS
  for layer in student.layers:
    if hasattr(layer, "synchronized"):  # to be restored after the test
      monkeypatch.setattr(layer, "synchronized", False)
  inception_resnet._synchronize_batch_norm(student)
  assert synchronized(student) == [True] * BATCH_NORMS


@pytest.mark.slow
def test_batch_norm_is_synchronized_where_asked_for():
  student = build_student(
    "inception_resnet_v2", 50, input_shape=SHAPE, sync_batch_norm=True
  )
  assert synchronized(student) == [True] * BATCH_NORMS


def test_weight_decay_is_that_of_every_kernel(student):
  kernels = [v.numpy() for v in student.trainable_weights if v.name == "kernel"]
  assert len(kernels) == CONVOLUTIONS + 1
  expected = 4e-5 * sum(0.5 * np.square(k, dtype=float).sum() for k in kernels)
  np.testing.assert_allclose(sum(student.losses), expected, rtol=1e-4)
  config = student.layers[-1].get_config()["kernel_regularizer"]["config"]
  assert config["l2"] == pytest.approx(2e-5)


@pytest.mark.slow
def test_a_step_under_bfloat16_has_float32_logits_and_reaches_every_kernel(
  student,
):
  assert student.layers[1].compute_dtype == "bfloat16"
  with tf.GradientTape() as tape:
    logits = student(images(), training=True)
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits([3, 7], logits)
  assert (logits.dtype, logits.shape) == (tf.float32, (2, 50))
  assert np.isfinite(loss).all()
  gradients = tape.gradient(loss, student.trainable_weights)
  for gradient, variable in zip(
    gradients, student.trainable_weights, strict=True
  ):
    assert variable.dtype == "float32" and gradient.dtype == tf.float32
    assert np.isfinite(gradient).all(), variable.path
    # Batch norm takes away what biases before it add.
    if variable.name == "kernel":
      assert np.abs(gradient).max() > 0, variable.path


@pytest.mark.parametrize(
  ("options", "words"),
  [
    ({"input_shape": (74, 75, 3)}, "at least 75 pixels"),
    ({"input_shape": (75, 75, 1)}, "expected 3 channels"),
    ({"weight_decay": -1}, r"weight_decay: expected a number in \[0, 1\]"),
    ({"dropout_keep_probability": 0}, "dropout_keep_probability: expected"),
    ({"num_classes": 1}, "num_classes"),
  ],
)
def test_bad_options_are_user_errors(options, words):
  with pytest.raises(UserError, match=words):
    build_student("inception_resnet_v2", **options)


@pytest.mark.slow
def test_weights_of_a_file_are_taken_before_the_last_layer(student, tmp_path):
  path = tmp_path / "start.weights.h5"
  student.save_weights(path)
  keras.utils.set_random_seed(1)
  started = build_student(
    "inception_resnet_v2",
    6,
    input_shape=SHAPE,
    weights_path=path,
    dropout_keep_probability=1,
  )
  assert started.output_shape == (None, 6)
  for one, other in zip(
    student.weights[:-2], started.weights[:-2], strict=True
  ):
    np.testing.assert_array_equal(one.numpy(), other.numpy())
