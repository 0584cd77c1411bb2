#!/usr/bin/env python3
"""Times CifarNet's layers and one training step against stock Keras.

Three tables: the forms of local response normalization (forward and gradient),
the training step, and the parts of a step. All run in one process, interleaved
round by round; a ratio is the median over rounds. Times are processor seconds
of this process (all its threads), which other programs on the machine disturb
less than the clock does; --clock=wall takes the clock.

  python benchmarks/student_layers.py --rounds=9
"""

import os
import statistics
from collections.abc import Callable

from absl import flags
from alternating import ratio, take_turns, timed

from mentornet_tf.commands import command_line

_BATCH_SIZE = flags.DEFINE_integer(
  "batch_size", 128, "Images in a batch.", lower_bound=1
)
_ROUNDS = flags.DEFINE_integer("rounds", 9, "Timed rounds.", lower_bound=1)
_THREADS = flags.DEFINE_integer(
  "threads", 2, "Threads that TensorFlow may use.", lower_bound=1
)
_CLOCK = flags.DEFINE_enum(
  "clock", "processor", ["processor", "wall"], "What to time."
)


def main() -> None:
  """Prints the three tables."""
  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
  import tensorflow as tf

  tf.get_logger().setLevel("ERROR")  # One graph per case is intended.
  tf.config.threading.set_intra_op_parallelism_threads(_THREADS.value)
  tf.config.threading.set_inter_op_parallelism_threads(_THREADS.value)
  print(
    f"batch {_BATCH_SIZE.value}, {_THREADS.value} threads, medians of "
    f"{_ROUNDS.value} rounds, {_CLOCK.value} time; "
    f"TensorFlow {tf.__version__}"
  )
  _report("Local response normalization, forward and gradient", _lrn_forms())
  _report("CifarNet training step (plain SGD)", _training_steps())
  _report("Parts of the step, forward and gradient", _parts())


def _report(title: str, cases: dict[str, Callable[[], object]]) -> None:
  """Times `cases` in turn and prints medians and ratios to the first."""
  seconds = take_turns(
    {name: timed(case, 1, _CLOCK.value) for name, case in cases.items()},
    _ROUNDS.value,
  )
  first = next(iter(seconds.values()))
  print(f"\n{title}\n{'':32}{'ms':>9}{'ratio':>8}")
  for name, values in seconds.items():
    median = 1e3 * statistics.median(values)
    print(f"{name:32}{median:9.1f}{ratio(values, first):8.3f}")


def _normal(*shape: int):
  import tensorflow as tf

  return tf.random.stateless_normal(shape, seed=[1, len(shape)])


def _forward_and_gradient(layer, inputs, with_inputs: bool = True):
  """A call of `layer` and the gradients of its weights (and `inputs`)."""
  import tensorflow as tf

  weights = [v.value for v in getattr(layer, "trainable_weights", [])]

  @tf.function
  def step(x):
    with tf.GradientTape() as tape:
      if with_inputs:
        tape.watch(x)
      y = layer(x)
    sources = weights + ([x] if with_inputs else [])
    gradients = tape.gradient(y, sources, tf.ones_like(y)) if sources else []
    # Scalars, so that a round copies nothing and waits for everything.
    return tf.add_n([tf.reduce_sum(t) for t in [y, *gradients]])

  return lambda: float(step(inputs))


def _lrn_forms() -> dict[str, Callable[[], object]]:
  import tensorflow as tf
  from stock_cifarnet import stock_normalization

  from mentornet_tf.students.layers.local_response_normalization import (
    LocalResponseNormalization,
  )

  index = tf.range(64)
  band = tf.cast(tf.abs(index[:, None] - index[None, :]) <= 4, tf.float32)

  def energy(x):
    squares = tf.reshape(tf.square(x), [-1, 64])
    return 1 + 0.001 / 9 * tf.reshape(tf.matmul(squares, band), tf.shape(x))

  def roots(x):
    root = tf.math.rsqrt(energy(x))
    return x * (root * tf.sqrt(root))

  forms = {
    "tf.nn": stock_normalization,
    "band matrix, power": lambda x: x * tf.pow(energy(x), -0.75),
    "band matrix, roots": roots,
    "ours (roots, written gradient)": LocalResponseNormalization(),
  }
  x = tf.nn.relu(_normal(_BATCH_SIZE.value, 16, 16, 64))
  return {name: _forward_and_gradient(f, x) for name, f in forms.items()}


def _training_steps() -> dict[str, Callable[[], object]]:
  import tensorflow as tf
  from stock_cifarnet import stock_cifarnet

  from mentornet_tf.students.layers.local_response_normalization import (
    LocalResponseNormalization,
  )
  from mentornet_tf.students.registry import build_student

  images = _normal(_BATCH_SIZE.value, 32, 32, 3)
  labels = tf.range(_BATCH_SIZE.value) % 10

  def training(model):
    weights = [v.value for v in model.trainable_variables]

    @tf.function
    def step(images, labels):
      with tf.GradientTape() as tape:
        loss = tf.reduce_mean(
          tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels, model(images, training=True)
          )
        )
      gradients = tape.gradient(loss, weights)
      for weight, gradient in zip(weights, gradients, strict=True):
        weight.assign_sub(0.01 * gradient)
      return loss

    return lambda: float(step(images, labels))

  return {
    "stock layers, tf.nn LRN": training(stock_cifarnet()),
    "stock layers, our LRN": training(
      stock_cifarnet(LocalResponseNormalization)
    ),
    "build_student('inception')": training(build_student("inception", seed=0)),
  }


def _parts() -> dict[str, Callable[[], object]]:
  import keras

  from mentornet_tf.students.registry import build_student

  student = build_student("inception", seed=0)
  batch = _BATCH_SIZE.value
  parts = {
    "whole student": _forward_and_gradient(
      student, _normal(batch, 32, 32, 3), with_inputs=False
    )
  }
  for layer in student.layers:
    if isinstance(layer, keras.layers.InputLayer):
      continue
    is_first = layer.input is student.layers[0].output
    parts[layer.name] = _forward_and_gradient(
      layer, _normal(batch, *layer.input.shape[1:]), with_inputs=not is_first
    )
  return parts


if __name__ == "__main__":
  command_line.run(main)
