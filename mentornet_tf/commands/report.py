r"""Writes a report of one training run or several as a single HTML file.

  bin/report.py runs/baseline runs/pd --output=report.html

It shows settings (what differs first), a table, learning curves, how well the
weights find true labels, how the weights were spread, and the suspect labels of
each run that bin/rank_labels.py has ranked. Pictures are inside the file.
"""

from absl import flags

from mentornet_tf.commands import command_line

flags.DEFINE_string("output", "report.html", "HTML file to write.")
flags.DEFINE_integer(
  "num_suspects",
  20,
  "Rows of each run's table of suspect labels.",
  lower_bound=1,
  upper_bound=1000,
)


def main(folders: list[str]) -> None:
  """Writes the report of the training folders."""
  flag = flags.FLAGS
  command_line.start_tensorflow()

  from mentornet_tf.analysis.report import write_report

  write_report(folders, flag.output, flag.num_suspects)
  print(flag.output)


def run() -> None:
  """Runs the command."""
  command_line.run(main, arguments="RUN_FOLDER…")


if __name__ == "__main__":
  run()
