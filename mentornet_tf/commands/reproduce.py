r"""Compares the curricula on a small data set.

  mentornet reproduce --source_dir=cifar-10-batches-bin --output_dir=runs/small

Ten thousand CIFAR-10 images, 40 % of which get a random label; CifarNet, 3,000
steps, three seeds for every curriculum; then prints a table. That is about a
quarter of an hour per run on a processor core. Ctrl-C saves and ends; the same
command continues from there, and a finished run is not repeated.
"""

from absl import flags

from mentornet_tf.internal.tensorflow_startup import start_tensorflow

flags.DEFINE_string(
  "source_dir",
  None,
  "The official CIFAR-10 archive; without it TensorFlow Datasets is asked.",
)
flags.DEFINE_string("output_dir", "runs/small_protocol", "Folder to write.")
flags.DEFINE_list(
  "methods", None, "Names of the runs to make; by default all of them."
)
flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of each run.")
flags.DEFINE_integer(
  "max_number_of_steps",
  3000,
  "Length of each training; fewer for a trial.",
  lower_bound=1,
)
flags.DEFINE_string("device_id", "0", "GPU to use, where there is one.")
flags.register_validator(
  "seeds",
  lambda seeds: bool(seeds) and all(seed.isdecimal() for seed in seeds),
  "expected whole numbers separated by commas, such as 0,1,2",
)


def main() -> None:
  """Runs what is missing and prints the table."""
  flag = flags.FLAGS
  start_tensorflow(flag.device_id)
  from mentornet_tf.experiments import small_protocol

  outcomes = small_protocol.run_small_protocol(
    flag.output_dir,
    flag.source_dir,
    methods=flag.methods or tuple(small_protocol.METHODS),
    seeds=[int(seed) for seed in flag.seeds],
    max_number_of_steps=flag.max_number_of_steps,
  )
  if outcomes:
    print(f"\n{small_protocol.results_table(outcomes)}\n\n{flag.output_dir}")
