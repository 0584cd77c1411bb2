"""Trains a baseline and a MentorNet on digits.

40 % of the training labels are replaced by random ones. Writes a table, the
learning curves and a plot of the weights over the loss:

  mentornet quickstart --output_dir=runs/quickstart
"""

from absl import flags

from mentornet_tf.commands import command_line
from mentornet_tf.internal.tensorflow_startup import start_tensorflow

flags.DEFINE_string("output_dir", "runs/quickstart", "Folder to write.")
flags.DEFINE_float(
  "noise_rate",
  0.4,
  "Share of training labels replaced by a random class.",
  lower_bound=0,
  upper_bound=1,
)
flags.DEFINE_integer(
  "max_number_of_steps", 900, "Length of each training.", lower_bound=1
)
command_line.define_seed("Seed of noise, weights and data order.")
command_line.require_finite("noise_rate")


def main() -> None:
  """Runs both trainings and prints the table."""
  flag = flags.FLAGS
  start_tensorflow("0")
  from mentornet_tf.experiments.quickstart import run_quickstart

  table = run_quickstart(
    flag.output_dir,
    noise_rate=flag.noise_rate,
    max_number_of_steps=flag.max_number_of_steps,
    seed=flag.seed,
  )
  if table:
    print(f"\n{table}\n\nPictures, records and runs: {flag.output_dir}")
