"""Learning: quality, resuming, and what the folder holds."""

import json
import os
import shutil

import numpy as np
import pytest

from mentornet_tf.curricula.mentor_network import MentorNet
from mentornet_tf.curricula.mentors import load_mentor
from mentornet_tf.curricula.target_weights import target_weights
from mentornet_tf.errors import UserError
from mentornet_tf.internal.folder_lock import locked
from mentornet_tf.mentor_training.examples import (
  MentorExamples,
  predefined_examples,
)
from mentornet_tf.mentor_training.mentor_trainer import (
  build_mentor,
  train_mentor,
)
from mentornet_tf.mentor_training.recipes import MentorRecipe, original_recipe

SHORT = MentorRecipe(steps=40, batch_size=64, warmup_steps=5)


@pytest.fixture(scope="module")
def few_examples():
  return predefined_examples("mentornet_pd", sample_size=1000, seed=1)


def refused(function, *args, **kwargs):
  with pytest.raises(UserError) as caught:
    function(*args, **kwargs)
  assert "\n" not in str(caught.value)
  return str(caught.value)


@pytest.mark.parametrize("name", ["mentornet_pd", "hard_example_mining"])
def test_the_default_recipe_learns_hard_curricula(name):
  # The bound on the test error for every seed; a quarter of the steps does.
  examples = predefined_examples(name, sample_size=30_000, seed=11)
  recipe = MentorRecipe(steps=500)
  mentor = build_mentor("mentornet", recipe, seed=11)
  report = train_mentor(mentor, examples, recipe, seed=11)
  assert report.test_mse <= 0.005
  assert report.train_mse <= 0.005
  weights = 1 / (1 + np.exp(-mentor(examples.test_features).numpy()[:, 0]))
  error = np.mean((weights - examples.test_targets) ** 2)
  assert report.test_mse == pytest.approx(error, rel=1e-3)


def test_reports_come_with_every_pass_and_fall(few_examples):
  reports = []
  mentor = build_mentor("mentornet", SHORT)
  last = train_mentor(mentor, few_examples, SHORT, on_report=reports.append)
  assert [report.step for report in reports] == [12, 24, 36, 40]
  assert reports[-1] == last
  assert reports[0].epoch == pytest.approx(12 * 64 / 800)
  assert last.train_loss < reports[0].train_loss
  assert last.test_mse < reports[0].test_mse


class Stopped(Exception):
  pass


@pytest.mark.parametrize("form", ["mentornet", "mlp"])
def test_a_resumed_run_equals_an_uninterrupted_one(
  tmp_path, few_examples, form
):
  def learn(folder, on_report=None):
    mentor = build_mentor(form, SHORT, seed=2)
    report = train_mentor(
      mentor,
      few_examples,
      SHORT,
      seed=3,
      folder=folder,
      on_report=on_report,
    )
    return report, mentor

  def stop(report):
    if report.step == 24:
      raise Stopped

  whole, first = learn(tmp_path / "whole")
  with pytest.raises(Stopped):
    learn(tmp_path / "parts", stop)
  assert "mentor.keras" not in os.listdir(tmp_path / "parts")
  seen = []
  parts, second = learn(tmp_path / "parts", lambda r: seen.append(r.step))
  assert seen == [36, 40]
  assert parts == whole
  again, third = learn(tmp_path / "parts", stop)  # nothing is left to do
  assert again == whole
  for weights in zip(first.weights, second.weights, third.weights, strict=True):
    np.testing.assert_array_equal(weights[0], weights[1])
    np.testing.assert_array_equal(weights[0], weights[2])


def test_the_folder_holds_mentor_and_summary(tmp_path, few_examples):
  mentor = build_mentor("mentornet", SHORT, seed=2)
  report = train_mentor(mentor, few_examples, SHORT, seed=3, folder=tmp_path)
  assert sorted(os.listdir(tmp_path)) == [
    "learning_state.npz",
    "mentor.keras",
    "training.json",
  ]
  features = few_examples.test_features.astype(np.float32)
  loaded = load_mentor(tmp_path)
  np.testing.assert_array_equal(loaded(features), mentor(features))
  summary = json.loads((tmp_path / "training.json").read_text())
  assert summary["final"]["test_mse"] == report.test_mse
  assert summary["recipe"]["steps"] == 40
  assert summary["seed"] == 3
  assert summary["form_settings"]["seed"] == 2
  assert summary["examples"]["curriculum"] == "mentornet_pd"
  assert set(summary["versions"]) >= {"tensorflow", "keras", "numpy"}
  assert len(summary["reports"]) == 4


@pytest.fixture(scope="module")
def finished_folder(tmp_path_factory, few_examples):
  folder = tmp_path_factory.mktemp("finished")
  train_mentor(
    build_mentor("mentornet", SHORT), few_examples, SHORT, folder=folder
  )
  return folder


@pytest.mark.parametrize("what", ["seed", "recipe", "form", "examples"])
def test_another_runs_folder_is_refused(finished_folder, few_examples, what):
  recipe, form, examples = SHORT, "mentornet", few_examples
  if what == "recipe":
    recipe = MentorRecipe(steps=41, batch_size=64, warmup_steps=5)
  if what == "form":
    form = "mlp"
  if what == "examples":
    examples = predefined_examples("self_paced", sample_size=1000, seed=1)
  message = refused(
    train_mentor,
    build_mentor(form, recipe),
    examples,
    recipe,
    seed=int(what == "seed"),
    folder=finished_folder,
  )
  assert f"expected a run with {what} " in message
  assert "choose another folder" in message


@pytest.fixture(scope="module")
def logistic_folder(tmp_path_factory, few_examples):
  folder = tmp_path_factory.mktemp("logistic")
  mentor = build_mentor("logistic", SHORT)
  train_mentor(mentor, few_examples, SHORT, folder=folder)
  return folder


@pytest.mark.parametrize("kept", [0, 300])
def test_a_damaged_state_is_refused(
  tmp_path, few_examples, logistic_folder, kept
):
  mentor = build_mentor("logistic", SHORT)
  shutil.copytree(logistic_folder, tmp_path, dirs_exist_ok=True)
  state = tmp_path / "learning_state.npz"
  state.write_bytes(state.read_bytes()[:kept])
  message = refused(train_mentor, mentor, few_examples, SHORT, folder=tmp_path)
  assert "got a damaged file; remove it" in message


@pytest.mark.parametrize(
  "change",
  [
    {"weights": np.zeros(1, np.float32)},
    {"mean": np.array("text")},
    {"step": np.zeros(3, np.int64)},
    {"record": "[]"},
    {"record": "{}"},
    {"record": '{"settings": 1, "seconds": 1, "reports": []}'},
    {"record": '{"settings": {}, "seconds": "x", "reports": []}'},
    {"record": '{"settings": {}, "seconds": 1, "reports": [{"a": 1}]}'},
  ],
)
def test_a_state_of_something_else_is_refused(
  tmp_path, few_examples, logistic_folder, change
):
  mentor = build_mentor("logistic", SHORT)
  shutil.copytree(logistic_folder, tmp_path, dirs_exist_ok=True)
  state = tmp_path / "learning_state.npz"
  with np.load(state) as file:
    arrays = dict(file)
  np.savez(state, **{**arrays, **change})
  message = refused(train_mentor, mentor, few_examples, SHORT, folder=tmp_path)
  assert "got a damaged file; remove it" in message


def test_two_trainings_do_not_share_a_folder(tmp_path, few_examples):
  mentor = build_mentor("logistic", SHORT)
  with locked(tmp_path, "train a mentor"):
    message = refused(
      train_mentor, mentor, few_examples, SHORT, folder=tmp_path
    )
  assert "expected no other process to train a mentor here" in message
  assert not list(tmp_path.iterdir())


def test_epochs_without_examples_lie_between_their_neighbours():
  generator = np.random.default_rng(0)
  features = generator.uniform(0, 3, (200, 4))
  features[:, 2] = 0
  features[:, 3] = generator.choice([20, 40, 100], 200)
  targets = target_weights("focal_loss", features)
  examples = MentorExamples(features, targets, features, targets)
  mentor = build_mentor("mentornet", SHORT)
  train_mentor(mentor, examples, SHORT)
  table = np.asarray(mentor.epoch_embedding)
  np.testing.assert_allclose(table[:20], np.repeat(table[20:21], 20, 0))
  middle = (table[20] + table[40]) / 2
  np.testing.assert_allclose(table[30], middle, atol=1e-6)
  assert np.any(np.abs(table[40] - table[99]) > 1e-3)
  frozen = MentorNet(seed=5)
  before = np.array(frozen.epoch_embedding)
  train_mentor(frozen, examples, SHORT)
  np.testing.assert_array_equal(frozen.epoch_embedding, before)


def test_few_examples_make_smaller_batches():
  features = np.float64([[1, -1, 0, 5], [1, 1, 0, 5], [2, -1, 0, 50]])
  targets = np.float64([1, 0, 1])
  examples = MentorExamples(features, targets, features, targets)
  reports = []
  recipe = MentorRecipe(steps=300)
  train_mentor(
    build_mentor("mentornet", recipe),
    examples,
    recipe,
    on_report=reports.append,
  )
  assert len(reports) == 50
  assert reports[-1].test_mse < 0.01


def test_a_loss_that_is_not_finite_stops_the_training(few_examples):
  recipe = MentorRecipe(steps=20, learning_rate=1e38, warmup_steps=0)
  message = refused(
    train_mentor, build_mentor("logistic", recipe), few_examples, recipe
  )
  assert "expected finite losses" in message
  assert "choose a lower rate than 1e+38" in message


def test_unknown_forms_are_refused():
  message = refused(build_mentor, "tree", SHORT)
  assert "expected mentornet, logistic, mlp, memory, got 'tree'" in message


@pytest.mark.parametrize(
  ("setting", "value", "message"),
  [
    ("steps", 0, "steps: expected a whole number >= 1, got 0"),
    ("batch_size", -1, "batch_size: expected a whole number >= 1, got -1"),
    ("learning_rate", 0, "learning_rate: expected a finite number > 0, got 0"),
    ("learning_rate", float("nan"), "got nan"),
    ("learning_rate", float("inf"), "got inf"),
    ("warmup_steps", -1, "warmup_steps: expected a number >= 0"),
    ("clip_norm", 0, "clip_norm: expected a number > 0 or None, got 0"),
    ("loss", "l1", "loss: expected auto or cross_entropy or squared_error"),
    ("schedule", "flat", "schedule: expected cosine or staircase, got 'flat'"),
  ],
)
def test_settings_out_of_range_are_refused(setting, value, message):
  assert message in refused(MentorRecipe, **{setting: value})


def test_schedules():
  rates = MentorRecipe(steps=1000, learning_rate=1.0).learning_rates(0, 1001)
  assert rates.argmax() == pytest.approx(100, abs=2)
  assert rates[0] == pytest.approx(0.01, rel=1e-3)
  assert rates[500] == pytest.approx(0.5, abs=1e-6)
  assert rates[1000] == 0
  original = original_recipe().learning_rates(999, 2)
  np.testing.assert_allclose(original, [0.1, 0.09], rtol=1e-6)
