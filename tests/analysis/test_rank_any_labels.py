"""Rankings of labels by models of any kind, and of any data."""

import csv
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console

import mentornet_tf as mn
from mentornet_tf.analysis import model_ranking
from mentornet_tf.errors import UserError

N, K = 90, 3


def data():
  random = np.random.default_rng(0)
  clean = random.integers(0, K, N)
  x = 3 * np.eye(K)[clean] + random.normal(size=(N, K))
  noisy = random.random(N) < 0.2
  return x.astype(np.float32), np.where(noisy, (clean + 1) % K, clean), clean


X, Y, CLEAN = data()
WEIGHTS = np.random.default_rng(1).normal(size=(K, K)).astype(np.float32)


def model_of(loss, outputs=K, activation=None, wrap=lambda x: x):
  """A linear model with fixed weights."""
  model = keras.Sequential(
    [keras.Input((K,)), keras.layers.Dense(outputs, activation)]
  )
  model.layers[-1].set_weights([WEIGHTS[:, :outputs], np.zeros(outputs)])
  model = wrap(model)
  model.compile("sgd", loss)
  return model


def logits_loss():
  return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def softmax(z):
  odds = np.exp(z - z.max(axis=1, keepdims=True))
  return odds / odds.sum(axis=1, keepdims=True)


LOGITS = X.astype(float) @ WEIGHTS


@pytest.mark.parametrize(
  ("loss", "activation", "labels"),
  [
    (logits_loss(), None, Y),
    (logits_loss(), None, Y[:, None].astype(float)),
    ("sparse_categorical_crossentropy", "softmax", Y),
    ("categorical_crossentropy", "softmax", np.eye(K)[Y]),
    (keras.losses.CategoricalCrossentropy(True), None, np.eye(K)[Y]),
    ("categorical_focal_crossentropy", "softmax", np.eye(K)[Y]),
  ],
)
def test_probabilities_and_losses_are_those_of_the_outputs(
  loss, activation, labels
):
  model = model_of(loss, activation=activation)
  suspects = mn.rank_labels(model, X, labels, batch_size=32)
  expected = softmax(LOGITS)
  own = expected[np.arange(N), Y]
  np.testing.assert_allclose(suspects.pred_probs, expected, atol=1e-6)
  np.testing.assert_allclose(suspects.mean_loss, -np.log(own), rtol=1e-4)
  np.testing.assert_array_equal(suspects.labels, Y)
  np.testing.assert_array_equal(suspects.ids, np.arange(N))
  np.testing.assert_array_equal(suspects.order, np.argsort(own, kind="stable"))
  np.testing.assert_array_equal(suspects.mean_weight, np.ones(N))
  assert suspects.source == "evaluation"
  assert suspects.rank_by == "self_confidence"


@pytest.mark.parametrize(
  ("loss", "activation"),
  [
    ("binary_crossentropy", "sigmoid"),
    (keras.losses.BinaryCrossentropy(from_logits=True), None),
  ],
)
def test_one_output_is_the_probability_of_the_second_class(loss, activation):
  model = model_of(loss, outputs=1, activation=activation)
  labels = np.minimum(Y, 1)
  second = 1 / (1 + np.exp(-LOGITS[:, 0]))
  expected = np.stack([1 - second, second], axis=1)
  for given in (labels, labels[:, None].astype(np.float32), labels > 0):
    suspects = mn.rank_labels(model, X, given)
    np.testing.assert_allclose(suspects.pred_probs, expected, atol=1e-6)
    np.testing.assert_array_equal(suspects.labels, labels)
    np.testing.assert_allclose(
      suspects.mean_loss,
      -np.log(expected[np.arange(N), labels]),
      rtol=1e-4,
      atol=1e-6,
    )


class Batches(keras.utils.PyDataset):
  def __len__(self):
    return 3

  def __getitem__(self, number):
    part = slice(30 * number, 30 * number + 30)
    return X[part], Y[part]


def test_data_sets_give_the_same_as_arrays():
  model = model_of(logits_loss())
  expected = mn.rank_labels(model, X, Y)
  batches = tf.data.Dataset.from_tensor_slices((X, Y)).batch(40)
  for x in (batches, Batches(), list(batches.as_numpy_iterator())):
    suspects = mn.rank_labels(model, x)
    np.testing.assert_array_equal(suspects.labels, Y)
    np.testing.assert_allclose(
      suspects.pred_probs, expected.pred_probs, atol=1e-6
    )


def test_inputs_may_be_dicts_of_texts_and_numbers():
  texts = np.array(["ham", "spam", "ham spam"])[Y]
  layer = keras.layers.TextVectorization(
    vocabulary=["ham", "spam"], output_mode="multi_hot"
  )
  inputs = {
    "text": keras.Input((), dtype="string", name="text"),
    "size": keras.Input((1,), name="size"),
  }
  joined = keras.layers.Concatenate()([layer(inputs["text"]), inputs["size"]])
  model = keras.Model(inputs, keras.layers.Dense(K, "softmax")(joined))
  model.compile("sgd", "sparse_categorical_crossentropy")
  x = {
    "text": tf.constant(texts),
    "size": X[:, :1],
  }
  suspects = mn.rank_labels(model, x, Y)
  np.testing.assert_allclose(
    suspects.pred_probs, model.predict(x, verbose=0), atol=1e-6
  )


def test_a_mentored_model_gives_its_weights():
  def mentored(student):
    return mn.MentoredModel(student, mn.ThresholdCurriculum(), total_steps=20)

  model = model_of(logits_loss(), wrap=mentored)
  untrained = mn.rank_labels(model, X, Y)
  np.testing.assert_array_equal(untrained.mean_weight, np.ones(N))
  model.fit(X, Y, epochs=2, verbose=0)
  suspects = mn.rank_labels(model, X, Y, rank_by="weight")
  np.testing.assert_allclose(suspects.mean_weight, model.weigh(X, Y))
  assert set(suspects.mean_weight) == {0.0, 1.0}
  np.testing.assert_allclose(
    suspects.pred_probs, softmax(model.predict(X, verbose=0)), atol=1e-6
  )


def test_files_are_written_without_images(tmp_path):
  names = ["ant", "bee", "=cat"]
  paths = [f"{names[label]}/{i}.jpg" for i, label in enumerate(Y)]
  suspects = mn.rank_labels(
    model_of(logits_loss()),
    X,
    Y,
    ids=np.arange(N) + 100,
    clean_labels=CLEAN,
    paths=paths,
    class_names=names,
    output_dir=tmp_path,
  )
  assert sorted(path.name for path in tmp_path.iterdir()) == [
    "metrics.json",
    "pred_probs.npz",
    "suspect_labels.csv",
    "weight_against_loss.png",
  ]
  with (tmp_path / "suspect_labels.csv").open(newline="") as file:
    rows = list(csv.DictReader(file))
  for row, i in zip(rows, suspects.order, strict=True):
    assert int(row["id"]) == i + 100
    assert row["path"] == paths[i]
    assert row["given_class"] == names[Y[i]]
    assert row["clean_class"] == names[CLEAN[i]]
  metrics = json.loads((tmp_path / "metrics.json").read_text())
  assert metrics["noise_estimate"] == suspects.summary().as_json()
  assert metrics["source"] == "evaluation"
  assert metrics["quality"]["num_wrong"] == np.sum(Y != CLEAN)


def test_progress_is_shown_on_a_terminal(monkeypatch):
  shown = []

  class Bar(model_ranking.ProgressBar):
    def __init__(self, description, console=None, *, total):
      shown.append((description, console, total))
      super().__init__(description, console or Console(quiet=True), total=total)

    def advance(self, count=1):
      shown.append(count)
      super().advance(count)

  monkeypatch.setattr(model_ranking, "ProgressBar", Bar)
  mn.rank_labels(model_of(logits_loss()), X, Y, batch_size=40)
  assert shown == [("ranking", None, 3), 1, 1, 1]


def regression():
  return model_of("mse", outputs=1)


@pytest.mark.parametrize(
  ("make", "labels", "message"),
  [
    (regression, Y, "model: expected a classifier .* got mean_squared_error"),
    (
      lambda: model_of("binary_crossentropy", activation="sigmoid"),
      np.eye(K)[Y],
      "model: expected probabilities that sum to 1, .* several labels",
    ),
    (
      lambda: model_of(keras.losses.BinaryCrossentropy(from_logits=True)),
      np.eye(K)[Y],
      "model: expected one class per example, got 3 outputs",
    ),
    (
      lambda: model_of("sparse_categorical_crossentropy"),
      Y,
      "model: expected probabilities .* from_logits=True",
    ),
    (
      lambda: model_of("sparse_categorical_crossentropy", 1, "sigmoid"),
      Y,
      "model: expected an output per class for its loss, got one",
    ),
    (
      lambda: model_of(logits_loss()),
      Y + 1,
      # Of all labels, not of the first batch.
      r"y: expected classes from 0 to 2, .* shape \[90\] from 1 to 3",
    ),
    (
      lambda: model_of(logits_loss()),
      np.array(["ant", "bee", "cow"])[Y],
      "y: expected numbers of classes from 0 to 2, got names such as '[a-z]+';"
      " number them as in training",
    ),
    (
      lambda: model_of("categorical_crossentropy", activation="softmax"),
      np.full((N, K), 1 / 3),
      "y: expected one class per example, got rows with several",
    ),
    (lambda: model_of(None), Y, "outputs: expected 'logits' or 'probab"),
    (lambda: model_of(logits_loss()), Y[:5], "x, y: expected as many labels"),
    (lambda: model_of(logits_loss()), None, "y: expected the labels of x"),
    (lambda: regression, Y, "model: expected a Keras model or the path"),
  ],
)
def test_what_has_no_classes_is_refused(make, labels, message):
  with pytest.raises(UserError, match=message) as caught:
    mn.rank_labels(make(), X, labels)
  assert "\n" not in str(caught.value)


def test_outputs_of_other_losses_are_as_said():
  model = model_of(None)
  suspects = mn.rank_labels(model, X, Y, outputs="logits")
  np.testing.assert_allclose(suspects.pred_probs, softmax(LOGITS), atol=1e-6)
  with pytest.raises(UserError, match="outputs: expected one of detect"):
    mn.rank_labels(model, X, Y, outputs="scores")


def test_data_in_another_order_with_each_pass_are_refused():
  model = model_of(logits_loss())
  batches = tf.data.Dataset.from_tensor_slices((X, Y))
  shuffled = batches.shuffle(N, seed=0).batch(32)
  for x, message in (
    (shuffled, "x: expected the same batches in every pass"),
    (batches.batch(32).repeat(), "x: expected a finite data set"),
    (iter(batches.batch(32)), "x: expected a data set that can be read again"),
    (batches.take(0).batch(32), "x: expected at least one example"),
    (None, "x: expected the inputs whose labels"),
  ):
    with pytest.raises(UserError, match=message):
      mn.rank_labels(model, x)


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"rank_by": "entropy"}, "rank_by: expected one of loss, weight, self"),
    ({"batch_size": 0}, "batch_size: expected at least 1, got 0"),
    ({"ids": [1] * N}, "ids: expected 90 different whole numbers, got 1"),
    ({"paths": ["a"]}, "paths: expected 90, got 1"),
    ({"class_names": ["a"]}, "class_names: expected 3, got 1"),
    ({"clean_labels": [0]}, "clean_labels: expected 90, got 1"),
    ({"checkpoints": 3}, "checkpoints: expected none for the ranking by a mod"),
    ({"fit_arguments": {}}, "fit_arguments: expected them with `folds` only"),
  ],
)
def test_arguments_that_do_not_fit_are_refused(options, message):
  with pytest.raises(UserError, match=message):
    mn.rank_labels(model_of(logits_loss()), X, Y, **options)


def test_options_of_models_are_refused_for_folders(tmp_path):
  with pytest.raises(
    UserError, match=r"folds: expected none .* training folder"
  ):
    mn.rank_labels(tmp_path, tmp_path, folds=5)
  with pytest.raises(UserError, match="y: expected none beside a training fol"):
    mn.rank_labels(tmp_path, tmp_path, Y)
  with pytest.raises(TypeError, match="'checkpointz'"):
    mn.rank_labels(tmp_path, tmp_path, checkpointz=5)
  with (
    pytest.warns(DeprecationWarning, match="data_dir is now called x"),
    pytest.warns(DeprecationWarning, match="train_log_dir is now called model"),
    pytest.raises(UserError, match=r"run\.json"),
  ):
    mn.rank_labels(train_log_dir=tmp_path, data_dir=tmp_path)


@pytest.mark.parametrize("name", ["loss", "weight"])
def test_arrays_must_be_finite(name):
  probabilities = softmax(LOGITS)
  with pytest.raises(UserError, match=f"{name}: expected one finite number"):
    mn.SuspectLabels.from_arrays(Y, probabilities, **{name: np.full(N, np.nan)})


def test_issues_of_a_model_are_those_of_its_ranking():
  model = model_of(logits_loss())
  ranking = mn.rank_labels(model, X, Y)
  expected = mn.find_label_issues(Y, ranking.pred_probs)
  np.testing.assert_array_equal(mn.find_label_issues(model, X, Y), expected)
  np.testing.assert_array_equal(mn.find_label_issues(ranking), expected)
  np.testing.assert_array_equal(
    mn.label_quality(model, X, Y), mn.label_quality(ranking)
  )
  with pytest.raises(UserError, match="pred_probs: expected none beside a ran"):
    mn.find_label_issues(ranking, X)
  with pytest.raises(TypeError, match="'folds'"):
    mn.find_label_issues(Y, ranking.pred_probs, folds=2)
