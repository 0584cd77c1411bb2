"""The memory of `fit` equals averages by hand, on every kind of data."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras_backend import OTHER_BACKENDS, run_under
from memory_fits import (
  CLASSES,
  EXAMPLES,
  data,
  fitted_on_arrays,
  memory_model,
  student,
)
from memory_mentored_fits import fitted_with_memory

import mentornet_tf as mn


def test_the_memory_of_arrays_is_that_by_hand():
  fitted_on_arrays()


@pytest.mark.parametrize("backend", OTHER_BACKENDS)
def test_other_back_ends_remember_the_same(backend):
  run_under(backend, fitted_with_memory)


@pytest.mark.parametrize("batched", [False, True])
def test_a_data_set_is_numbered_before_it_is_shuffled(batched):
  x, y = data()
  weight = np.where(np.arange(EXAMPLES) % 5 == 0, 0, 1).astype(np.float32)
  examples = tf.data.Dataset.from_tensor_slices((x, y, weight))
  if batched:
    indexed = mn.with_index(examples.batch(4), batched=True).unbatch()
  else:
    indexed = mn.with_index(examples)
  model = memory_model(steps_per_execution=2)
  recorded = []
  batches = indexed.shuffle(EXAMPLES, seed=1).batch(4, drop_remainder=False)
  for xs, _, _ in batches:
    at = xs["example_index"].numpy()
    np.testing.assert_array_equal(xs["inputs"], x[at])
    recorded.append(at)
  assert sorted(np.concatenate(recorded)) == list(range(EXAMPLES))
  model.fit(batches, epochs=3, verbose=0)
  memory = model.memory.examples
  # Examples with a sample weight of 0 are absent.
  np.testing.assert_array_equal(memory.visits, np.where(weight > 0, 3, 0))
  np.testing.assert_array_equal(memory.labels, np.where(weight > 0, y, -1))
  np.testing.assert_array_equal(model.memory.labels, memory.labels)
  np.testing.assert_array_equal(np.isnan(memory.mean_loss), weight == 0)
  np.testing.assert_array_equal(
    np.isnan(memory.probabilities).any(1), weight == 0
  )


def test_structures_of_inputs_reach_the_student():
  x, y = data()
  inputs = {"a": keras.Input((3,), name="a"), "b": keras.Input((3,), name="b")}
  merged = keras.layers.Concatenate()([inputs["a"], inputs["b"]])
  net = keras.Model(inputs, keras.layers.Dense(CLASSES)(merged))
  model = memory_model(net=net)
  parts = {"a": x[:, :3], "b": x[:, 3:]}
  model.fit(
    mn.with_index(parts), y, batch_size=4, verbose=0, validation_split=0.25
  )
  last = EXAMPLES * 3 // 4
  assert model.memory.examples.visits.tolist() == [1] * last + [0] * (
    EXAMPLES - last
  )
  assert model.predict(parts, verbose=0).shape == (EXAMPLES, CLASSES)


class Batches(keras.utils.PyDataset):
  def __init__(self, sizes):
    super().__init__()
    self.ends = np.cumsum(sizes)
    self.sizes = sizes

  def __len__(self):
    return len(self.sizes)

  def __getitem__(self, number):
    x, y = data()
    end = self.ends[number]
    part = slice(end - self.sizes[number], end)
    return x[part], y[part]


def test_the_batches_of_a_py_dataset_are_numbered():
  indexed = mn.with_index(Batches([5, 5, 2]))
  model = memory_model()
  model.fit(indexed, epochs=2, shuffle=True, verbose=0)
  assert model.memory.examples.visits.tolist() == [2] * EXAMPLES
  with pytest.raises(
    mn.UserError, match=r"^data: expected 5 examples in batch"
  ):
    _ = mn.with_index(Batches([5, 2, 5]))[1]


def test_images_on_the_device_have_an_index():
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, (EXAMPLES, 6, 6, 1)).astype(np.uint8)
  _, y = data()
  net = keras.Sequential(
    [
      keras.Input((6, 6, 1)),
      keras.layers.Flatten(),
      keras.layers.Dense(CLASSES),
    ]
  )
  model = memory_model(net=net)
  model.fit(mn.DeviceImages(images, y, batch_size=4), epochs=2, verbose=0)
  memory = model.memory.examples
  assert memory.visits.tolist() == [2] * EXAMPLES
  np.testing.assert_array_equal(memory.labels, y)


def test_one_hot_labels_and_probabilities():
  x, y = data()
  net = keras.Sequential(
    [keras.Input((6,)), keras.layers.Dense(CLASSES, "softmax")]
  )
  model = memory_model(net=net, loss="categorical_crossentropy")
  weights = net.get_weights()
  one_hot = keras.ops.one_hot(y, CLASSES)
  model.train_on_batch(mn.with_index(x), one_hot)
  memory = model.memory.examples
  net.set_weights(weights)
  np.testing.assert_allclose(memory.probabilities, net(x), rtol=1e-5)
  np.testing.assert_array_equal(memory.labels, y)


def test_a_binary_classifier_has_two_classes():
  x, y = data()
  net = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
  net.build()
  expected = 1 / (1 + np.exp(-np.asarray(net(x), np.float64)[:, 0]))
  model = memory_model(
    net=net,
    loss=keras.losses.BinaryCrossentropy(from_logits=True),
    memory=mn.TrainingMemory(EXAMPLES, 2),
  )
  model.train_on_batch(mn.with_index(x), (y > 0).astype(np.float32))
  memory = model.memory.examples
  np.testing.assert_allclose(memory.probabilities[:, 1], expected, rtol=1e-5)
  np.testing.assert_array_equal(memory.labels, y > 0)


def test_the_averaged_student_is_remembered_where_it_weighs():
  x, y = data()
  optimizer = keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.5)
  model = memory_model(
    optimizer=optimizer,
    curriculum=mn.FormulaCurriculum("self_paced"),
    weigh_by_average=True,
    memory=mn.TrainingMemory(EXAMPLES, CLASSES, decay=0.0),  # the last visit
  )
  for _ in range(3):
    averages = [v.numpy() for v in optimizer.variables if "average" in v.path]
    model.train_on_batch(mn.with_index(x), y)
  kernel, bias = averages
  logits = x @ kernel + bias
  exp = np.exp(logits - logits.max(1, keepdims=True))
  np.testing.assert_allclose(
    model.memory.examples.probabilities,
    exp / exp.sum(1, keepdims=True),
    rtol=1e-4,
  )


def test_a_continued_fit_remembers_the_same(tmp_path):
  x, y = data()
  whole = memory_model()
  fitting = {"batch_size": 5, "epochs": 4, "shuffle": False, "verbose": 0}
  whole.fit(mn.with_index(x), y, **fitting)

  class Killed(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
      if epoch == 2:
        raise KeyboardInterrupt

  def backup():
    return keras.callbacks.BackupAndRestore(tmp_path)

  with pytest.raises(KeyboardInterrupt):
    memory_model().fit(
      mn.with_index(x), y, callbacks=[backup(), Killed()], **fitting
    )
  parts = memory_model()
  parts.fit(mn.with_index(x), y, callbacks=[backup()], **fitting)
  a, b = whole.memory.examples, parts.memory.examples
  assert b.visits.tolist() == [4] * EXAMPLES
  for name in ("probabilities", "mean_loss", "mean_weight", "agreement"):
    np.testing.assert_array_equal(getattr(a, name), getattr(b, name), name)


def test_a_saved_model_keeps_its_memory_and_predicts_as_its_student(tmp_path):
  x, y = data()
  model = memory_model()
  model.fit(mn.with_index(x), y, batch_size=4, verbose=0)
  model.save(tmp_path / "model.keras")
  loaded = keras.models.load_model(tmp_path / "model.keras")
  for name in ("probabilities", "mean_loss", "visits", "labels"):
    np.testing.assert_array_equal(
      getattr(loaded.memory.examples, name),
      getattr(model.memory.examples, name),
    )
  np.testing.assert_array_equal(
    loaded.predict(x, verbose=0), model.student.predict(x, verbose=0)
  )
  model.export(tmp_path / "exported", verbose=False)
  exported = tf.saved_model.load(tmp_path / "exported")
  np.testing.assert_allclose(
    exported.serve(x), model.predict(x, verbose=0), rtol=1e-5
  )


def test_the_memory_changes_no_training():
  x, y = data()
  model, without = memory_model(), memory_model(memory=None)
  fitting = {"batch_size": 4, "epochs": 2, "shuffle": False, "verbose": 0}
  model.fit(mn.with_index(x), y, **fitting)
  without.fit(x, y, **fitting)
  for a, b in zip(
    model.student.get_weights(),
    without.student.get_weights(),
    strict=True,
  ):
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
  ("index", "message"),
  [
    (np.arange(EXAMPLES) + 1, "got others at 1 visits"),
    (np.roll(np.arange(EXAMPLES), 1), "same label at each visit"),
  ],
)
def test_indices_of_other_examples_are_refused(index, message):
  x, y = data()
  model = memory_model()
  if message.startswith("same"):
    model.fit(mn.with_index(x), y, batch_size=4, verbose=0)
  with pytest.raises(mn.UserError, match=f"^index: .*{message}"):
    model.fit(mn.with_index(x, index.astype(np.int32)), y, epochs=2, verbose=0)
  with pytest.raises(mn.UserError, match=message):
    _ = model.memory.examples


def test_a_data_set_that_was_shuffled_before_is_noticed():
  x, y = data()
  examples = tf.data.Dataset.from_tensor_slices((x, y))
  shuffled = examples.shuffle(EXAMPLES)
  with pytest.raises(mn.UserError, match=r"^data: .* before data are shuffled"):
    mn.with_index(shuffled.batch(4).prefetch(1), batched=True)
  for same in (
    examples.shuffle(EXAMPLES, reshuffle_each_iteration=False),
    shuffled.cache().map(lambda x, y: (x, y)),
  ):
    orders = [[float(x[0, 0]) for x, _ in same.batch(1)] for _ in range(2)]
    assert orders[0] == orders[1]
    mn.with_index(same)


def test_an_order_that_nothing_tells_is_noticed_by_the_labels():
  x, y = data()
  rng = np.random.default_rng(0)
  hidden = tf.data.Dataset.from_generator(
    lambda: ((x[i], y[i]) for i in rng.permutation(EXAMPLES)),
    output_signature=(
      tf.TensorSpec(x.shape[1:], x.dtype),
      tf.TensorSpec((), y.dtype),
    ),
  )
  model = memory_model()
  with pytest.raises(mn.UserError, match="before data are shuffled"):
    model.fit(mn.with_index(hidden).batch(4), epochs=9, verbose=0)


def test_batches_that_were_numbered_as_examples_are_refused():
  batches = tf.data.Dataset.from_tensor_slices(data()).batch(4)
  with pytest.raises(mn.UserError, match=r"^x: .*one per batch.*batched=True"):
    memory_model().fit(mn.with_index(batches), verbose=0)


def test_what_cannot_be_remembered_is_refused():
  x, y = data()
  with pytest.raises(mn.UserError, match=r"^x: expected inputs with the index"):
    memory_model().fit(x, y, verbose=0)
  wrong = memory_model(memory=mn.TrainingMemory(EXAMPLES, CLASSES + 1))
  with pytest.raises(mn.UserError, match=r"^num_classes: expected 3"):
    wrong.fit(mn.with_index(x), y, verbose=0)

  def own_loss(y_true, y_pred):
    return keras.losses.sparse_categorical_crossentropy(
      y_true, y_pred, from_logits=True
    )

  with pytest.raises(mn.UserError, match=r"^from_logits: expected True or"):
    memory_model(loss=own_loss).fit(mn.with_index(x), y, verbose=0)
  told = mn.TrainingMemory(EXAMPLES, CLASSES, from_logits=True)
  memory_model(loss=own_loss, memory=told).fit(mn.with_index(x), y, verbose=0)
  with pytest.raises(mn.UserError, match=r"^memory: expected a TrainingMemory"):
    mn.MentoredModel(student(), mn.UniformCurriculum(), 1, memory="yes")
  with pytest.raises(mn.UserError, match="mentornet train"):
    mn.TrainingMemory(10**6, 1000)
  for arguments in ((0, 2), (2, 1), (2.0, 2)):
    with pytest.raises(mn.UserError, match=r"^num_"):
      mn.TrainingMemory(*arguments)
  for ill in ((each for each in x), [1, 2], {"a": x, "b": y[:3]}):
    with pytest.raises(mn.UserError, match=r"^data: expected arrays with as"):
      mn.with_index(ill)
  with pytest.raises(mn.UserError, match=r"^data: expected elements"):
    mn.with_index(tf.data.Dataset.from_tensor_slices(x))


def test_the_snippets_of_the_documents_run(monkeypatch):
  page = Path(__file__).resolve().parents[3] / "docs" / "fit.md"
  kept, seen = re.findall(r"```py\n(.*?)```", page.read_text(), re.DOTALL)
  rng = np.random.default_rng(0)
  names = {
    "mn": mn,
    "np": np,
    "student": keras.Sequential([keras.Input((6,)), keras.layers.Dense(10)]),
    "curriculum": mn.UniformCurriculum(),
    "total_steps": 4,
    "loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    "images": rng.standard_normal((40, 6)).astype(np.float32),
    "labels": rng.integers(0, 10, 40),
  }
  exec(kept, names)
  order = names["suspects"].order
  np.testing.assert_array_equal(
    order, np.argsort(-names["memory"].examples.score)
  )
  assert set(names["memory"].examples.visits) == {2}
  monkeypatch.setattr(mn, "load_mentor", lambda path: mn.MemoryMentor())
  exec(seen, names)
  memory = names["model"].memory.examples
  assert np.ptp(memory.mean_weight) > 0 and set(memory.visits) == {2}
