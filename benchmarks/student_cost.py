#!/usr/bin/env python3
"""Estimates what training a student takes on a known kind of GPU.

Counts the multiply-adds of the built model and divides: nothing is timed.

  benchmarks/student_cost.py --num_examples=65944 --steps=93000
"""

from absl import flags

from mentornet_tf.commands import command_line
from mentornet_tf.internal.tensorflow_startup import start_tensorflow

_STUDENT = flags.DEFINE_string(
  "studentnet", "inception_resnet_v2", "Student, as build_student takes it."
)
_IMAGE_SIZE = flags.DEFINE_integer(
  "image_size", 299, "Side of the images.", lower_bound=1
)
_NUM_CLASSES = flags.DEFINE_integer(
  "num_classes", 50, "Classes.", lower_bound=2
)
_BATCH_SIZE = flags.DEFINE_integer(
  "batch_size", 64, "Images in a batch, over all GPUs.", lower_bound=1
)
_STEPS = flags.DEFINE_integer("steps", 93_000, "Training steps.", lower_bound=1)
_EXAMPLES = flags.DEFINE_integer(
  "num_examples", 65_944, "Training images.", lower_bound=1
)
_PEAK = flags.DEFINE_float(
  "peak_teraflops",
  312,
  "Peak of one GPU in 10^12 operations per second; 312 is an NVIDIA A100's "
  "with bfloat16.",
  lower_bound=0,
)
_UTILIZATION = flags.DEFINE_float(
  "utilization",
  0.15,
  "Share of the peak that is reached, an assumption.",
  lower_bound=0,
  upper_bound=1,
)

command_line.require_finite("peak_teraflops", "utilization", above_zero=True)


def main() -> None:
  """Prints the cost."""
  start_tensorflow()
  import mentornet_tf as mn
  from mentornet_tf.students.multiply_adds import count_multiply_adds

  size = _IMAGE_SIZE.value
  student = mn.build_student(
    _STUDENT.value, _NUM_CLASSES.value, input_shape=(size, size, 3)
  )
  forward = count_multiply_adds(student)
  # Two operations a multiply-add, three passes a training step.
  of_image = 6 * forward
  of_step = of_image * _BATCH_SIZE.value
  rate = _PEAK.value * 1e12 * _UTILIZATION.value / of_image
  images = _BATCH_SIZE.value * _STEPS.value
  print(
    f"{_STUDENT.value}, {size} px, {_NUM_CLASSES.value} classes: "
    f"{student.count_params() / 1e6:.2f} M parameters\n"
    f"forward pass, one image: {forward / 1e9:.2f} G multiply-adds\n"
    f"training, one image: {of_image / 1e9:.1f} GFLOP; one step of "
    f"{_BATCH_SIZE.value}: {of_step / 1e12:.2f} TFLOP\n"
    f"{_STEPS.value} steps: {images / 1e6:.2f} M images, "
    f"{images / _EXAMPLES.value:.1f} passes over {_EXAMPLES.value}; "
    f"{of_image * images / 1e18:.2f} EFLOP\n"
    f"assumed: {_UTILIZATION.value:.0%} of {_PEAK.value:g} TFLOP/s a GPU"
  )
  for num_gpus in (1, 8):
    print(
      f"{num_gpus} GPU{'s' if num_gpus > 1 else ''}: "
      f"{num_gpus * rate:.0f} images/s, "
      f"{images / (num_gpus * rate) / 3600:.1f} hours"
    )


if __name__ == "__main__":
  command_line.run(main)
