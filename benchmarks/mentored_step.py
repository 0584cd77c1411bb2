#!/usr/bin/env python3
"""Times the mentored CifarNet step against plain Keras, in one run.

Rounds alternate between the cases, and each ratio is the median over rounds of
this round's time against `keras.Model.fit` on the same student from stock
layers without a mentor. All cases read the same training pipeline on images of
CIFAR-10's size. Of `fit` the time from the end of its first step to the end of
its last is taken: TensorFlow sometimes waits seconds before it lets go of the
iterator that each call of `fit` makes, which says nothing about a step.

  python benchmarks/mentored_step.py --rounds=7 --steps=30
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from absl import flags

from mentornet_tf.commands import command_line
from mentornet_tf.internal.tensorflow_startup import start_tensorflow

_BATCH_SIZE = flags.DEFINE_integer(
  "batch_size", 128, "Images in a batch.", lower_bound=1
)
_ROUNDS = flags.DEFINE_integer("rounds", 7, "Timed rounds.", lower_bound=1)
_STEPS = flags.DEFINE_integer(
  "steps", 30, "Steps of each case in a round.", lower_bound=2
)
_IMAGES = flags.DEFINE_integer(
  "images", 50_000, "Training images.", lower_bound=1
)

# The case that ratios refer to.
_REFERENCE = "keras fit, stock layers, no mentor"


def main() -> None:
  """Runs the rounds and prints the table."""
  start_tensorflow()
  import tensorflow as tf

  cases = _cases()
  seconds: dict[str, list[float]] = {name: [] for name in cases}
  for case in cases.values():  # traces the graphs
    case()
  for _ in range(_ROUNDS.value):
    for name, case in cases.items():
      seconds[name].append(case())
  print(
    f"batch {_BATCH_SIZE.value}, medians of {_ROUNDS.value} rounds of "
    f"{_STEPS.value} steps; TensorFlow {tf.__version__}\n"
  )
  print(f"{'':48}{'ms/step':>9}{'ratio':>8}")
  for name, values in seconds.items():
    ratio = statistics.median(
      value / reference
      for value, reference in zip(values, seconds[_REFERENCE], strict=True)
    )
    print(f"{name:48}{1e3 * statistics.median(values):9.1f}{ratio:8.3f}")


def _cases() -> dict[str, Callable[[], float]]:
  """Each case runs `--steps` steps and returns the seconds of one."""
  import keras
  from stock_cifarnet import stock_cifarnet

  import mentornet_tf as mn
  from mentornet_tf.datasets.reading.in_memory import training_batches
  from mentornet_tf.runs.checkpointing import CheckpointStore
  from mentornet_tf.settings import student_recipe
  from mentornet_tf.training.checkpoint_groups import variable_groups
  from mentornet_tf.training.loop import StepRunner
  from mentornet_tf.training.observed_step import observed_step

  data = _random_images()
  folder = tempfile.TemporaryDirectory()

  def batches():
    augmentation = student_recipe("inception").augmentation
    return training_batches(data, _BATCH_SIZE.value, augmentation, seed=0)

  def pairs():
    return batches().map(lambda batch: (batch["image"], batch["label"]))

  def loss():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)

  def fit(student):
    student.compile(keras.optimizers.SGD(0.01), loss())
    data_set = pairs()

    def seconds():
      ends = []
      clock = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: ends.append(time.perf_counter())
      )
      student.fit(
        data_set, steps_per_epoch=_STEPS.value, verbose=0, callbacks=[clock]
      )
      return (ends[-1] - ends[0]) / (len(ends) - 1)

    return seconds

  def timed(call):
    def seconds():
      start = time.perf_counter()
      call()
      return (time.perf_counter() - start) / _STEPS.value

    return seconds

  def loop(curriculum, saves=False, weigh_by_average=False):
    student = mn.build_student("inception")
    model = mn.MentoredModel(
      student, curriculum, 10_000, weigh_by_average=weigh_by_average
    )
    optimizer = keras.optimizers.SGD(0.01, use_ema=weigh_by_average)
    optimizer.build(student.trainable_variables)
    model.compile(optimizer, loss())
    runner = StepRunner(observed_step(model, True), batches())
    if not saves:
      return timed(lambda: runner(_STEPS.value))
    store = CheckpointStore(Path(folder.name), variable_groups(model))

    def steps_and_checkpoint():
      runner(_STEPS.value)
      store.save(int(model.optimizer.iterations))

    return timed(steps_and_checkpoint)

  def mentored_fit():
    student = mn.build_student("inception")
    model = mn.MentoredModel(student, mentor(), total_steps=10_000)
    return fit(model)

  def mentor():
    return mn.MentorCurriculum(mn.load_mentor("mentornet_pd"))

  def pipeline_alone():
    stream = iter(batches())
    return timed(lambda: [next(stream) for _ in range(_STEPS.value)])

  return {
    _REFERENCE: fit(stock_cifarnet()),
    "keras fit, our layers, no mentor": fit(mn.build_student("inception")),
    "our loop, mentornet_pd": loop(mentor()),
    "our loop, mentornet_pd, judged by the average": loop(
      mentor(), weigh_by_average=True
    ),
    "our loop, mentornet_pd, one checkpoint per round": loop(mentor(), True),
    "our loop, baseline": loop(mn.UniformCurriculum()),
    "keras fit, our layers, mentornet_pd": mentored_fit(),
    "input pipeline alone": pipeline_alone(),
  }


def _random_images():
  import numpy as np

  from mentornet_tf.datasets.records.schema import InMemoryDataset

  rng = np.random.default_rng(0)
  labels = rng.integers(0, 10, _IMAGES.value)
  return InMemoryDataset(
    images=rng.integers(0, 256, (_IMAGES.value, 32, 32, 3), np.uint8),
    labels=labels,
    clean_labels=labels,
    ids=np.arange(_IMAGES.value),
    num_classes=10,
    class_names=tuple("0123456789"),
  )


if __name__ == "__main__":
  command_line.run(main)
