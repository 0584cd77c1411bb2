"""The cases of `mentored_step.py`: each runs steps and times one."""

import contextlib
import itertools
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from alternating import Case, clock, timed
from stock_cifarnet import stock_cifarnet

import mentornet_tf as mn
from mentornet_tf.curricula.registry import build_formula
from mentornet_tf.curricula.target_weights import list_target_weights
from mentornet_tf.datasets.reading.in_memory import training_batches
from mentornet_tf.datasets.records.schema import InMemoryDataset
from mentornet_tf.errors import UserError
from mentornet_tf.settings import student_recipe
from mentornet_tf.students.layers.zero_debiased_batch_normalization import (
  ZeroDebiasedBatchNormalization,
)
from mentornet_tf.training.actions.memory_keeper import MemoryKeeper, MemoryOf
from mentornet_tf.training.loop import StepRunner
from mentornet_tf.training.observed_step import observed_step


def stock_student(name: str) -> keras.Model:
  """The student from stock Keras layers."""
  if name == "inception":
    return stock_cifarnet()

  def stock(layer: keras.layers.Layer) -> keras.layers.Layer:
    if isinstance(layer, ZeroDebiasedBatchNormalization):
      return keras.layers.BatchNormalization(
        momentum=layer.momentum, epsilon=layer.epsilon, name=layer.name
      )
    return layer.__class__.from_config(layer.get_config())

  return keras.models.clone_model(mn.build_student(name), clone_function=stock)


def curricula() -> dict[str, mn.Curriculum]:
  """Every curriculum by name, uniform weights first."""
  formulas = ["threshold", "oracle", *list_target_weights()]
  return {
    "uniform weights": mn.UniformCurriculum(),
    **{name: build_formula(name) for name in formulas},
    "mentornet_pd, a trained mentor": mentor(),
    "the same with example dropout": mentor("0.5,17,0.05,83"),
  }


def mentor(example_dropout_rates: str = "0,100") -> mn.Curriculum:
  """The shipped mentor."""
  return mn.MentorCurriculum(
    mn.load_mentor("mentornet_pd"), example_dropout_rates=example_dropout_rates
  )


class StepCases:
  """Makes cases of one batch size, number of steps and clock.

  Args:
    batch_size: images per batch.
    steps: steps per round, at least 1.
    kind: the clock, as `alternating.clock` takes it.
  """

  def __init__(self, batch_size: int, steps: int, kind: str):
    self.batch_size = batch_size
    self.steps = steps
    self._kind = kind
    self._data = _random_images(50_000)
    self._folders: list[tempfile.TemporaryDirectory] = []

  def batches(self) -> tf.data.Dataset:
    augmentation = student_recipe("inception").augmentation
    return training_batches(self._data, self.batch_size, augmentation, seed=0)

  def pipeline(self) -> Case:
    """The input pipeline alone."""
    stream = iter(self.batches())
    return self._timed(lambda: [next(stream) for _ in range(self.steps)])

  def fit(
    self,
    model: keras.Model,
    jit_compile: bool = False,
    with_index: bool = False,
  ) -> Case:
    """Keras' `fit`, from the end of a call's first step to that of its last.

    TensorFlow sometimes waits seconds before it lets go of the iterator that
    each call makes, which says nothing about a step.
    """
    model.compile(keras.optimizers.SGD(0.01), _loss(), jit_compile=jit_compile)

    def pair(batch: dict[str, tf.Tensor]) -> tuple[object, tf.Tensor]:
      x = batch["image"]
      if with_index:
        x = mn.with_index(x, batch["id"])
      return x, batch["label"]

    pairs = self.batches().map(pair)
    now = clock(self._kind)

    def seconds() -> float:
      ends: list[float] = []
      note = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: ends.append(now())
      )
      model.fit(
        pairs,
        steps_per_epoch=self.steps + 1,
        shuffle=False,
        verbose=0,
        callbacks=[note],
      )
      return (ends[-1] - ends[0]) / self.steps

    return seconds

  def loop(
    self,
    student: keras.Model,
    curriculum: mn.Curriculum,
    mixing: mn.MentorMix | None = None,
    weigh_by_average: bool = False,
    jit_compile: bool = False,
    memory: bool = False,
  ) -> Case:
    """The loop of the command line, without or with its memory."""
    model = mn.MentoredModel(
      student,
      curriculum,
      10_000,
      mixing=mixing,
      weigh_by_average=weigh_by_average,
    )
    optimizer = keras.optimizers.SGD(0.01, use_ema=weigh_by_average)
    model.compile(optimizer, _loss())
    model.optimizer.build(student.trainable_variables)
    runner = StepRunner(
      observed_step(
        model, True, with_examples=memory, with_probabilities=memory
      ),
      self.batches(),
      jit_compile,
    )
    if not memory:
      return self._timed(lambda: runner(self.steps))
    keeper = self._keeper(student.output_shape[-1])
    done = itertools.count(self.steps, self.steps)
    return self._timed(lambda: keeper.observe(next(done), runner(self.steps)))

  def _keeper(self, num_classes: int) -> MemoryKeeper:
    """A new memory of the training images in a folder that is not kept."""
    of = MemoryOf(len(self._data), num_classes, "", self.batch_size, seed=0)
    folder = tempfile.TemporaryDirectory()
    self._folders.append(folder)
    return MemoryKeeper(Path(folder.name), of, start_step=0, print_line=print)

  def remembering(self, num_classes: int) -> Case:
    """What the memory of the loop takes alone, without a step."""
    keeper = self._keeper(num_classes)
    rng = np.random.default_rng(0)
    shape = self.steps, self.batch_size
    reports = {
      "example/loss": np.ones(shape, np.float32),
      "example/weight": np.ones(shape, np.float32),
      "example/probabilities": rng.random((*shape, num_classes), np.float32),
    }
    done = itertools.count(self.steps, self.steps)

    def observe() -> None:
      step = next(done)
      order = keeper.positions(step, self.steps * self.batch_size)
      ids = order.reshape(shape)
      keeper.observe(
        step, reports | {"example/id": ids, "example/label": 0 * ids}
      )

    return self._timed(observe)

  def replicas(self, count: int) -> Case:
    """`fit` of a mentored CifarNet on so many logical devices."""
    return self._of_process(
      sys.executable,
      "replica_step.py",
      str(count),
      f"replicas: expected a step on {count} devices",
    )

  def on_replicas(self, count: int) -> Case:
    """The same within this process, which has to be its only strategy."""
    devices = tf.config.list_logical_devices("CPU")[:count]
    strategy = tf.distribute.MirroredStrategy([each.name for each in devices])
    with strategy.scope():
      model = mn.MentoredModel(mn.build_student("inception"), mentor(), 10_000)
      return self.fit(model)

  def matrix_product(self, dtype: str, side: int = 2048) -> Case:
    """A product of two square matrices."""
    x = tf.cast(tf.random.stateless_normal([side, side], [0, 1]), dtype)

    @tf.function
    def multiply(x: tf.Tensor) -> tf.Tensor:
      for _ in range(self.steps):
        x = tf.matmul(x, x)
      return x[0, 0]

    return self._timed(lambda: multiply(x).numpy())

  def torch(self, python: str, dtype: str) -> Case:
    """PyTorch's step."""
    python = python or sys.executable
    expected = f"torch_python: expected a Python that has torch, got {python}"
    return self._of_process(python, "torch_step.py", dtype, expected)

  def _of_process(
    self, python: str, script: str, argument: str, expected: str
  ) -> Case:
    """The case of a script of this folder, a process that waits for its turns.

    Args:
      python: what runs it.
      script: its name.
      argument: its last one, after batch size, steps and clock.
      expected: begins the message where it fails.
    """
    path = Path(__file__).with_name(script)
    arguments = [str(self.batch_size), str(self.steps), self._kind, argument]
    try:
      process = subprocess.Popen(
        [python, str(path), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
      )
    except OSError as error:
      raise UserError(f"{expected} ({error.strerror}); give its path") from None
    assert process.stdin and process.stdout
    stdin, stdout = process.stdin, process.stdout

    def seconds() -> float:
      with contextlib.suppress(BrokenPipeError):  # it has ended
        print(file=stdin, flush=True)
      line = stdout.readline()
      if not line:
        raise UserError(f"{expected}; see its message above")
      return float(line)

    return seconds

  def _timed(self, call) -> Case:
    return timed(call, self.steps, self._kind)


def _loss() -> keras.losses.Loss:
  return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def _random_images(count: int) -> InMemoryDataset:
  rng = np.random.default_rng(0)
  labels = rng.integers(0, 10, count)
  return InMemoryDataset(
    images=rng.integers(0, 256, (count, 32, 32, 3), np.uint8),
    labels=labels,
    clean_labels=labels,
    ids=np.arange(count),
    num_classes=10,
    class_names=tuple("0123456789"),
  )
