"""Updates of a mentor that sees the memory: examples, and what is refused."""

import numpy as np
import pytest
import tensorflow as tf
import tiny
from joint_models import BRIEF, QUICK, arrays, linear_student, mentored
from memory_references import memory_mentor, nearest_rank

import mentornet_tf as mn
from mentornet_tf.datasets.reading.dataset import as_training_data
from mentornet_tf.datasets.reading.preparation import NO_AUGMENTATION
from mentornet_tf.runs import checkpointing
from mentornet_tf.training.checkpoint_groups import variable_groups
from mentornet_tf.training.joint.clean_subset import (
  clean_subset,
  update_batches,
)
from mentornet_tf.training.joint.schedule import UpdateSchedule
from mentornet_tf.training.joint.update import gather_examples, update_mentor

_COUNT, _PERCENTILE = 120, 0.6
# Where the clean-labeled subset is in the training data.
_AT = np.random.default_rng(8).permutation(_COUNT)[:60]


def trained(epochs=3, **options):
  """A model that has visited all images but the last as often as given."""
  model = mentored(
    linear_student(),
    memory_mentor(),
    memory=mn.TrainingMemory(_COUNT, 4),
    loss_p_percentile=_PERCENTILE,
    **options,
  )
  images, labels, _ = arrays()
  x = mn.with_index(images[:-1], np.arange(_COUNT - 1))
  model.fit(x, labels[:-1], batch_size=20, epochs=epochs, verbose=0)
  return model


@pytest.fixture(scope="module")
def visited():
  """Such a model, which tests leave as it is."""
  return trained()


def subset(at=_AT, index=_AT):
  images, labels, is_clean = arrays()
  return mn.with_index(images[at], index), labels[at], is_clean[at]


def batches_of(subset, size=20):
  (images, index), labels, is_clean = subset[0].values(), *subset[1:]
  parts = [slice(i, i + size) for i in range(0, len(labels), size)]
  return [
    (mn.with_index(images[part], index[part]), labels[part], is_clean[part])
    for part in parts
  ]


def gathered(model, batches, percents=range(6, 20)):
  return gather_examples(model, batches, percents, np.random.default_rng(1))


def features_by_hand(model):
  """[60, 7] all but the epoch, of a visit after those that are remembered."""
  images, labels, _ = arrays()
  logits = model.student.predict(images, verbose=0).astype(np.float64)
  p = np.exp(logits - logits.max(1, keepdims=True))
  p /= p.sum(1, keepdims=True)
  loss = -np.log(p[np.arange(_COUNT), labels])
  memory = model.memory.examples
  share = 0.05 / (1 - 0.95 ** (memory.visits + 1))
  mean_loss = np.nan_to_num(memory.mean_loss) * (1 - share) + loss * share
  share = share[:, np.newaxis]
  means = np.nan_to_num(memory.probabilities) * (1 - share) + p * share
  given = means[np.arange(_COUNT), labels]
  means[np.arange(_COUNT), labels] = 0
  agreements = np.nan_to_num(memory.agreement) * memory.visits
  agreements += p.argmax(1) == labels

  differences = []
  for values, average in (
    (loss[_AT], float(model.curriculum.loss_moving_average)),
    (mean_loss[_AT], float(model.curriculum.mean_loss_moving_average)),
  ):
    differences.append([])
    for part in values.reshape(3, 20):
      average = 0.5 * average + 0.5 * nearest_rank(part, _PERCENTILE)
      differences[-1].extend(part - average)
  columns = [
    loss[_AT],
    differences[0],
    mean_loss[_AT],
    differences[1],
    np.log(given + 0.001)[_AT],
    np.log(means.max(1) + 0.001)[_AT],
    (agreements / (memory.visits + 1))[_AT],
  ]
  return np.stack(columns, axis=1)


def test_examples_are_what_the_mentor_would_see_in_training(visited):
  model = visited
  groups = variable_groups(model)
  before = [v.numpy() for v in checkpointing.variables_of(groups)]
  remembered = [v.numpy() for v in model.memory.variables]
  examples = gathered(model, batches_of(subset()))
  after = [v.numpy() for v in checkpointing.variables_of(groups)]
  after += [v.numpy() for v in model.memory.variables]
  for a, b in zip([*before, *remembered], after, strict=True):
    np.testing.assert_array_equal(a, b)

  expected = features_by_hand(model)
  assert _COUNT - 1 in _AT  # which has had no visit
  rows = np.concatenate([examples.train_features, examples.test_features])
  targets = np.concatenate([examples.train_targets, examples.test_targets])
  assert len(examples.train_features) == 48 and rows.shape == (60, 8)
  assert set(rows[:, 7]) <= set(range(6, 20)) and np.ptp(rows[:, 7]) > 5
  order, expected_order = np.argsort(rows[:, 0]), np.argsort(expected[:, 0])
  np.testing.assert_allclose(
    rows[order, :7], expected[expected_order], rtol=1e-4, atol=2e-5
  )
  is_clean = arrays()[2][_AT]
  np.testing.assert_array_equal(targets[order], is_clean[expected_order])


def test_an_update_learns_and_repeats_exactly():
  mentors = []
  for _ in range(2):
    model = trained()
    mentor = model.curriculum.mentor
    before = [w.numpy() for w in mentor.non_trainable_variables]
    kernel = mentor.hidden_kernel.numpy()
    schedule = UpdateSchedule((0.21,), QUICK, decision_threshold=0)
    report = update_mentor(model, batches_of(subset()), schedule)
    mentors.append(mentor.get_weights())
  for one, other in zip(*mentors, strict=True):
    np.testing.assert_array_equal(one, other)
  assert (mentor.hidden_kernel.numpy() != kernel).any()
  # It keeps what it standardizes by.
  for one, other in zip(mentor.non_trainable_variables, before, strict=True):
    np.testing.assert_array_equal(one.numpy(), other)
  assert report.train_loss < np.log(2)


@pytest.mark.parametrize(
  ("index", "message"),
  [
    (np.arange(60), r"training data, got \d+ of 20 at which training saw ano"),
    (_AT + 100, "among the 120 training images, got 1"),
    (_AT - 100, "among the 120 training images, got -"),
  ],
)
def test_an_index_of_other_images_is_refused(visited, index, message):
  with pytest.raises(mn.UserError, match=message) as caught:
    gathered(visited, batches_of(subset(index=index)))
  assert str(caught.value).startswith("clean_subset: expected the index of")
  assert "\n" not in str(caught.value)


def test_fit_updates_the_mentor_on_indexed_images():
  model = trained(epochs=1)
  images, labels, _ = arrays()
  seen = []
  for given in (
    subset(),
    tf.data.Dataset.from_tensor_slices(subset()).batch(20),
  ):
    start = int(model.step) / 100
    update = mn.UpdateMentor(
      given,
      at=start + 0.02,
      batch_size=20,
      recipe=BRIEF,
      decision_threshold=0,
      on_update=lambda step, report: seen.append((step, report.test_loss)),
    )
    model.fit(
      mn.with_index(images),
      labels,
      batch_size=20,
      epochs=1,
      verbose=0,
      callbacks=[update],
    )
  assert [step for step, _ in seen] == [8, 14]
  assert np.isfinite([loss for _, loss in seen]).all()


def test_images_without_an_index_are_refused_as_fit_begins(visited):
  images, labels, is_clean = arrays()
  dataset = tf.data.Dataset.from_tensor_slices((images, labels, is_clean))
  for given in ((images, labels, is_clean), dataset.batch(20)):
    with pytest.raises(mn.UserError, match=r"^clean_subset: expected images "):
      visited.fit(
        mn.with_index(images),
        labels,
        verbose=0,
        callbacks=[mn.UpdateMentor(given)],
      )


def test_an_index_of_another_length_is_refused():
  images, labels, is_clean = arrays()
  indexed = mn.with_index(images, np.arange(50))
  with pytest.raises(mn.UserError, match="got 50, 120, 120 and 120; pass one"):
    mn.UpdateMentor((indexed, labels, is_clean))


def test_batches_of_a_run_know_their_places_in_its_data():
  data = tiny.dataset(50, noise=0.4)
  train_data = as_training_data(data, NO_AUGMENTATION)
  found = clean_subset(train_data, None, clean_fraction=0.8, seed=3)
  whole = next(iter(train_data.evaluation_batches(50).as_numpy_iterator()))[
    "image"
  ]
  clean = data.labels == data.clean_labels
  places = []
  for images, labels, is_clean in update_batches(found, 15, seed=4):
    places.extend(at := images["example_index"])
    np.testing.assert_array_equal(labels, data.labels[at])
    np.testing.assert_array_equal(is_clean, clean[at])
    np.testing.assert_allclose(images["inputs"], whole[at], atol=1e-6)
  assert len(set(places)) == 30 and set(places) <= set(found.positions)
  assert max(places) >= 40
