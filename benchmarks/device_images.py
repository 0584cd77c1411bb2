#!/usr/bin/env python3
"""Times how CifarNet's batches are made, as shares of its training step.

Runs under any Keras back end; rounds alternate between the cases, and each
share is the median over rounds of processor time, all threads together, so that
other work on the machine hardly counts. On a GPU read milliseconds instead.

  KERAS_BACKEND=jax python benchmarks/device_images.py --rounds=5
"""

import itertools
import statistics
import time
from collections.abc import Callable

from absl import flags

from mentornet_tf.commands import command_line

_BATCH_SIZE = flags.DEFINE_integer(
  "batch_size", 128, "Images in a batch.", lower_bound=1
)
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Timed rounds.", lower_bound=1)
_STEPS = flags.DEFINE_integer(
  "steps", 10, "Steps of each case in a round.", lower_bound=1
)
_IMAGES = flags.DEFINE_integer(
  "images", 50_000, "Training images.", lower_bound=1
)

_STEP = "fit on images on the device, mentornet_pd"


def main() -> None:
  """Runs the rounds and prints the table."""
  import keras

  cases = _cases()
  for case, _ in cases.values():  # compiles
    case()
  wall: dict[str, list[float]] = {name: [] for name in cases}
  processor: dict[str, list[float]] = {name: [] for name in cases}
  for _ in range(_ROUNDS.value):
    for name, (case, num_steps) in cases.items():
      start = time.perf_counter(), time.process_time()
      case()
      wall[name].append((time.perf_counter() - start[0]) / num_steps)
      processor[name].append((time.process_time() - start[1]) / num_steps)
  print(
    f"{keras.backend.backend()}, batch {_BATCH_SIZE.value}, medians of "
    f"{_ROUNDS.value} rounds of {_STEPS.value} steps\n"
  )
  print(f"{'':44}{'ms/step':>9}{'processor ms':>14}{'share':>8}")
  for name in cases:
    share = statistics.median(
      part / step
      for part, step in zip(processor[name], processor[_STEP], strict=True)
    )
    print(
      f"{name:44}{1e3 * statistics.median(wall[name]):9.2f}"
      f"{1e3 * statistics.median(processor[name]):14.2f}{share:8.4f}"
    )


def _cases() -> dict[str, tuple[Callable[[], object], int]]:
  """By name, what is timed and how many steps it makes."""
  import keras
  import numpy as np

  import mentornet_tf as mn
  from mentornet_tf.datasets.reading.plans import BatchPlans
  from mentornet_tf.training.device_images import prepared_images

  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, (_IMAGES.value, 32, 32, 3), np.uint8)
  labels = rng.integers(0, 10, _IMAGES.value)
  augmentation = mn.Augmentation(padding=8)
  data = mn.DeviceImages(images, labels, _BATCH_SIZE.value, augmentation)

  model = mn.MentoredModel(
    mn.build_student("inception"),
    mn.MentorCurriculum(mn.load_mentor("mentornet_pd")),
    total_steps=100_000,
  )
  model.compile(
    keras.optimizers.SGD(0.01),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
  )

  compiled = _compiled(
    lambda pixels, plan: prepared_images(pixels, plan, augmentation),
    model.jit_compile,
  )
  passes = itertools.count(1)

  def drawn() -> None:
    """Orders and crops of other batches each time, none of them kept."""
    plans = BatchPlans(
      len(images), _BATCH_SIZE.value, augmentation, seed=next(passes)
    )
    for step in range(len(data)):
      plans[step]

  def fit() -> None:
    model.fit(data, steps_per_epoch=_STEPS.value, verbose=0)

  def cut() -> None:
    for step in range(_STEPS.value):
      batch = compiled(data.pixels.value, data[step][0])
      keras.ops.convert_to_numpy(batch)

  return {
    _STEP: (fit, _STEPS.value),
    "cut, flipped and standardized alone": (cut, _STEPS.value),
    "plans of a whole pass, on the host": (drawn, len(data)),
  }


def _compiled(function: Callable, jit_compile: bool) -> Callable:
  """As `fit` compiles a model of this `jit_compile`."""
  import keras

  if keras.backend.backend() == "jax":
    import jax

    return jax.jit(function)
  import tensorflow as tf

  return tf.function(function, jit_compile=jit_compile)


if __name__ == "__main__":
  command_line.run(main)
