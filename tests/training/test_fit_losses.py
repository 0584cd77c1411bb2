"""Every loss of Keras, with labels in every form, against plain Keras."""

from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf

import mentornet_tf as mn

_B = 12
_LOGITS = {"from_logits": True}
# Losses of one output per example, [B, 1].
_ONE = {
  "binary_crossentropy": keras.losses.BinaryCrossentropy(**_LOGITS),
  "binary_focal": keras.losses.BinaryFocalCrossentropy(**_LOGITS),
  "hinge": "hinge",
  "squared_hinge": "squared_hinge",
  "mse": "mse",
  "mae": "mean_absolute_error",
  "mape": "mean_absolute_percentage_error",
  "msle": "mean_squared_logarithmic_error",
  "huber": keras.losses.Huber(delta=0.3),
  "log_cosh": "log_cosh",
  "poisson": "poisson",
  "kl_divergence": "kl_divergence",
  "own": lambda y, p: keras.ops.softplus(-p) + p * (1 - y),
  "bce": "bce",
  "crossentropy": "crossentropy",
}
# Losses of one output per class, [B, 4].
_CLASSES = {
  "categorical": keras.losses.CategoricalCrossentropy(
    label_smoothing=0.1, **_LOGITS
  ),
  "focal": keras.losses.CategoricalFocalCrossentropy(**_LOGITS),
  "categorical_hinge": "categorical_hinge",
  "cosine": keras.losses.CosineSimilarity(),
  "kl_divergence": keras.losses.KLDivergence(),
  "mse": keras.losses.MeanSquaredError(),
  "poisson": keras.losses.Poisson(),
  "binary": keras.losses.BinaryCrossentropy(**_LOGITS),
  "crossentropy": "crossentropy",
}
_SPARSE = {
  "sparse": keras.losses.SparseCategoricalCrossentropy(**_LOGITS),
  "sparse_name": "sparse_categorical_crossentropy",
  "sum": keras.losses.SparseCategoricalCrossentropy(reduction="sum", **_LOGITS),
  "ignore": keras.losses.SparseCategoricalCrossentropy(
    ignore_class=2, **_LOGITS
  ),
  "ignore_sum": keras.losses.SparseCategoricalCrossentropy(
    ignore_class=2, reduction="sum", **_LOGITS
  ),
}
_NEEDS_PROBABILITIES = {"sparse_name", "kl_divergence", "bce", "crossentropy"}
_SHAPES = ("poisson", "msle", "mape")  # of positive predictions


def make_student(outputs, name):
  activation = None
  if name in _NEEDS_PROBABILITIES:
    activation = "sigmoid" if outputs == 1 else "softmax"
  elif name in _SHAPES:
    activation = "softplus"
  return keras.Sequential(
    [
      keras.Input((3,)),
      keras.layers.Dense(
        outputs,
        activation,
        kernel_initializer=keras.initializers.RandomNormal(seed=1),
        kernel_regularizer=keras.regularizers.L2(0.01),
      ),
    ]
  )


def compile_model(model, loss, **options):
  model.compile(keras.optimizers.SGD(0.1), loss, run_eagerly=True, **options)
  return model


def assert_trains_as_keras(make, loss, y, sample_weight=None, **options):
  x = np.random.default_rng(0).normal(size=(_B, 3)).astype(np.float32)
  plain = compile_model(make(), loss, **options)
  mentored = compile_model(
    mn.MentoredModel(make(), mn.UniformCurriculum(), 10), loss, **options
  )
  before = plain.get_weights()
  for _ in range(2):
    expected = plain.train_on_batch(x, y, sample_weight)
    got = mentored.train_on_batch(x, y, sample_weight)
    assert np.ravel(got)[0] == pytest.approx(np.ravel(expected)[0], rel=1e-6)
  for a, b in zip(
    plain.get_weights(), mentored.student.get_weights(), strict=True
  ):
    np.testing.assert_allclose(b, a, rtol=1e-6, atol=1e-7)
  assert any(
    (a != b).any() for a, b in zip(before, plain.get_weights(), strict=True)
  )
  np.testing.assert_allclose(
    mentored.test_on_batch(x, y, sample_weight),
    plain.test_on_batch(x, y, sample_weight),
    rtol=1e-6,
  )
  return mentored, x


def assert_example_losses_are_those_of_keras(model, x, y, loss):
  y_pred = model.student(x)
  got = model.per_example_loss(tf.constant(y), y_pred)
  if isinstance(loss, keras.losses.Loss):
    with mock.patch.object(loss, "reduction", "none"):
      expected = loss(y, y_pred)
  elif callable(loss):
    expected = loss(np.reshape(y, (_B, 1)).astype(np.float32), y_pred)
  else:
    return  # a name; compared through the steps
  expected = np.reshape(expected, (_B, -1)).mean(1)
  assert got.shape == (_B,)
  np.testing.assert_allclose(got, expected, rtol=1e-6)


# Which take the same way as those beside them.
_ALIKE = (
  "mape",
  "msle",
  "log_cosh",
  "poisson",
  "squared_hinge",
  "kl_divergence",
)


@pytest.mark.parametrize(
  "name",
  [
    pytest.param(name, marks=pytest.mark.slow if name in _ALIKE else ())
    for name in _ONE
  ],
)
def test_one_output_per_example(name):
  labels = np.arange(_B) % 2
  for y in (
    labels,
    labels.astype("uint8")[:, None],
    labels.astype("bool"),
    labels.astype("float64")[:, None],
  ):
    model, x = assert_trains_as_keras(
      lambda: make_student(1, name), _ONE[name], y
    )
    assert_example_losses_are_those_of_keras(model, x, y, _ONE[name])


@pytest.mark.parametrize("name", _CLASSES)
def test_label_vectors(name):
  vectors = np.eye(4)[np.arange(_B) % 4]
  for dtype in ("int64", "float64"):
    y = vectors.astype(dtype)
    model, x = assert_trains_as_keras(
      lambda: make_student(4, name), _CLASSES[name], y
    )
    assert_example_losses_are_those_of_keras(model, x, y, _CLASSES[name])


@pytest.mark.parametrize("name", _SPARSE)
def test_class_numbers(name):
  labels = np.arange(_B) % 4
  for y in (
    labels,
    labels.astype("uint8"),
    labels.astype("float32"),
    labels.astype("int32")[:, None],
  ):
    assert_trains_as_keras(lambda: make_student(4, name), _SPARSE[name], y)


@pytest.mark.parametrize(
  "dtype", ["float16", "float32", "float64", "int32", "int64", "bool"]
)
@pytest.mark.parametrize("column", [False, True])
def test_sample_weights_of_every_dtype(dtype, column):
  weight = (np.arange(_B) % 3).astype(dtype)
  assert_trains_as_keras(
    lambda: make_student(4, "sparse"),
    _SPARSE["sparse"],
    np.arange(_B) % 4,
    weight[:, None] if column else weight,
    weighted_metrics=["accuracy"],
  )


@pytest.mark.parametrize("name", ["sum", "ignore", "ignore_sum"])
def test_sample_weights_with_reductions_and_ignored_classes(name):
  assert_trains_as_keras(
    lambda: make_student(4, name),
    _SPARSE[name],
    np.arange(_B) % 4,
    np.linspace(0, 2, _B),
  )


def test_loss_weights():
  for weights in (3.0, [0.5]):
    loss = [_SPARSE["sparse"]] if isinstance(weights, list) else "mse"
    assert_trains_as_keras(
      lambda: make_student(4, "sparse"),
      loss,
      np.arange(_B) % 4 if isinstance(weights, list) else np.ones((_B, 4)),
      loss_weights=weights,
    )


def test_several_predictions_per_example_have_one_weight():
  """A student that labels every position: losses [B, T]."""
  x = np.random.default_rng(0).normal(size=(_B, 5, 3)).astype(np.float32)
  y = np.arange(_B * 5).reshape(_B, 5) % 4
  y[0, 1:] = -1  # one labelled position
  y[1] = -1  # none
  loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=-1, **_LOGITS)
  layer = keras.layers.Dense(4)
  student = keras.Sequential([keras.Input((5, 3)), layer])
  model = compile_model(
    mn.MentoredModel(
      student, mn.FormulaCurriculum("spcl_linear"), total_steps=4
    ),
    loss,
  )
  logits = x.astype(float) @ layer.kernel.numpy() + layer.bias.numpy()
  log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
  losses = -np.take_along_axis(log_p, y.clip(0)[..., None], -1)[..., 0]
  known = y >= 0
  with np.errstate(invalid="ignore"):
    expected = (losses * known).sum(1) / known.sum(1)
  got = model.mentored_loss(x, y, student(x))
  np.testing.assert_allclose(
    got.example_loss, np.nan_to_num(expected), rtol=1e-5
  )
  np.testing.assert_array_equal(got.weighed.mask, np.arange(_B) != 1)
  weight = got.weighed.weight.numpy()
  assert weight[1] == 0 and len(set(weight)) > 3
  weighted = (losses * known * weight[:, None]).sum() / known.sum()
  assert float(got.weighted) == pytest.approx(weighted, rel=1e-5)


@pytest.mark.parametrize(
  ("loss", "message"),
  [
    (lambda y, p: tf.reduce_mean(p), "got a single number"),
    (keras.losses.Dice(), "got a single number"),
    (
      keras.losses.SparseCategoricalCrossentropy(reduction="none"),
      'expected the reduction "sum_over_batch_size" or "sum", got \'none\'',
    ),
    (
      keras.losses.MeanSquaredError(reduction="mean_with_sample_weight"),
      "got 'mean_with_sample_weight'",
    ),
    (["mse", "mae"], "loss: expected one, got 2"),
    (None, "loss: expected one, got none"),
  ],
)
def test_losses_without_a_value_per_example_are_refused(loss, message):
  model = mn.MentoredModel(
    make_student(4, "mse"), mn.UniformCurriculum(), total_steps=4
  )
  compile_model(model, loss)
  x, y = np.ones((_B, 3)), np.eye(4)[np.arange(_B) % 4]
  with pytest.raises(mn.UserError, match=message) as caught:
    model.fit(x, y, verbose=0)
  assert "\n" not in str(caught.value)
  assert int(model.step) == 0


class _Distance(keras.losses.Loss):
  def call(self, y_true, y_pred):
    return keras.ops.abs(y_true - y_pred)


def test_labels_that_would_spread_over_pairs_of_examples_are_refused():
  model = mn.MentoredModel(
    make_student(1, "mae"), mn.UniformCurriculum(), total_steps=4
  )
  compile_model(model, _Distance())
  with pytest.raises(mn.UserError, match=r"got the shape \[12, 12\] for"):
    model.fit(np.ones((_B, 3)), np.arange(_B) % 2, verbose=0)
  model.fit(np.ones((_B, 3)), np.ones((_B, 1)), verbose=0)


def test_several_outputs_and_missing_labels_are_refused():
  x = np.ones((_B, 3), np.float32)
  inputs = keras.Input((3,))
  heads = [keras.layers.Dense(1)(inputs), keras.layers.Dense(1)(inputs)]
  for outputs in (heads, dict(zip("ab", heads, strict=True))):
    student = keras.Model(inputs, outputs)
    model = mn.MentoredModel(student, mn.UniformCurriculum(), total_steps=4)
    compile_model(model, "mse")
    y = [np.ones((_B, 1))] * 2
    if isinstance(outputs, dict):
      y = dict(zip("ab", y, strict=True))
    with pytest.raises(mn.UserError, match="expected one output, got 2"):
      model.fit(x, y, verbose=0)
  model = mn.MentoredModel(make_student(1, "mse"), mn.UniformCurriculum(), 4)
  compile_model(model, "mse")
  with pytest.raises(mn.UserError, match="y: expected labels, got none"):
    model.fit(x, verbose=0)


def test_examples_of_sample_weight_zero_enter_no_percentile():
  rng = np.random.default_rng(3)
  x = rng.normal(size=(_B, 3)).astype(np.float32)
  y = np.arange(_B) % 4
  keep = np.arange(_B) < 7
  averages = []
  for data in ((x, y, keep.astype(float)), (x[keep], y[keep])):
    model = mn.MentoredModel(
      make_student(4, "sparse"), mn.ThresholdCurriculum(), total_steps=4
    )
    compile_model(model, _SPARSE["sparse"])
    model.train_on_batch(*data)
    averages.append(float(model.curriculum.loss_moving_average))
  assert averages[0] == averages[1] > 0
