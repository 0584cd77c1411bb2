"""Writes a report of training runs as a single HTML file.

  mentornet report runs/baseline runs/pd --output=report.html

It shows settings (what differs first), a table, learning curves, how well the
weights detect clean labels, how the weights were distributed, and the suspect
labels of each run that `mentornet rank` has ranked. Pictures are inside the
file.
"""

from absl import flags

from mentornet_tf.internal.tensorflow_startup import start_tensorflow

flags.DEFINE_string("output", "report.html", "HTML file to write.")
flags.DEFINE_integer(
  "num_suspects",
  20,
  "Rows of each run's table of suspect labels.",
  lower_bound=1,
  upper_bound=1000,
)

ARGUMENTS = "RUN_FOLDER…"


def main(run_folders: list[str]) -> None:
  """Writes the report of the training folders."""
  flag = flags.FLAGS
  start_tensorflow()

  from mentornet_tf.analysis.report import write_report

  write_report(run_folders, flag.output, flag.num_suspects)
  print(flag.output)
