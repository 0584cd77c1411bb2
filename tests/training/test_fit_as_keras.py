"""What users compile and fit, under uniform weights and in plain Keras."""

import keras
import numpy as np
import pytest

import mentornet_tf as mn

_LOSS = {"from_logits": True}


def data():
  rng = np.random.default_rng(4)
  return rng.normal(size=(24, 5)).astype(np.float32), np.arange(24) % 3


class Adds(keras.layers.Layer):
  """Adds a loss per example, a vector."""

  def call(self, x):
    self.add_loss(0.1 * keras.ops.mean(keras.ops.abs(x), axis=-1))
    return x


def functional(policy="float32"):
  keras.utils.set_random_seed(7)
  inputs = keras.Input((5,))
  hidden = keras.layers.Dense(6, "relu", dtype=policy)(inputs)
  hidden = keras.layers.BatchNormalization(dtype=policy)(hidden)
  outputs = keras.layers.Dense(
    3, name="out", dtype="float32", kernel_regularizer="l2"
  )(hidden)
  return keras.Model(inputs, outputs)


def adding():
  keras.utils.set_random_seed(7)
  return keras.Sequential(
    [
      keras.Input((5,)),
      Adds(),
      keras.layers.Dense(3, activity_regularizer="l2"),
    ]
  )


def as_dict():
  model = functional()
  return keras.Model(model.inputs, {"out": model.outputs[0]})


def as_list():
  model = functional()
  return keras.Model(model.inputs, [model.outputs[0]])


def assert_alike(make, fit, *more_fits, plain_fit=None, atol=1e-6, **compiling):
  """Equal weights and logs after `fit(model, x, y)`.

  Args:
    make: builds the student.
    fit: trains it.
    *more_fits: what trains one of the same weights as well.
    plain_fit: what trains it in plain Keras, where `fit` cannot.
    atol: of the weights.
    **compiling: what the models are compiled with.
  """
  compiling = {
    "loss": keras.losses.SparseCategoricalCrossentropy(**_LOSS),
    "optimizer": keras.optimizers.SGD,
  } | compiling
  optimizer = compiling.pop("optimizer")

  def trained(fit_model, wrap):
    student = make()
    model = wrap(student)
    model.compile(optimizer(0.1), **compiling)
    history = fit_model(model, *data()).history
    return student.get_weights(), history

  plain, plain_history = trained(plain_fit or fit, lambda student: student)
  for each in (fit, *more_fits):
    ours, history = trained(
      each,
      lambda student: mn.MentoredModel(student, mn.UniformCurriculum(), 20),
    )
    for a, b in zip(plain, ours, strict=True):
      np.testing.assert_allclose(b, a, atol=atol)
    for name, values in plain_history.items():
      np.testing.assert_allclose(history[name], values, rtol=1e-5, err_msg=name)


def fit_arrays(model, x, y):
  return model.fit(x, y, batch_size=10, epochs=2, shuffle=False, verbose=0)


@pytest.mark.parametrize(
  "compiling",
  [
    {},
    {"jit_compile": True},
    {"run_eagerly": True},
    {"steps_per_execution": 2},
    {"metrics": {"out": ["accuracy"]}, "weighted_metrics": ["accuracy"]},
    pytest.param({"optimizer": keras.optimizers.Adam}, marks=pytest.mark.slow),
    {
      "optimizer": lambda rate: keras.optimizers.SGD(
        rate, gradient_accumulation_steps=2
      )
    },
    {
      "optimizer": lambda rate: keras.optimizers.SGD(
        rate, use_ema=True, ema_momentum=0.5
      )
    },
    {"loss": {"out": "mse"}, "loss_weights": {"out": 2.0}},
  ],
  ids=lambda options: ",".join(options) or "default",
)
def test_compiled_alike(compiling):
  one_hot = "loss" in compiling
  assert_alike(
    functional,
    lambda model, x, y: fit_arrays(model, x, np.eye(3)[y] if one_hot else y),
    **compiling,
  )


@pytest.mark.parametrize(
  "run_eagerly", [True, pytest.param(False, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(
  ("make", "plain_form"),
  [(functional, "bare"), (as_dict, "dict"), (as_list, "list")],
)
def test_labels_in_a_structure(make, plain_form, run_eagerly):
  def fit_labels(form):
    return lambda model, x, y: fit_arrays(
      model, x, {"bare": y, "list": [y], "dict": {"out": y}}[form]
    )

  # Plain Keras takes only some of them.
  plain_fit = fit_labels(plain_form)
  fits = map(fit_labels, ("bare", "list", "dict"))
  assert_alike(make, *fits, plain_fit=plain_fit, run_eagerly=run_eagerly)


@pytest.mark.parametrize(
  "policy",
  [
    "mixed_float16",
    pytest.param("mixed_bfloat16", marks=pytest.mark.slow),
  ],
)
def test_mixed_precision(policy):
  def make():
    student = functional(policy)
    student.dtype_policy = keras.dtype_policies.get(policy)
    return student

  assert_alike(make, fit_arrays, atol=1e-5)


def test_inputs_are_cast_by_the_student_alone():
  """1e5 is infinite in float16; the student's first layer keeps float32."""

  def make():
    keras.utils.set_random_seed(7)
    return keras.Sequential(
      [
        keras.Input((5,)),
        keras.layers.Rescaling(1e-5, dtype="float32"),
        keras.layers.Dense(3, dtype="float32"),
      ]
    )

  before = keras.config.dtype_policy()
  keras.config.set_dtype_policy("mixed_float16")
  try:
    assert_alike(make, lambda m, x, y: fit_arrays(m, 1e5 * x, y))
  finally:
    keras.config.set_dtype_policy(before)


def test_loss_scaling_follows_the_policy_of_the_student():
  student = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
  student.dtype_policy = keras.dtype_policies.get("mixed_float16")
  model = mn.MentoredModel(student, mn.UniformCurriculum(), 4)
  model.compile("sgd", "sparse_categorical_crossentropy")
  assert type(model.optimizer).__name__ == "LossScaleOptimizer"


def test_losses_that_layers_add():
  assert_alike(adding, fit_arrays)


def test_several_calls_and_validation():
  def fit(model, x, y):
    for _ in range(2):
      history = model.fit(
        x,
        y,
        batch_size=8,
        class_weight={0: 0.0, 1: 2.0, 2: 1.0},
        validation_data=(x[:9], y[:9], np.arange(9.0)),
        shuffle=False,
        verbose=0,
      )
    return history

  assert_alike(functional, fit, metrics=["accuracy"])


def test_a_batch_that_overflows_leaves_the_moving_average():
  x, y = data()
  student = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
  model = mn.MentoredModel(student, mn.ThresholdCurriculum(), 20)
  model.compile(
    keras.optimizers.SGD(0.0),
    keras.losses.SparseCategoricalCrossentropy(**_LOSS),
  )
  model.train_on_batch(x, y)
  average = float(model.curriculum.loss_moving_average)
  model.train_on_batch(np.full_like(x, np.nan), y)
  assert float(model.curriculum.loss_moving_average) == average > 0


def test_averages_and_accumulated_gradients_go_together():
  x, y = data()
  model = mn.MentoredModel(
    functional(), mn.ThresholdCurriculum(), 20, weigh_by_average=True
  )
  optimizer = keras.optimizers.SGD(
    0.1, use_ema=True, gradient_accumulation_steps=2
  )
  loss = keras.losses.SparseCategoricalCrossentropy(**_LOSS)
  model.compile(optimizer, loss)
  assert np.isfinite(fit_arrays(model, x, y).history["loss"]).all()


def test_a_students_own_training_is_not_silently_dropped():
  class Own(keras.Model):
    def __init__(self):
      super().__init__()
      self.dense = keras.layers.Dense(3)

    def call(self, x):
      return self.dense(x)

    def compute_loss(self, **kwargs):
      return 5 * super().compute_loss(**kwargs)

  with pytest.warns(UserWarning, match="own compute_loss is not used"):
    mn.MentoredModel(Own(), mn.UniformCurriculum(), 4)


@pytest.mark.parametrize("steps", [10.5, True, None, "10"])
def test_total_steps_are_an_integer(steps):
  with pytest.raises(mn.UserError, match="total_steps: expected an integer"):
    mn.MentoredModel(functional(), mn.UniformCurriculum(), steps)


def test_shapes_that_do_not_fit_are_one_line():
  x, y = data()
  loss = keras.losses.SparseCategoricalCrossentropy(**_LOSS)
  model = mn.MentoredModel(functional(), mn.UniformCurriculum(), 4)
  model.compile("sgd", loss)
  with pytest.raises(mn.UserError, match=r"sample_weight: .*\[24, 2\]"):
    model.train_on_batch(x, y, np.ones((24, 2)))
  student = keras.Sequential(
    [
      keras.Input((5,)),
      keras.layers.Dense(1),
      keras.layers.Reshape(()),
    ]
  )
  model = mn.MentoredModel(student, mn.UniformCurriculum(), 4)
  model.compile("sgd", "mse")
  with pytest.raises(mn.UserError, match=r"student: .*output of the shape \["):
    model.train_on_batch(x, y)
