#!/usr/bin/env python3
"""Steps per second of students on one device, and its share of the peak.

For the JAX back end; needs no TensorFlow. Each student trains on one batch that
lies on the device, by `fit`, under mentornet_pd and without a mentor, in
alternating rounds; "time, mentored ÷ plain" is the median ratio of their times.
The share is the step's operations (three times those of the forward pass) at
this speed, divided by the rate of a large product of matrices of the same
precision, measured in the same run.

  benchmarks/device_speed.py --steps=50 --rounds=5
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from absl import flags

from mentornet_tf.commands import command_line
from mentornet_tf.errors import UserError
from mentornet_tf.internal.atomic_files import write_bytes
from mentornet_tf.internal.json_files import write_json

# Student -> side of its images and images in a batch.
_STUDENTS = {
  "inception": (32, 128),
  "resnet32": (32, 128),
  "resnet101": (32, 128),
  "inception_resnet_v2": (299, 64),
}
_DTYPES = {"float32": "float32", "mixed_bfloat16": "bfloat16"}

_STUDENT = flags.DEFINE_list("students", list(_STUDENTS), "Which to time.")
_PRECISION = flags.DEFINE_list(
  "precisions", list(_DTYPES), "Dtype policies of the students."
)
_STEPS = flags.DEFINE_integer(
  "steps", 50, "Steps of each case in a round.", lower_bound=1
)
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Timed rounds.", lower_bound=1)
_BATCH_SIZE = flags.DEFINE_integer(
  "batch_size",
  None,
  "Images in a batch; by default 128, and 64 at 299 pixels.",
  lower_bound=1,
)
_MATRIX_SIZE = flags.DEFINE_integer(
  "matrix_size", 8192, "Side of the matrices.", lower_bound=1
)
_OUTPUT = flags.DEFINE_string(
  "output", "runs/device_speed", "Path of the .json and .md to write."
)
_MATRIX_ROUNDS = 10
_CLASSES = 10
_COLUMNS = (
  "student", "precision", "batch", "steps/s, mentored", "steps/s, plain",
  "time, mentored ÷ plain", "GFLOP per step", "TFLOP/s", "share of matrix rate",
)  # fmt: skip


def main() -> None:
  """Times every case and writes the table, as far as it is, after each."""
  os.environ.setdefault("KERAS_BACKEND", "jax")
  import jax
  import keras

  if keras.backend.backend() != "jax":
    raise UserError(
      f"KERAS_BACKEND: expected jax, got {keras.backend.backend()}; "
      "set it to jax"
    )
  for name, values, known in (
    ("students", _STUDENT.value, _STUDENTS),
    ("precisions", _PRECISION.value, _DTYPES),
  ):
    if unknown := sorted({*values} - {*known}):
      raise UserError(
        f"{name}: expected some of {', '.join(known)}, got "
        f"{', '.join(unknown)}; choose among them"
      )
  device = jax.devices()[0]
  rates = {name: _matrix_rate(_DTYPES[name]) for name in _PRECISION.value}
  about = {
    "device": f"{device.device_kind} ({device.platform})",
    "jax": jax.__version__,
    "keras": keras.__version__,
    "steps": _STEPS.value,
    "rounds": _ROUNDS.value,
    "matrix_size": _MATRIX_SIZE.value,
    "matrix_tflops": {name: rate / 1e12 for name, rate in rates.items()},
  }
  rows: list[dict[str, Any]] = []
  for student in _STUDENT.value:
    for precision in _PRECISION.value:
      rows.append(_timed(student, precision, rates[precision]))
      print(_line(rows[-1]), flush=True)
      _write(about, rows)
  print(f"{_OUTPUT.value}.md and .json written")


def _matrix_rate(dtype: str) -> float:
  """Operations per second of a product of large matrices."""
  import jax
  import jax.numpy as jnp

  size = _MATRIX_SIZE.value
  keys = jax.random.split(jax.random.key(0))
  a, b = (
    jax.random.normal(key, (size, size), jnp.dtype(dtype)) for key in keys
  )
  product = jax.jit(jnp.matmul)
  product(a, b).block_until_ready()  # compiles
  seconds = []
  for _ in range(_MATRIX_ROUNDS):
    start = time.perf_counter()
    product(a, b).block_until_ready()
    seconds.append(time.perf_counter() - start)
  return 2 * size**3 / statistics.median(seconds)


def _timed(name: str, precision: str, matrix_rate: float) -> dict[str, Any]:
  """One row: a student under a mentor and without, in alternating rounds."""
  from mentornet_tf.students.multiply_adds import count_multiply_adds

  size, usual_batch = _STUDENTS[name]
  batch_size = _BATCH_SIZE.value or usual_batch
  students = {m: _student(name, size, precision) for m in (True, False)}
  cases = {
    mentored: _case(student, mentored, batch_size, size)
    for mentored, student in students.items()
  }
  for case in cases.values():
    case()  # compiles
  seconds: dict[bool, list[float]] = {True: [], False: []}
  for _ in range(_ROUNDS.value):
    for mentored, case in cases.items():
      seconds[mentored].append(case())
  per_second = {m: 1 / statistics.median(each) for m, each in seconds.items()}
  pairs = zip(seconds[True], seconds[False], strict=True)
  # Two operations a multiply-add, three passes a training step.
  operations = 6 * batch_size * count_multiply_adds(students[True])
  reached = operations * per_second[True]
  values = (
    name, precision, batch_size, per_second[True], per_second[False],
    statistics.median(ours / plain for ours, plain in pairs),
    operations / 1e9, reached / 1e12, reached / matrix_rate,
  )  # fmt: skip
  return dict(zip(_COLUMNS, values, strict=True))


def _student(name: str, size: int, precision: str) -> Any:
  from mentornet_tf.internal.dtype_policy import dtype_policy
  from mentornet_tf.students.registry import build_student

  with dtype_policy(precision):
    return build_student(name, _CLASSES, input_shape=(size, size, 3))


def _case(
  student: Any, mentored: bool, batch_size: int, size: int
) -> Callable[[], float]:
  """Trains by `fit`, and returns the seconds of one of `--steps` steps."""
  import jax
  import keras
  import numpy as np
  from scanned_steps import scan_steps

  import mentornet_tf as mn

  model = student
  if mentored:
    curriculum = mn.MentorCurriculum(mn.load_mentor("mentornet_pd"))
    model = mn.MentoredModel(student, curriculum, total_steps=10**6)
  loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
  model.compile(keras.optimizers.SGD(1e-3), loss)
  rng = np.random.default_rng(0)
  batch = jax.device_put(
    (
      rng.standard_normal((batch_size, size, size, 3), np.float32),
      rng.integers(0, _CLASSES, batch_size, np.int32),
    )
  )
  scan_steps(model, lambda batch, number: batch, batch)

  def calls() -> Iterator[tuple[np.ndarray]]:
    while True:  # numbers of steps, which nothing reads
      yield (np.zeros(_STEPS.value, np.int32),)

  def seconds() -> float:
    times: list[float] = []

    def note(_: int, logs: Any = None) -> None:
      jax.block_until_ready(getattr(model, "_jax_state", None))
      times.append(time.perf_counter())

    clock = keras.callbacks.LambdaCallback(
      on_train_batch_begin=note, on_train_batch_end=note
    )
    model.fit(
      calls(), steps_per_epoch=1, shuffle=False, verbose=0, callbacks=[clock]
    )
    return (times[-1] - times[0]) / _STEPS.value

  return seconds


def _line(row: dict[str, Any]) -> str:
  cells = (
    f"{each:.3g}" if isinstance(each, float) else str(each)
    for each in row.values()
  )
  return f"| {' | '.join(cells)} |"


def _write(about: dict[str, Any], rows: list[dict[str, Any]]) -> None:
  path = Path(_OUTPUT.value)
  path.parent.mkdir(parents=True, exist_ok=True)
  write_json(f"{path}.json", {"about": about, "rows": rows})
  rates = ", ".join(
    f"{name} {rate:.3g}" for name, rate in about["matrix_tflops"].items()
  )
  lines = [
    f"{about['device']}, JAX {about['jax']}, Keras {about['keras']}; medians "
    f"of {_ROUNDS.value} rounds of {_STEPS.value} steps. Product of matrices "
    f"of {_MATRIX_SIZE.value}, TFLOP/s: {rates}.",
    "",
    f"| {' | '.join(_COLUMNS)} |",
    "|" + "---|" * len(_COLUMNS),
    *map(_line, rows),
  ]
  write_bytes(f"{path}.md", ("\n".join(lines) + "\n").encode())


if __name__ == "__main__":
  command_line.run(main)
