#!/usr/bin/env python3
"""Times mentored steps against plain Keras, one table of ratios.

Within a part of the table the cases take turns, round by round, and a ratio is
the median over rounds of a case's time against that of the part's first one.
"share" is the share of the machine's matrix rate in the case's own dtype that
the step reaches, with three passes of its multiply-adds; the rate is that of
large matrix products within the same run.

  python benchmarks/mentored_step.py
  python benchmarks/mentored_step.py --part=students --part=torch \
    --clock=processor --torch_python=/path/to/python
"""

import importlib.util
import statistics

from absl import flags
from alternating import Case, ratio, take_turns

from mentornet_tf.commands import command_line
from mentornet_tf.errors import UserError
from mentornet_tf.internal.tensorflow_startup import start_tensorflow

_PARTS = (
  "students",
  "resnets",
  "curricula",
  "memory",
  "replicas",
  "pipelines",
  "torch",
)
_PART = flags.DEFINE_multi_enum(
  "part", None, _PARTS, "Parts to time, by default all; may be repeated."
)
_BATCH_SIZE = flags.DEFINE_integer(
  "batch_size", 128, "Images in a batch.", lower_bound=4
)
_ROUNDS = flags.DEFINE_integer("rounds", 9, "Timed rounds.", lower_bound=1)
_STEPS = flags.DEFINE_integer(
  "steps", 4, "Steps of each case in a round.", lower_bound=1
)
_CLOCK = flags.DEFINE_enum(
  "clock", "wall", ["processor", "wall"], "What to time."
)
_TORCH_PYTHON = flags.DEFINE_string(
  "torch_python", "", "Python that has torch; by default this one, if it has."
)

_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


def main() -> None:
  """Runs the rounds and prints the table."""
  start_tensorflow()
  import tensorflow as tf

  tf.get_logger().setLevel("ERROR")  # One graph per case is intended.
  parts = _PART.value or _PARTS
  rates = _matrix_rates()
  print(
    f"batch {_BATCH_SIZE.value}, medians of {_ROUNDS.value} rounds, "
    f"{_CLOCK.value} time; TensorFlow {tf.__version__}; matrix products: "
    + ", ".join(f"{r / 1e9:.0f} GFLOP/s in {d}" for d, r in rates.items())
  )
  print(f"\n{'':54}{'ms/step':>9}{'ratio':>8}{'share':>8}")
  for part in parts:
    try:
      for cases, flops in _cases_of(part):
        _report(cases, flops, rates)
    except UserError as error:
      print(f"{part}: {error}\n")


def _report(
  cases: dict[str, Case], flops: float, rates: dict[str, float]
) -> None:
  """Times the cases and prints their lines; `flops` of a step, or 0."""
  seconds = take_turns(cases, _ROUNDS.value)
  reference = next(iter(seconds.values()))
  for name, values in seconds.items():
    median = statistics.median(values)
    dtype = "bfloat16" if "bfloat16" in name else "float32"
    share = f"{flops / median / rates[dtype]:8.0%}" if flops else ""
    print(
      f"{name:54}{1e3 * median:9.1f}{ratio(values, reference):8.3f}{share}",
      flush=True,
    )
  print()


def _matrix_rates() -> dict[str, float]:
  """Operations per second of large matrix products by dtype."""
  from step_cases import StepCases

  made = StepCases(_BATCH_SIZE.value, 4, _CLOCK.value)
  cases = {dtype: made.matrix_product(dtype) for dtype in _POLICIES}
  return {
    dtype: 2 * 2048**3 / min(seconds)
    for dtype, seconds in take_turns(cases, 5).items()
  }


def _cases_of(part: str):
  """Pairs of cases by name, and the operations of a step, 0 without share."""
  from step_cases import StepCases, curricula, mentor

  import mentornet_tf as mn

  made = StepCases(_BATCH_SIZE.value, _STEPS.value, _CLOCK.value)

  def cifarnet():
    return mn.build_student("inception")

  if part == "students":
    cases = _student_cases("inception", "CifarNet", made)
    cases["CifarNet float32: fit by XLA, stock layers"] = made.fit(
      _stock("inception", "float32"), jit_compile=True
    )
    cases["CifarNet float32: mentored loop, --jit_compile"] = made.loop(
      cifarnet(), mentor(), jit_compile=True
    )
    yield cases, _flops(cifarnet(), made.batch_size)
  elif part == "resnets":
    for name, batch_size in (("resnet32", made.batch_size), ("resnet101", 32)):
      few = StepCases(batch_size, 1, _CLOCK.value)
      cases = _student_cases(name, name, few)
      yield cases, _flops(mn.build_student(name), batch_size)
  elif part == "curricula":
    named = {
      name: made.loop(cifarnet(), curriculum)
      for name, curriculum in curricula().items()
    }
    named["mentornet_pd, weighed by the EMA student"] = made.loop(
      cifarnet(), mentor(), weigh_by_average=True
    )
    named["MentorMix, which has two passes"] = made.loop(
      cifarnet(), mentor(), mn.MentorMix()
    )
    yield named, 0
  elif part == "memory":
    yield from ((cases, 0) for cases in _memory_cases(made))
  elif part == "replicas":
    named = {
      f"mentored fit, {count} logical devices": made.replicas(count)
      for count in (1, 2, 4)
    }
    yield named, 0
  elif part == "pipelines":
    yield (
      {
        "CifarNet float32: mentored loop": made.loop(cifarnet(), mentor()),
        "input pipeline of images in memory": made.pipeline(),
      },
      0,
    )
  elif _TORCH_PYTHON.value or importlib.util.find_spec("torch"):
    cases = {
      f"CifarNet {dtype}: PyTorch, eager": made.torch(
        _TORCH_PYTHON.value, dtype
      )
      for dtype in _POLICIES
    }
    for dtype, policy in _POLICIES.items():
      cases[f"CifarNet {dtype}: mentored loop"] = made.loop(
        _under(policy, cifarnet), mentor()
      )
    yield cases, _flops(cifarnet(), made.batch_size)
  else:
    print("torch: not installed; see --torch_python\n")


def _memory_cases(made):
  """The loop and `fit`, each without its memory first; the memory alone."""
  from step_cases import mentor

  import mentornet_tf as mn

  for classes in (10, 1000):

    def student(classes=classes):
      return mn.build_student("inception", classes)

    title = f"CifarNet, {classes} classes"
    yield {
      f"{title}: mentored loop": made.loop(student(), mentor()),
      f"{title}: with its memory": made.loop(student(), mentor(), memory=True),
      f"{title}: memory alone": made.remembering(classes),
    }
  memory = mn.TrainingMemory(50_000, 10)
  yield {
    "CifarNet, 10 classes: mentored fit": made.fit(
      mn.MentoredModel(mn.build_student("inception"), mentor(), 10_000)
    ),
    "CifarNet, 10 classes: with its memory": made.fit(
      mn.MentoredModel(
        mn.build_student("inception"), mentor(), 10_000, memory=memory
      ),
      with_index=True,
    ),
  }


def _student_cases(student: str, title: str, made) -> dict[str, Case]:
  """Plain `fit` on stock layers first, then the mentored steps."""
  from step_cases import mentor

  import mentornet_tf as mn

  def ours():
    return mn.build_student(student)

  cases = {}
  for dtype, policy in _POLICIES.items():
    cases[f"{title} {dtype}: fit, stock layers, no mentor"] = made.fit(
      _stock(student, policy)
    )
    cases[f"{title} {dtype}: mentored fit"] = made.fit(
      mn.MentoredModel(_under(policy, ours), mentor(), 10_000)
    )
    cases[f"{title} {dtype}: mentored loop"] = made.loop(
      _under(policy, ours), mentor()
    )
  return cases


def _stock(student: str, policy: str):
  from step_cases import stock_student

  return _under(policy, lambda: stock_student(student))


def _under(policy: str, build):
  from mentornet_tf.internal.dtype_policy import dtype_policy

  with dtype_policy(policy):
    return build()


def _flops(student, batch_size: int) -> float:
  """Of a training step: two operations a multiply-add, three passes."""
  from mentornet_tf.students.multiply_adds import count_multiply_adds

  return 6.0 * batch_size * count_multiply_adds(student)


if __name__ == "__main__":
  command_line.run(main)
