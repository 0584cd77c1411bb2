import keras
import numpy as np
import pytest
import tensorflow as tf

from mentornet_tf.evaluation.evaluator import Evaluator

LOGITS = np.random.default_rng(0).normal(size=(40, 12)).astype(np.float32)
LABELS = np.random.default_rng(1).integers(0, 12, 40)


def batches(logits):
  columns = {
    "image": logits,
    "label": LABELS % logits.shape[1],
    "clean_label": np.full(40, -1),
    "id": np.arange(40),
  }
  return tf.data.Dataset.from_tensor_slices(columns).batch(7)


def identity(width):
  inputs = keras.Input((width,))
  return keras.Model(inputs, keras.layers.Activation("linear")(inputs))


def test_top_1_and_top_5_are_shares_of_the_examples():
  evaluation = Evaluator(identity(12), batches(LOGITS))()
  ranks = (LOGITS[np.arange(40), LABELS][:, np.newaxis] < LOGITS).sum(1)
  assert evaluation.accuracy == pytest.approx((ranks == 0).mean())
  assert evaluation.top5_accuracy == pytest.approx((ranks < 5).mean())
  assert 0 < evaluation.accuracy < evaluation.top5_accuracy < 1
  log_sums = np.log(np.exp(LOGITS.astype(float)).sum(1))
  losses = log_sums - LOGITS[np.arange(40), LABELS]
  assert evaluation.loss == pytest.approx(losses.mean(), rel=1e-5)
  assert evaluation.num_examples == 40


def test_top_5_of_five_classes_says_nothing():
  evaluator = Evaluator(identity(5), batches(LOGITS[:, :5]))
  assert evaluator().top5_accuracy is None
  assert "top5_hit" not in evaluator.per_example()


def test_logits_that_are_no_numbers_hit_nothing():
  evaluation = Evaluator(identity(12), batches(np.full_like(LOGITS, np.nan)))()
  assert evaluation.top5_accuracy == 0


def test_per_example_keeps_scalars_only():
  columns = Evaluator(identity(12), batches(LOGITS)).per_example()
  assert all(column.shape == (40,) for column in columns.values())
  more = Evaluator(identity(12), batches(LOGITS)).per_example(
    with_probabilities=True
  )
  assert more["probabilities"].shape == (40, 12)
