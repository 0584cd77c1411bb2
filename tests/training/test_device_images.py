"""Images on the device: their batches, `fit` on them, other back ends."""

import os
import sys
import tempfile

import keras
import numpy as np
import pytest
from keras import ops
from keras_backend import run_under

import mentornet_tf as mn

# TensorFlow compiles by XLA where a test asks for it, for time.
_COMPILES = keras.backend.backend() == "jax"
_VARIED = {"padding": 3, "crop": 12}


def pixels(count=20, height=16, width=16) -> np.ndarray:
  rng = np.random.default_rng(count)
  return rng.integers(0, 256, (count, height, width, 3), np.uint8)


def labels(count=20) -> np.ndarray:
  return np.arange(count) % 5


def device_images(**options) -> mn.DeviceImages:
  augmentation = mn.Augmentation(**_VARIED)
  return mn.DeviceImages(pixels(), labels(), 8, augmentation, **options)


def small_student() -> keras.Model:
  student = keras.Sequential(
    [
      keras.Input((12, 12, 3)),
      keras.layers.Flatten(),
      keras.layers.Dense(5, kernel_regularizer=keras.regularizers.L2(0.01)),
    ]
  )
  rng = np.random.default_rng(2)
  student.set_weights(
    [rng.normal(scale=0.1, size=w.shape) for w in student.get_weights()]
  )
  return student


def model(jit_compile=_COMPILES, steps_per_execution=1, **options):
  """Without any random number, so that back ends agree."""
  curriculum = mn.MentorCurriculum(
    mn.load_mentor("mentornet_pd"), example_dropout_rates="0,100"
  )
  made = mn.MentoredModel(small_student(), curriculum, 12, **options)
  made.compile(
    keras.optimizers.SGD(0.05, momentum=0.9),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
    jit_compile=jit_compile,
    steps_per_execution=steps_per_execution,
  )
  return made


def all_weights(made) -> list[float]:
  return np.concatenate(
    [w.ravel() for w in made.student.get_weights()]
  ).tolist()


def by_hand(images: mn.DeviceImages, made, num_steps: int):
  """Feeds the images of the same batches to Keras one by one."""
  made.run_eagerly = not _COMPILES  # for so few steps tracing takes longer
  for step in range(num_steps):
    plan, *columns = images[step]
    made.train_on_batch(ops.convert_to_numpy(images.prepared(plan)), *columns)
  return made


class _NoTensorFlow:
  def find_spec(self, name, path=None, target=None):
    if name.partition(".")[0] == "tensorflow":
      raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def measure(without_tensorflow: bool = False) -> dict[str, list[float]]:
  """What `fit` makes of images on the device, and their first batches."""
  if without_tensorflow:
    sys.meta_path.insert(0, _NoTensorFlow())
  images = device_images(seed=4)
  trained = model(jit_compile=True, steps_per_execution=2)
  trained.fit(images, epochs=2, steps_per_epoch=3, verbose=0)
  batches = [images[step] for step in (0, 1, 2, 130)]
  return {
    "fit": all_weights(trained),
    "step": int(trained.step),
    "labels": np.concatenate([y for _, y in batches]).tolist(),
    "images": np.ravel(
      [ops.convert_to_numpy(images.prepared(plan)) for plan, _ in batches]
    ).tolist(),
    "standardized": np.ravel(mn.standardize(pixels(4), 20)).tolist(),
  }


@pytest.fixture(scope="module")
def measured():
  return measure()


def test_fit_on_the_device_is_fit_on_the_same_batches(measured):
  expected = by_hand(device_images(seed=4), model(), 6)
  np.testing.assert_allclose(measured["fit"], all_weights(expected), atol=1e-6)
  assert measured["step"] == 6


def test_fit_mixes_images_on_the_device():
  images = device_images()
  made = model(mixing=mn.MentorMix(seed=3))
  made.fit(images, verbose=0)
  assert int(made.step) == len(images) == 2
  expected = by_hand(images, model(mixing=mn.MentorMix(seed=3)), 2)
  np.testing.assert_allclose(
    all_weights(made), all_weights(expected), atol=1e-6
  )


def test_without_tensorflow_jax_trains_on_the_same_batches(measured):
  under_jax = run_under("jax", measure, True)
  assert under_jax["labels"] == measured["labels"]
  assert under_jax["step"] == measured["step"]
  for name in ("images", "standardized", "fit"):
    np.testing.assert_allclose(
      under_jax[name], measured[name], atol=2e-6, err_msg=name
    )


@pytest.mark.parametrize(
  ("shape", "varied"),
  [
    ((16, 16), {"padding": 3, "crop": 12}),
    ((32, 32), {"padding": 8, "crop": 32}),
    ((15, 22), {"padding": 0, "crop": 9, "flip": False}),
    ((15, 22), {"padding": 2, "crop": 20}),
  ],
)
def test_batches_are_those_of_the_command_line(shape, varied):
  from mentornet_tf.datasets.reading.in_memory import training_batches
  from mentornet_tf.datasets.records.schema import InMemoryDataset

  data = InMemoryDataset(
    images=pixels(20, *shape),
    labels=labels(),
    clean_labels=labels(),
    ids=np.arange(20),
    num_classes=5,
    class_names=(),
  )
  augmentation = mn.Augmentation(**varied)
  images = mn.DeviceImages(data.images, labels(), 8, augmentation, seed=3)
  for first in (0, 126):  # across ends of passes, and of groups of crops
    batches = training_batches(data, 8, augmentation, seed=3, start_step=first)
    for step, batch in enumerate(batches.take(6).as_numpy_iterator(), first):
      plan, y = images[step]
      np.testing.assert_array_equal(plan["index"], batch["id"])
      np.testing.assert_array_equal(y, batch["label"])
      np.testing.assert_allclose(
        images.prepared(plan), batch["image"], rtol=0, atol=1e-6
      )


def test_standardized_images_are_those_of_evaluation():
  flat = pixels(5).reshape(5, -1).astype(np.float64)
  flat -= flat.mean(axis=1, keepdims=True)
  flat /= np.maximum(flat.std(axis=1, keepdims=True), flat.shape[1] ** -0.5)
  np.testing.assert_allclose(
    mn.standardize(pixels(5)), flat.reshape(5, 16, 16, 3), atol=2e-6
  )
  # A center crop is standardized as a whole image is.
  np.testing.assert_array_equal(
    mn.standardize(pixels(5), 10), mn.standardize(pixels(5)[:, 3:13, 3:13])
  )
  padded = np.pad(pixels(5), ((0, 0), (2, 2), (2, 2), (0, 0)))
  np.testing.assert_array_equal(
    mn.standardize(pixels(5), 20), mn.standardize(padded)
  )


def test_a_saved_training_continues_with_the_next_batch():
  images = device_images(seed=1)
  whole = model()
  with tempfile.TemporaryDirectory() as folder:
    saver = keras.callbacks.ModelCheckpoint(
      os.path.join(folder, "{epoch}.keras")
    )
    whole.fit(images, epochs=2, callbacks=[saver], verbose=0)
    part = keras.models.load_model(os.path.join(folder, "1.keras"))
  assert int(part.step) == 2
  part.fit(images, epochs=2, initial_epoch=1, verbose=0)
  assert int(part.step) == 4
  np.testing.assert_allclose(all_weights(part), all_weights(whole), atol=1e-7)


def test_images_are_not_part_of_the_model():
  images = device_images()
  made = model()
  before = [v.path for v in made.variables], made.count_params()
  made.fit(images, verbose=0)
  after = [v.path for v in made.variables], made.count_params()
  assert after == before
  assert images.pixels.path not in {v.path for v in made.variables}
  x = mn.standardize(pixels(), 12)
  np.testing.assert_array_equal(
    made.predict_on_batch(x), made.student.predict_on_batch(x)
  )


def test_other_images_are_not_cut_like_the_first():
  """`fit` keeps its compiled step only for the same images."""
  whole = mn.DeviceImages(pixels(), labels(), 8, mn.Augmentation(0, 12, False))
  made = model()
  made.fit(device_images(), verbose=0)
  made.fit(whole, verbose=0)
  expected = by_hand(device_images(), model(), 2)
  for step in (2, 3):
    plan, y = whole[step]
    expected.train_on_batch(whole.prepared(plan), y)
  np.testing.assert_allclose(
    all_weights(made), all_weights(expected), atol=1e-6
  )


def test_sample_weights_go_along():
  weight = np.linspace(0, 2, 20)
  images = device_images(sample_weight=weight)
  made = model()
  made.fit(images, verbose=0)
  np.testing.assert_array_equal(images[1][2], weight[images[1][0]["index"]])
  expected = by_hand(images, model(), 2)
  np.testing.assert_allclose(
    all_weights(made), all_weights(expected), atol=1e-6
  )


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (
      (pixels() / 255, labels()),
      r"^images: .*uint8.*float64 \[20, 16, 16, 3\]",
    ),
    ((pixels()[0], labels()), r"^images: .*uint8 \[16, 16, 3\]"),
    ((pixels()[:0], labels()), r"^images: "),
    ((pixels(), labels(19)), r"^labels: .* 20 images, got shape \[19\]"),
    ((pixels(), labels(), 0), "^batch_size: expected at least 1, got 0"),
  ],
)
def test_other_arguments_are_refused(arguments, message):
  with pytest.raises(mn.UserError, match=message):
    mn.DeviceImages(*arguments)


def test_weights_of_another_length_and_negative_seeds_are_refused():
  with pytest.raises(mn.UserError, match=r"^sample_weight: .* 20 images"):
    device_images(sample_weight=np.ones(3))
  with pytest.raises(mn.UserError, match=r"^seed: expected at least 0, got -1"):
    device_images(seed=-1)


def test_fit_refuses_what_the_images_hold():
  made = model()
  with pytest.raises(mn.UserError, match=r"^batch_size: .*DeviceImages"):
    made.fit(device_images(), batch_size=8)
  with pytest.raises(mn.UserError, match=r"^y: .*DeviceImages"):
    made.fit(device_images(), labels())
