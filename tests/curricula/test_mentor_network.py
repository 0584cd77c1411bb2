"""MentorNet and the simpler forms: recorded logits, dtypes, serialisation."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mentornet_tf.curricula.mentor_network import (
  LogisticMentor,
  MentorNet,
  MLPMentor,
)
from mentornet_tf.curricula.tf1_checkpoint import load_tf1_mentor
from mentornet_tf.errors import UserError

CHECKPOINTS = [
  "baseline",
  "self_paced",
  "hard_example_mining",
  "focal_loss",
  "spcl_linear",
  "mentornet_pd",
  "random",
]
FORMS = [MentorNet, LogisticMentor, MLPMentor]


@pytest.fixture
def features():
  generator = np.random.default_rng(5)
  columns = [
    generator.exponential(2, 16),
    generator.normal(size=16),
    generator.integers(0, 2, 16),
    generator.integers(0, 100, 16),
  ]
  return np.stack(columns, 1).astype(np.float32)


@pytest.mark.parametrize("rows", ["", "_frac"])
@pytest.mark.parametrize("name", CHECKPOINTS)
def test_logits_equal_golden(golden, figure, name, rows):
  recorded = golden.npz("mentor_forward")
  mentor = load_tf1_mentor(golden.folder / f"mentor_{name}")
  logits = mentor(recorded[f"features{rows}"]).numpy()
  expected = recorded[f"logits{rows}_{name}"]
  assert logits.shape == expected.shape
  error = np.abs(logits - expected) / np.maximum(1, np.abs(expected))
  assert error.max() <= 1e-5
  figure("mentor logits, relative to max(1, |logit|)", error.max(), 1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_each_row_is_weighed_by_itself(form, features):
  mentor = form(seed=1)
  logits = mentor(features)
  assert logits.shape == (16, 1)
  np.testing.assert_allclose(mentor(features[3:4]), logits[3:4], rtol=1e-5)
  assert mentor(features[:0]).shape == (0, 1)


@pytest.mark.parametrize("form", FORMS)
def test_mixed_precision_leaves_mentors_in_float32(form, features):
  expected = form(seed=2)(features)
  before = keras.config.dtype_policy()
  keras.config.set_dtype_policy("mixed_bfloat16")
  try:
    mentor = form(seed=2)
    logits = mentor(tf.constant(features))
  finally:
    keras.config.set_dtype_policy(before)
  assert logits.dtype == tf.float32
  assert {weight.dtype for weight in mentor.weights} == {"float32"}
  np.testing.assert_array_equal(logits, expected)


@pytest.mark.parametrize(
  "mentor",
  [
    MentorNet(num_labels=3, num_epochs=50, hidden_nodes=7, lstm_units=2),
    MentorNet(epoch_embedding_trainable=True, epoch_width=4, label_width=1),
    LogisticMentor(),
    MLPMentor(hidden_nodes=6),
  ],
  ids=["sizes", "trainable", "logistic", "mlp"],
)
def test_a_saved_mentor_comes_back(tmp_path, mentor, features):
  for number, weight in enumerate(mentor.weights):
    weight.assign(weight + 0.01 * (number + 1))
  path = tmp_path / "mentor.keras"
  mentor.save(path)
  loaded = keras.saving.load_model(path)
  assert type(loaded) is type(mentor)
  assert loaded.get_config() == mentor.get_config()
  np.testing.assert_array_equal(loaded(features), mentor(features))
  assert [w.path for w in loaded.trainable_variables] == [
    w.path for w in mentor.trainable_variables
  ]


@pytest.mark.parametrize("form", FORMS)
def test_the_seed_decides_the_initial_weights(form):
  first, same, other = form(seed=3), form(seed=3), form(seed=4)
  for a, b, c in zip(first.weights, same.weights, other.weights, strict=True):
    np.testing.assert_array_equal(a, b)
    assert np.ptp(a) == 0 or np.any(a != c)


def test_initial_weights_have_the_originals_distributions():
  mentor = MentorNet(seed=0)
  limit = np.sqrt(6 / 105)  # the original's embedding spans ±0.239
  assert 0.95 * limit < np.abs(mentor.epoch_embedding).max() <= limit
  draws = np.concatenate(
    [np.ravel(MentorNet(seed=s).hidden_kernel) for s in range(9)]
  )
  assert abs(draws.mean()) < 0.1
  assert abs(draws.std() - 1) < 0.1
  assert not np.any(mentor.forward_bias) and not np.any(mentor.backward_bias)


def test_the_original_trains_all_but_the_epoch_embedding(golden):
  order = golden.json("mentor_training")["trainable_variables_in_order"]
  mentor = MentorNet()
  assert len(mentor.trainable_variables) == len(order) == 9
  assert all(
    weight is not mentor.epoch_embedding
    for weight in mentor.trainable_variables
  )
  trained = MentorNet(epoch_embedding_trainable=True).trainable_variables
  assert len(trained) == 10


def test_the_label_gradient_keeps_one_row_an_example(features):
  # The original clips by the norm of these rows before they are summed.
  mentor = MentorNet(seed=0)

  @tf.function
  def rows():
    with tf.GradientTape() as tape:
      total = tf.reduce_sum(mentor(features))
    gradient = tape.gradient(total, mentor.label_embedding.value)
    assert isinstance(gradient, tf.IndexedSlices)
    return gradient.values

  assert rows().shape == (16, 2)


def test_an_epoch_beyond_the_table_takes_its_end():
  mentor = MentorNet(num_epochs=10)
  rows = np.float32([[1, 1, 0, 9], [1, 1, 0, 10], [1, 1, 0, 1e6]])
  logits = mentor(rows).numpy()
  np.testing.assert_array_equal(logits, np.repeat(logits[:1], 3, 0))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", [(4,), (2, 3), (2, 3, 4)])
def test_other_shapes_are_refused(form, shape):
  with pytest.raises(UserError) as caught:
    form().call(tf.zeros(shape))
  assert "expected features [B, 4]" in str(caught.value)
  assert str(list(shape)) in str(caught.value)
