"""Weights of examples outside training: `MentoredModel.weigh`."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import mentornet_tf as mn

_LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def data(count=48):
  rng = np.random.default_rng(0)
  return rng.normal(size=(count, 4, 4, 1)).astype(np.float32), (
    np.arange(count) % 3
  )


def mentored(curriculum, **options):
  keras.utils.set_random_seed(5)
  student = keras.Sequential(
    [
      keras.Input((4, 4, 1)),
      keras.layers.Flatten(),
      keras.layers.Dense(8, "relu"),
      keras.layers.Dense(3),
    ]
  )
  model = mn.MentoredModel(student, curriculum, 40, **options)
  model.compile(keras.optimizers.SGD(0.1), _LOSS)
  return model


def fit(model, **options):
  x, y = data()
  return model.fit(x, y, batch_size=16, verbose=0, **options)


class _Batches(keras.utils.PyDataset):
  def __init__(self, x, y):
    super().__init__()
    self._x, self._y = x, y

  @property
  def num_batches(self):
    return 4

  def __getitem__(self, index):
    part = slice(13 * index, 13 * (index + 1))
    return self._x[part], self._y[part]


def test_examples_are_weighed_in_their_order_without_an_update():
  x, y = data(50)
  model = mentored(mn.FormulaCurriculum("spcl_linear"))
  fit(model, epochs=2)
  logits = model.predict(x, verbose=0).astype(float)
  losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(50), y]
  average = float(model.curriculum.loss_moving_average)
  expected = np.clip(1 - (losses - average), 0, 1)
  state = [v.numpy() for v in model.variables]
  sets = {
    "arrays": (x, y),
    "Dataset": (tf.data.Dataset.from_tensor_slices((x, y)).batch(13),),
    "PyDataset": (_Batches(x, y),),
    "generator": ((each for each in [(x[:9], y[:9]), (x[9:], y[9:])]),),
  }
  for name, examples in sets.items():
    got = model.weigh(*examples)
    np.testing.assert_allclose(got, expected, atol=1e-5, err_msg=name)
  for before, after in zip(state, model.variables, strict=True):
    np.testing.assert_array_equal(before, after.numpy())
  assert len(set(expected.round(3))) > 10
  unused = [(x[:5], y[:5], np.arange(5) % 2)]
  np.testing.assert_allclose(
    model.weigh(unused), expected[:5] * [0, 1, 0, 1, 0], atol=1e-5
  )
  with pytest.raises(mn.UserError, match="expected at least one example"):
    model.weigh(x[:0], y[:0])


def test_the_ema_student_weighs_examples_where_it_weighs_batches():
  x, y = data()
  model = mentored(mn.FormulaCurriculum("spcl_linear"), weigh_by_average=True)
  model.compile(
    keras.optimizers.SGD(0.2, use_ema=True, ema_momentum=0.9), _LOSS
  )
  for _ in range(5):  # `fit` would end with the averages as weights
    model.train_on_batch(x, y)
  got = model.weigh(x, y)
  own = model.student.get_weights()
  model.optimizer.finalize_variable_values(model.trainable_variables)
  np.testing.assert_allclose(model.weigh(x, y), got, atol=1e-6)
  model.student.set_weights(own)
  model.weigh_by_average = False
  assert np.abs(model.weigh(x, y) - got).max() > 1e-3


def test_what_cannot_be_weighed_is_one_line():
  x, y = data()
  model = mentored(mn.ThresholdCurriculum())
  with pytest.raises(mn.UserError, match="weigh: expected a model that has tr"):
    model.weigh(x, y)
  fit(model)
  with pytest.raises(mn.UserError, match="x, y: expected as many labels"):
    model.weigh(x, y[:-1])
  with pytest.raises(mn.UserError, match="y: expected the labels of x"):
    model.weigh(x)
  got = model.weigh(x.tolist(), y.tolist())
  np.testing.assert_array_equal(got, model.weigh(x, y))
