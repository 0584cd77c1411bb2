"""Training under a mentor that sees the memory: the step, saving, refusals."""

import keras
import numpy as np
import pytest
import tiny
from keras_backend import run_under
from memory_fits import CLASSES, EXAMPLES, data, memory_model, student
from memory_mentored_fits import (
  Reference,
  check_steps_against_hand,
  compiled_for_several_sizes,
  fitted_under_a_mentor,
  memory_curriculum,
  mixing,
  refining,
)
from memory_references import average, weights_by_hand

import mentornet_tf as mn
from mentornet_tf.errors import UserError
from mentornet_tf.internal.dtype_policy import dtype_policy
from mentornet_tf.training.builders import build_memory


def test_steps_are_those_by_hand():
  fitted_under_a_mentor()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_compiled_steps_on_batches_of_several_sizes(backend):
  run_under(backend, compiled_for_several_sizes)


@pytest.mark.parametrize(
  "parts",
  [
    pytest.param(("mixing",), marks=pytest.mark.slow),
    ("mixing", "refining"),
  ],
  ids=["mixing", "mixing and refining"],
)
def test_steps_of_other_kinds_are_those_by_hand(parts):
  made = {"mixing": mixing, "refining": refining}
  kind = {name: made[name]() for name in parts}
  check_steps_against_hand(jit_compile=False, sizes_vary=True, **kind)


def test_weights_of_a_student_in_bfloat16_are_those_by_hand():
  x, y = data()
  with dtype_policy("mixed_bfloat16"):
    net = student()
  model = memory_model(net=net, curriculum=memory_curriculum(), total_steps=8)
  reference, weights = Reference(model), []
  for _ in range(3):
    logits = keras.ops.convert_to_numpy(net(x)).astype(np.float64)
    exp = np.exp(logits - logits.max(1, keepdims=True))
    probabilities = exp / exp.sum(1, keepdims=True)
    loss = -np.log(probabilities[np.arange(EXAMPLES), y])
    features = reference.features(np.arange(EXAMPLES), y, loss, probabilities)
    weights.append(weights_by_hand(reference.mentor, features))
    reference.steps += 1
    model.train_on_batch(mn.with_index(x), y)
    remembered = model.memory.examples.mean_weight
    assert remembered.dtype == np.float32
    np.testing.assert_allclose(remembered, average(weights, 0.95), rtol=1e-4)
  assert np.ptp(weights[-1]) > 0.3


def test_what_includes_a_batch_is_what_is_remembered_after_it():
  rng = np.random.default_rng(1)
  memory = mn.TrainingMemory(4, CLASSES)
  labels = rng.integers(0, CLASSES, 4)
  seen = [[] for _ in range(4)]
  for _ in range(3):
    at = rng.integers(0, 3, 8)
    probabilities = rng.dirichlet(np.ones(CLASSES), 8).astype(np.float32)
    loss = rng.exponential(1, 8).astype(np.float32)
    mask = rng.uniform(size=8) < 0.8
    visits = {
      "index": at,
      "labels": labels[at].astype(np.int32),
      "loss": loss,
      "probabilities": probabilities,
      "mask": mask,
    }
    remembered = memory.preview(**visits)
    for place, each in enumerate(at):
      if not mask[place]:
        continue
      seen[each].append((loss[place], probabilities[place]))
      losses, rows = zip(*seen[each], strict=True)
      mean = average(list(rows), 0.95)
      expected = (
        average(list(losses), 0.95),
        mean[labels[each]],
        np.delete(mean, labels[each]).max(),
        np.mean([row.argmax() == labels[each] for row in rows]),
      )
      got = [float(column[place]) for column in remembered]
      np.testing.assert_allclose(got, expected, rtol=2e-5)
    memory.observe(weight=np.ones(8, np.float32), **visits)
    examples = memory.examples
    last = [np.flatnonzero((at == each) & mask)[-1:] for each in range(4)]
    for each, place in enumerate(last):
      if len(place):
        np.testing.assert_allclose(
          remembered.mean_loss[int(place[0])], examples.mean_loss[each], 1e-5
        )


def fit(model, **options):
  x, y = data()
  fitting = {"batch_size": 5, "epochs": 2, "shuffle": False, "verbose": 0}
  model.fit(mn.with_index(x), y, **fitting | options)
  return model


def assert_same_memory(a, b):
  for name in ("probabilities", "mean_loss", "mean_weight", "agreement"):
    first, second = (getattr(m.memory.examples, name) for m in (a, b))
    np.testing.assert_array_equal(first, second, name)


def test_a_mentor_that_sees_the_memory_keeps_it_as_others_do():
  # Throughout burn-in all weights are 1.
  seen = fit(memory_model(curriculum=memory_curriculum(burn_in_epoch=100)))
  unseen = fit(memory_model(curriculum=mn.UniformCurriculum()))
  assert_same_memory(seen, unseen)
  for a, b in zip(
    seen.student.get_weights(), unseen.student.get_weights(), strict=True
  ):
    np.testing.assert_array_equal(a, b)


def test_a_saved_model_continues_as_if_it_had_not_been(tmp_path):
  model = fit(memory_model(curriculum=memory_curriculum(seed=3)))
  model.save(tmp_path / "model.keras")
  loaded = keras.models.load_model(tmp_path / "model.keras")
  assert type(loaded.curriculum) is mn.MemoryCurriculum
  for a, b in zip(
    model.curriculum.get_weights(), loaded.curriculum.get_weights(), strict=True
  ):
    np.testing.assert_array_equal(a, b)
  for each in (model, loaded):
    fit(each)
  assert_same_memory(model, loaded)


def images_on_the_device(**arguments):
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, (EXAMPLES, 6, 6, 1)).astype(np.uint8)
  net = keras.Sequential(
    [
      keras.Input((6, 6, 1)),
      keras.layers.Flatten(),
      keras.layers.Dense(
        CLASSES, kernel_initializer=keras.initializers.GlorotUniform(seed=1)
      ),
    ]
  )
  average = "refining" in arguments
  model = memory_model(
    net=net,
    curriculum=memory_curriculum(),
    optimizer=keras.optimizers.SGD(0.1, use_ema=average),
    **arguments,
  )
  labels = data()[1]
  model.fit(mn.DeviceImages(images, labels, batch_size=4), epochs=3, verbose=0)
  return model.memory.examples


@pytest.mark.parametrize(
  "arguments",
  [
    {},
    {"refining": mn.RefinedLabels()},
  ],
  ids=["plain", "refining"],
)
def test_images_on_the_device_are_weighed_by_their_memory(arguments):
  memory = images_on_the_device(**arguments)
  assert memory.visits.tolist() == [3] * EXAMPLES
  assert np.ptp(memory.mean_weight) > 0.2
  assert memory.mean_weight.min() > 0 and memory.mean_weight.max() < 1


def test_absent_examples_are_neither_weighed_nor_remembered():
  x, y = data()
  model = memory_model(curriculum=memory_curriculum())
  weight = np.ones(EXAMPLES, np.float32)
  weight[:3] = 0
  model.train_on_batch(mn.with_index(x), y, sample_weight=weight)
  assert model.memory.examples.visits.tolist() == [0] * 3 + [1] * (EXAMPLES - 3)
  present = memory_model(curriculum=memory_curriculum())
  present.train_on_batch(mn.with_index(x[3:], np.arange(3, EXAMPLES)), y[3:])
  np.testing.assert_allclose(
    model.memory.examples.mean_weight[3:],
    present.memory.examples.mean_weight[3:],
    rtol=1e-6,
  )


def test_without_a_memory_the_mentor_is_refused():
  with pytest.raises(
    UserError, match=r"^memory: expected a TrainingMemory beside MemoryCurr"
  ):
    mn.MentoredModel(student(), memory_curriculum(), 10)


def test_the_memory_forgets_as_the_mentor_was_trained():
  mentor = mn.MemoryMentor(decay=0.9)
  curriculum = mn.MemoryCurriculum(mentor)
  with pytest.raises(
    UserError, match=r"^memory: expected a .* `decay` 0\.9 .*, got 0\.95;"
  ):
    memory_model(curriculum=curriculum)
  memory = mn.TrainingMemory(EXAMPLES, CLASSES, decay=0.9)
  memory_model(curriculum=curriculum, memory=memory)
  assert build_memory(curriculum, tiny.dataset()).decay == 0.9


def test_mixed_examples_are_not_weighed_again():
  with pytest.raises(UserError, match=r"^second_reweight: expected False"):
    memory_model(curriculum=memory_curriculum(), mixing=mn.MentorMix())


def test_other_data_cannot_be_weighed():
  model = fit(memory_model(curriculum=memory_curriculum()))
  with pytest.raises(UserError, match=r"^weigh: expected a curriculum that"):
    model.weigh(*data())
