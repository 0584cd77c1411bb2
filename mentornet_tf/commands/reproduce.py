r"""Compares the curricula on CIFAR-10 with noisy labels.

  mentornet reproduce --source_dir=cifar-10-batches-bin --output_dir=runs/small
  mentornet reproduce --protocol=human --human_labels=CIFAR-10_human.pt --jobs=2

Trains every method of a protocol with three seeds, says how long that takes,
and writes a table, learning curves and the weights of clean and noisy labels:

  small       10,000 images, 40 % of which get a random label; 3,000 steps
  human       the same with the worst labels of CIFAR-10N, given by people
  asymmetric  the same where 40 % of five classes get that of a similar one
  medium      all 50,000 images, augmented, 40 % random labels; 12,000 steps

A run of small takes about a quarter of an hour on a processor core. Ctrl-C
saves and ends; the same command continues from there, and a finished run is not
repeated. The paper's own grid takes a GPU: benchmarks/paper_grid.py of a
checkout trains it.
"""

from absl import flags

from mentornet_tf.commands import command_line
from mentornet_tf.internal.tensorflow_startup import start_tensorflow

# Written out, so that --help need not wait for the library; a test compares.
PROTOCOLS = ("small", "human", "asymmetric", "medium")

flags.DEFINE_enum("protocol", "small", PROTOCOLS, "What to compare.")
flags.DEFINE_string(
  "source_dir",
  None,
  "The official CIFAR-10 archive; without it TensorFlow Datasets is asked.",
)
flags.DEFINE_string(
  "output_dir",
  None,
  "Folder to write, by default runs/PROTOCOL_protocol; one for each protocol "
  "and noise rate.",
)
flags.DEFINE_string(
  "human_labels",
  None,
  "For --protocol=human: a file that --label_file of convert-cifar takes, with "
  "ids or clean labels; CIFAR-10N's worse_label in it, or else its label, or "
  "its only column of labels.",
)
flags.DEFINE_float(
  "noise_rate",
  None,
  "For --protocol=small: share of the labels that are drawn anew, 0.4 if "
  "unset. The loss percentile becomes 1 minus that.",
  lower_bound=0,
  upper_bound=1,
)
flags.DEFINE_enum(
  "mixed_precision",
  None,
  ["mixed_bfloat16", "mixed_float16"],
  "Dtype policy of the students, float32 if unset; it needs an output_dir of "
  "its own. On CPUs with AMX bfloat16 takes about half of the time.",
)
flags.DEFINE_list(
  "methods", None, "Names of the runs to make; by default all of them."
)
flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of each run.")
flags.DEFINE_integer(
  "max_number_of_steps",
  None,
  "Length of each training, fewer than the protocol's for a trial.",
  lower_bound=1,
)
flags.DEFINE_integer(
  "jobs",
  1,
  "Runs at a time, each in a process of its own with its share of the cores.",
  lower_bound=1,
)
flags.DEFINE_string("device_id", "0", "GPU to use, where there is one.")
flags.register_validator(
  "seeds",
  lambda seeds: bool(seeds) and all(seed.isdecimal() for seed in seeds),
  "expected whole numbers separated by commas, such as 0,1,2",
)
command_line.require_finite("noise_rate")

PARAMETER_FLAGS = {"folder": "output_dir", "label_file": "human_labels"}


def main() -> None:
  """Runs what is missing and prints the table."""
  flag = flags.FLAGS
  from mentornet_tf.experiments.protocols import chosen_protocol

  # Before TensorFlow starts, so that contradictory flags fail at once.
  protocol = chosen_protocol(
    flag.protocol,
    noise_rate=flag.noise_rate,
    human_labels=flag.human_labels,
    mixed_precision=flag.mixed_precision,
  )
  folder = flag.output_dir or f"runs/{flag.protocol}_protocol"
  start_tensorflow(flag.device_id)
  from mentornet_tf.experiments.protocol_runs import run_protocol
  from mentornet_tf.experiments.protocol_tables import results_table

  outcomes = run_protocol(
    folder,
    flag.source_dir,
    protocol=protocol,
    methods=flag.methods,
    seeds=[int(seed) for seed in flag.seeds],
    max_number_of_steps=flag.max_number_of_steps,
    jobs=flag.jobs,
  )
  if outcomes:
    print(f"\n{results_table(protocol, outcomes)}\n\n{folder}")
