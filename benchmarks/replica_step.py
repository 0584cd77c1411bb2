"""The steps of so many replicas, for `mentored_step.py`.

A process of its own, since two strategies of one process mix up their
collective operations. Each line of its input is a turn.
"""

import sys

from mentornet_tf.internal.tensorflow_startup import start_tensorflow


def main() -> None:
  """Answers each turn with the seconds of a step."""
  batch_size, steps, kind, count = sys.argv[1:]
  start_tensorflow()
  import tensorflow as tf

  cpu = tf.config.list_physical_devices("CPU")[0]
  device = tf.config.LogicalDeviceConfiguration()
  tf.config.set_logical_device_configuration(cpu, [device] * int(count))
  from step_cases import StepCases

  case = StepCases(int(batch_size), int(steps), kind).on_replicas(int(count))
  for _ in sys.stdin:
    print(case(), flush=True)


if __name__ == "__main__":
  main()
