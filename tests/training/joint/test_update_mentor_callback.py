"""The callback that updates a mentor in `fit`."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from joint_models import (
  BRIEF,
  QUICK,
  arrays,
  linear_student,
  mentored,
  student_with_state,
)

import mentornet_tf as mn


@pytest.mark.parametrize(
  "steps_per_execution", [pytest.param(1, marks=pytest.mark.slow), 4]
)
def test_fit_updates_the_mentor_at_its_times(steps_per_execution):
  model = mentored()
  model.compile(
    keras.optimizers.SGD(0.05),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    steps_per_execution=steps_per_execution,
  )
  before = model.curriculum.mentor.get_weights()
  images, labels, _ = arrays()
  steps = []
  callback = mn.UpdateMentor(
    arrays(seed=1),
    at=(0.06, 0.1),
    batch_size=20,
    recipe=BRIEF,
    on_update=lambda step, report: steps.append(step),
  )
  model.fit(
    images, labels, batch_size=15, epochs=2, verbose=0, callbacks=[callback]
  )
  assert steps == ([6, 10] if steps_per_execution == 1 else [8, 12])
  after = model.curriculum.mentor.get_weights()
  assert any((a != b).any() for a, b in zip(before, after, strict=True))


def fitted_steps(optimizer, at, **options):
  """The steps of the updates in three passes over 8 batches."""
  model = mentored()
  model.compile(
    optimizer,
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    **options,
  )
  images, labels, _ = arrays()
  steps = []
  callback = mn.UpdateMentor(
    arrays(seed=1),
    at,
    batch_size=20,
    recipe=BRIEF,
    decision_threshold=0,
    on_update=lambda step, report: steps.append(step),
  )
  for _ in range(3):  # as notebooks do
    model.fit(images, labels, batch_size=15, verbose=0, callbacks=[callback])
  return steps


@pytest.mark.filterwarnings("ignore:UpdateMentor")
def test_shortened_executions_count_their_steps():
  steps = fitted_steps(
    keras.optimizers.SGD(0.05), (0.08, 0.09, 0.19), steps_per_execution=3
  )
  # 3, 6, 8; 11, 14, 16; 19, 22, 24.
  assert steps == [8, 11, 19]


@pytest.mark.filterwarnings("ignore:UpdateMentor")
def test_accumulated_gradients_are_one_step():
  optimizer = keras.optimizers.SGD(0.05, gradient_accumulation_steps=4)
  assert fitted_steps(optimizer, (0.01, 0.05)) == [1, 5]


def test_a_warning_names_updates_that_were_not_reached():
  model = mentored()
  images, labels, _ = arrays()
  callback = mn.UpdateMentor(arrays(seed=1), 0.5, recipe=QUICK)
  with pytest.warns(
    UserWarning, match="ended at step 8 of .* 100.* updates at 50"
  ):
    model.fit(images, labels, batch_size=15, verbose=0, callbacks=[callback])


def test_arrays_are_shuffled_together():
  images, labels, is_clean = arrays()
  first = np.argsort(is_clean, kind="stable")
  callback = mn.UpdateMentor(
    (images[first], labels[first], is_clean[first, None]), batch_size=20
  )
  batches = callback._batches
  assert [len(clean) for _, _, clean in batches] == [20] * 6
  assert all(0 < clean.sum() < 20 for _, _, clean in batches)
  for image, label, clean in zip(
    *(np.concatenate(column) for column in zip(*batches, strict=True)),
    strict=True,
  ):
    (place,) = np.flatnonzero((images == image).all((1, 2, 3)))
    assert (label, clean) == (labels[place], is_clean[place])


def test_a_plain_model_has_no_mentor_to_update():
  images, labels, is_clean = arrays()
  model = linear_student()
  model.compile("sgd", "sparse_categorical_crossentropy")
  callback = mn.UpdateMentor((images, labels, is_clean))
  with pytest.raises(mn.UserError, match="with a mentor to update, a Ment"):
    model.fit(images, labels, verbose=0, callbacks=[callback])


def test_the_callbacks_mistakes_are_refused():
  images, labels, is_clean = arrays()
  with pytest.raises(mn.UserError, match="clean_subset: expected arrays"):
    mn.UpdateMentor(images)
  with pytest.raises(mn.UserError, match="as many images as labels"):
    mn.UpdateMentor((images, labels, is_clean[1:]))
  for wrong in (np.ones(120, bool), np.zeros(120), labels):
    with pytest.raises(mn.UserError, match="true for some labels, false for"):
      mn.UpdateMentor((images, labels, wrong))
  with pytest.raises(mn.UserError, match="batch_size: expected at least 1"):
    mn.UpdateMentor((images, labels, is_clean), batch_size=0)
  with pytest.raises(mn.UserError, match=r"^at: expected increas"):
    mn.UpdateMentor((images, labels, is_clean), at=1.5)
  endless = tf.data.Dataset.from_tensors((images, labels, is_clean)).repeat()
  with pytest.raises(mn.UserError, match="one that never ends; remove its rep"):
    mn.UpdateMentor(endless)
  model = mn.MentoredModel(
    student_with_state(), mn.UniformCurriculum(), total_steps=10
  )
  model.compile("sgd", "sparse_categorical_crossentropy")
  with pytest.raises(mn.UserError, match="with a mentor to update, a Ment"):
    model.fit(
      images,
      labels,
      verbose=0,
      callbacks=[mn.UpdateMentor((images, labels, is_clean))],
    )


def test_the_callbacks_former_name_warns_and_works():
  with pytest.warns(DeprecationWarning, match="now called UpdateMentor"):
    assert mn.MentorUpdate is mn.UpdateMentor
