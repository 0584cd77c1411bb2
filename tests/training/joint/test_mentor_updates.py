"""Joint training: the examples, and one update."""

import keras
import numpy as np
import pytest
import tiny
from joint_models import BRIEF, QUICK, arrays, linear_student, mentored
from sklearn.metrics import roc_auc_score

import mentornet_tf as mn
from mentornet_tf.mentor_training.mentor_trainer import build_mentor
from mentornet_tf.runs import checkpointing
from mentornet_tf.training.checkpoint_groups import variable_groups
from mentornet_tf.training.ema import with_averaged_weights
from mentornet_tf.training.joint.schedule import (
  UpdateSchedule,
)
from mentornet_tf.training.joint.update import gather_examples, update_mentor
from mentornet_tf.training.observed_step import training_step


def batches_of(arrays, size=20):
  images, labels, is_clean = arrays
  return [
    (images[i : i + size], labels[i : i + size], is_clean[i : i + size])
    for i in range(0, len(images), size)
  ]


def test_gathering_leaves_student_and_curriculum_as_they_were():
  model = mentored()
  images, labels, _ = subset = arrays()
  model.fit(images, labels, batch_size=20, epochs=1, verbose=0)
  groups = variable_groups(model)
  before = [v.numpy() for v in checkpointing.variables_of(groups)]
  rng = np.random.default_rng(0)
  gather_examples(model, batches_of(subset), range(6, 20), rng)
  after = [v.numpy() for v in checkpointing.variables_of(groups)]
  for a, b in zip(before, after, strict=True):
    np.testing.assert_array_equal(a, b)


def test_examples_are_what_the_mentor_would_see_in_training():
  student = linear_student()
  model = mentored(student, loss_p_percentile=0.6)
  model.curriculum.loss_moving_average.assign(3.0)
  images, labels, is_clean = subset = arrays()
  rng = np.random.default_rng(1)
  examples = gather_examples(model, batches_of(subset), range(6, 20), rng)

  rows = np.concatenate([examples.train_features, examples.test_features])
  targets = np.concatenate([examples.train_targets, examples.test_targets])
  assert len(examples.train_features) == 96 and len(rows) == 120
  assert set(rows[:, 3]) == set(range(6, 20))
  assert (rows[:, 2] == 0).all()
  logits = student.predict(images, verbose=0).astype(float)
  log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
  loss = -log_p[np.arange(120), labels]
  average, difference = 3.0, []
  for part in loss.reshape(6, 20):
    # Nearest rank of 20 losses at 60 %: the twelfth from the smallest.
    average = 0.5 * average + 0.5 * np.sort(part)[11]
    difference.append(part - average)
  expected = np.stack([loss, np.concatenate(difference), is_clean], axis=1)
  got = np.stack([rows[:, 0], rows[:, 1], targets], axis=1)
  order, got_order = np.argsort(expected[:, 0]), np.argsort(got[:, 0])
  np.testing.assert_allclose(got[got_order], expected[order], atol=1e-5)


def test_a_fixed_epoch_is_the_one_that_is_looked_up():
  model = mentored(burn_in_epoch=9, fixed_epoch_after_burn_in=True)
  rng = np.random.default_rng(0)
  examples = gather_examples(model, batches_of(arrays()), range(6, 50), rng)
  assert set(examples.train_features[:, 3]) == {6, 7, 8, 9}


def test_a_fresh_mentor_learns_to_detect_noisy_labels():
  mentor = build_mentor("mentornet", QUICK, seed=3)
  model = mentored(mentor=mentor)
  images, _, _ = arrays()
  clean = tiny.dataset(120, noise=0.4).clean_labels
  # Trained on clean labels, the student has high losses on noisy ones.
  model.student.compile(keras.optimizers.Adam(0.01), model.loss)
  for _ in range(60):
    model.student.train_on_batch(images, clean)
  schedule = UpdateSchedule((0.21, 0.75), QUICK)
  report = update_mentor(model, batches_of(arrays()), schedule)
  assert report.test_loss < 0.1
  assert report.label_precision > 0.97 and report.label_recall > 0.97
  images, labels, is_clean = arrays(80, seed=5)
  logits = model.student(images, training=False)
  loss = model.per_example_loss(labels, logits)
  for _ in range(9):
    model.curriculum(loss, 0)  # until the moving average has converged
  for epoch in (0, 10, 20):
    weight = model.curriculum.weights_without_update(loss, epoch)
    assert roc_auc_score(is_clean, weight) > 0.95


def test_updates_repeat_exactly():
  mentors = []
  for _ in range(2):
    model = mentored()
    update_mentor(
      model, batches_of(arrays()), UpdateSchedule((0.21,), BRIEF, seed=4)
    )
    mentors.append(model.curriculum.mentor.get_weights())
  for a, b in zip(*mentors, strict=True):
    np.testing.assert_array_equal(a, b)


def weights_of(model, features):
  features = np.asarray(features, np.float32)
  return 1 / (1 + np.exp(-model.curriculum.mentor(features).numpy()[:, 0]))


def test_decisions_are_the_probabilities_above_the_threshold():
  chances, decided = mentored(linear_student()), mentored(linear_student())
  for model, threshold in ((chances, 0), (decided, 0.7)):
    report = update_mentor(
      model,
      batches_of(arrays()),
      UpdateSchedule((0.21,), decision_threshold=threshold),
    )
  rng = np.random.default_rng([0, 0])
  examples = gather_examples(decided, batches_of(arrays()), range(21), rng)
  features = np.concatenate([examples.train_features, examples.test_features])
  is_clean = np.concatenate([examples.train_targets, examples.test_targets]) > 0
  chance = weights_of(chances, features)
  weight = weights_of(decided, features)
  near_threshold = abs(chance - 0.7) < 0.05
  assert 0.1 < np.mean(chance > 0.7) < 0.9
  assert np.mean((chance > 0.1) & (chance < 0.9)) > 0.5
  agree = (weight > 0.5) == (chance > 0.7)
  assert np.mean(agree[~near_threshold]) > 0.97
  assert np.mean((weight > 0.1) & (weight < 0.9)) < 0.1
  assert report.selected == pytest.approx(np.mean(weight > 0.5))
  assert report.label_precision == pytest.approx(is_clean[weight > 0.5].mean())


def test_probabilities_stay_if_all_are_on_one_side_of_the_threshold():
  chances, undecided = mentored(linear_student()), mentored(linear_student())
  for model, threshold in ((chances, 0), (undecided, 1e-6)):
    update_mentor(
      model,
      batches_of(arrays()),
      UpdateSchedule((0.21,), BRIEF, decision_threshold=threshold),
    )
  for a, b in zip(
    chances.curriculum.mentor.get_weights(),
    undecided.curriculum.mentor.get_weights(),
    strict=True,
  ):
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("threshold", [-0.1, 1, float("nan")])
def test_the_threshold_is_a_probability(threshold):
  with pytest.raises(mn.UserError, match=r"^decision_threshold: expected"):
    UpdateSchedule((0.5,), decision_threshold=threshold)


def test_a_mentor_that_weighs_by_the_ema_students_losses_trains_on_them():
  model = mentored(weigh_by_average=True)
  images, labels, is_clean = subset = arrays()
  for _ in range(5):  # `fit` would end with the averages as weights
    training_step(model, images, labels)
  rng = np.random.default_rng(1)
  examples = gather_examples(model, batches_of(subset), range(21), rng)
  losses = np.concatenate(
    [examples.train_features[:, 0], examples.test_features[:, 0]]
  )
  targets = np.concatenate([examples.train_targets, examples.test_targets])
  with with_averaged_weights(model.student, model.optimizer):
    logits = model.student(images, training=False)
    expected = model.per_example_loss(labels, logits).numpy()
  own = model.per_example_loss(labels, model.student(images)).numpy()
  assert abs(own - expected).max() > 0.01
  order, expected_order = np.argsort(losses), np.argsort(expected)
  np.testing.assert_allclose(losses[order], expected[expected_order], atol=1e-5)
  np.testing.assert_array_equal(targets[order], is_clean[expected_order])


def test_times_must_increase_within_training():
  for times in ((0.5, 0.2), (0.0, 0.5), ()):
    with pytest.raises(mn.UserError, match="expected increasing fractions"):
      UpdateSchedule(times)


def test_updates_must_fall_on_different_steps():
  with pytest.raises(mn.UserError, match="different steps of the 10"):
    UpdateSchedule((0.41, 0.42)).steps(10)


def test_a_subset_of_clean_labels_alone_is_refused():
  model = mentored()
  images, labels, is_clean = arrays()
  subset = batches_of((images[is_clean], labels[is_clean], is_clean[is_clean]))
  with pytest.raises(mn.UserError, match="both clean and noisy labels"):
    update_mentor(model, subset, UpdateSchedule((0.5,), QUICK))
