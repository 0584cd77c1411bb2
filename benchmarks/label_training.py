"""Trainings of benchmarks/label_ranking.py, by `fit` on the JAX back end."""

import dataclasses
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from mentornet_tf.settings import TrainingSettings

NUM_CLASSES = 10
BATCH_SIZE = 128
_MENTOR = {"curriculum": "mentornet", "trained_mentornet_dir": "mentornet_pd"}
# Method -> the settings that it changes in those of `mentornet reproduce`.
METHODS: dict[str, dict[str, Any]] = {
  "folds": {},
  "mentornet_pd": _MENTOR | {"example_dropout_rates": "0.5,17,0.05,83"},
  "mentormix": _MENTOR
  | {
    "curriculum": "mentormix",
    "burn_in_epoch": 10,
    "second_reweight": False,
    "ema_decay": 0.99,
    "example_dropout_rates": "0.0,100",
  },
}


@dataclasses.dataclass(frozen=True)
class Images:
  """CIFAR-10 images, and labels of one kind of noise.

  Attributes:
    pixels: [N, 32, 32, 3] uint8 to train on.
    labels, clean_labels: [N] int64, given and clean.
    test_pixels, test_labels: [M, 32, 32, 3] uint8 and [M], with clean labels.
  """

  pixels: np.ndarray
  labels: np.ndarray
  clean_labels: np.ndarray
  test_pixels: np.ndarray
  test_labels: np.ndarray


class Training:
  """One training of CifarNet, on some of the images.

  Args:
    method: a name of `METHODS`.
    images: to train on, and to test with.
    positions: [n] which of them to train on.
    steps: of 128 images; a multiple of `steps_per_call`.
    seed: of weights, batches and example dropout.
    precision: dtype policy of the student.
    steps_per_call: steps in one call to the device.
  """

  def __init__(
    self,
    method: str,
    images: Images,
    positions: np.ndarray,
    *,
    steps: int,
    seed: int,
    precision: str,
    steps_per_call: int,
  ):
    import jax
    import keras

    import mentornet_tf as mn
    from mentornet_tf.datasets.reading.plans import BatchPlans
    from mentornet_tf.internal.dtype_policy import dtype_policy
    from mentornet_tf.students.registry import build_student
    from mentornet_tf.training import builders
    from mentornet_tf.training.device_images import standardize

    settings = TrainingSettings.of(
      studentnet="inception",
      augment=False,
      loss_p_percentile=0.6,
      max_number_of_steps=steps,
      # At four fifths of the steps.
      num_epochs_per_decay=0.8 * steps / (len(positions) // BATCH_SIZE),
      batch_size=BATCH_SIZE,
      mixed_precision=precision,
      seed=seed,
      **METHODS[method],
    )
    keras.utils.set_random_seed(seed)
    with dtype_policy(precision):
      student = build_student(
        "inception", NUM_CLASSES, **settings.student_options
      )
    self._model = mn.MentoredModel(
      student,
      builders.build_curriculum(settings),
      steps,
      mixing=builders.build_mixing(settings),
      memory=mn.TrainingMemory(len(images.labels), NUM_CLASSES),
    )
    self._model.compile(
      builders.build_optimizer(settings, len(positions)),
      keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    self._plans = BatchPlans(
      len(positions), BATCH_SIZE, settings.augmentation, seed
    )
    self._positions, self._steps = positions.astype(np.int32), steps
    self._per_call = steps_per_call
    self._images = images
    self._pixels = jax.device_put(standardize(images.pixels))

  def run(self) -> float:
    """Trains, and returns the seconds, compilation included."""
    from scanned_steps import scan_steps

    import mentornet_tf as mn

    def batch_of(pixels: Any, of_step: Any) -> Any:
      index, labels = of_step
      return mn.with_index(pixels[index], index), labels

    scan_steps(self._model, batch_of, self._pixels)
    start = time.perf_counter()
    self._model.fit(
      self._calls(),
      steps_per_epoch=self._steps // self._per_call,
      shuffle=False,
      verbose=0,
    )
    return time.perf_counter() - start

  def _calls(self) -> Iterator[Any]:
    labels = self._images.labels.astype(np.int32)
    for first in range(0, self._steps, self._per_call):
      steps = range(first, first + self._per_call)
      index = np.stack([self._positions[self._plans[s].index] for s in steps])
      yield index, labels[index]

  def remembered(self) -> np.ndarray:
    """[N, 10] float32, the probabilities that training remembers."""
    return self._model.memory.examples.probabilities

  def test_accuracy(self) -> float:
    """Share of the test images that the student, or its average, gets right."""
    predicted = self.probabilities(self._images.test_pixels).argmax(axis=1)
    return float((predicted == self._images.test_labels).mean())

  def probabilities(self, pixels: np.ndarray) -> np.ndarray:
    """[N, 10] float32 of the student, or of its average."""
    import jax
    from student_predictions import predictor

    from mentornet_tf.training.device_images import standardize

    logits = predictor(self._model, standardize)(pixels)
    return np.asarray(jax.nn.softmax(logits.astype(np.float32)))
