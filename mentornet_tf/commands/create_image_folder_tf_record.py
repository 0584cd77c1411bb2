r"""Writes your own images as TFRecords.

--source_dir is a folder with a folder for each class, or with train and perhaps
val and test of such; or --csv is a table with the columns path and label, and
perhaps clean_label, known_wrong and split, or a plain list (.txt or .lst) of
paths and numbers. JPEGs go into the records byte for byte, other pictures are
turned into JPEGs; --image_size makes small squares instead. Files without a
usable image are skipped, and a report beside the records names them. The same
command resumes an interrupted conversion.

  mentornet convert-images --source_dir=birds --test_fraction=0.2 \
      --output_dir=records/birds
  mentornet convert-images --source_dir=birds --test_fraction=0.2 \
      --image_size=32 --noise=symmetric --output_dir=records/birds_sym40
  mentornet convert-images --csv=birds.csv --source_dir=birds \
      --resize=320 --output_dir=records/birds
  mentornet convert-images --csv=crowd.tsv --path_column=file \
      --label_column=species --annotators=majority --output_dir=records/crowd
"""

from typing import TYPE_CHECKING

from absl import flags

from mentornet_tf.commands import (
  command_line,
  conversion_flags,
  noise_flags,
  table_flags,
)
from mentornet_tf.datasets.labels.noise import OWN_NOISE_KINDS
from mentornet_tf.internal.tensorflow_startup import start_tensorflow

if TYPE_CHECKING:
  from mentornet_tf.datasets.images.listing import ListedImages

FLAGS = flags.FLAGS
flags.DEFINE_string(
  "source_dir",
  None,
  "Folder with a folder for each class, or with train, val and test of such; "
  "with --csv, the folder that its paths are relative to.",
)
flags.DEFINE_string(
  "csv",
  None,
  "Table with the columns path and label, and perhaps clean_label, known_wrong "
  "and split; or a .txt or .lst file with a path and a number in each line.",
)
table_flags.define_flags()
flags.DEFINE_string(
  "class_names",
  None,
  "File with a class name per line, in the order of the labels; unset, names "
  "are sorted, numbers by their value.",
)
flags.DEFINE_string(
  "dataset_name", None, "Name of the set; that of the folder or table if unset."
)
flags.DEFINE_float(
  "test_fraction",
  None,
  "Share of each class that becomes the test split, chosen by --seed; none if "
  "unset.",
  lower_bound=0,
  upper_bound=1,
)
flags.DEFINE_integer(
  "image_size",
  None,
  "Make PNGs of this many pixels a side: resized, and the middle cut out.",
  lower_bound=1,
  upper_bound=4096,
)
noise_flags.define_flags(
  OWN_NOISE_KINDS, "Label noise of the training split, by --seed."
)
conversion_flags.define_flags()
command_line.require_finite("test_fraction")

PARAMETER_FLAGS = (
  conversion_flags.PARAMETER_FLAGS
  | noise_flags.PARAMETER_FLAGS
  | {"square_side": "image_size", "table": "csv"}
)


def main() -> None:
  """Writes or verifies the records the flags describe."""
  conversion_flags.require_source("source_dir", "csv")
  table_flags.require_table("csv")
  from mentornet_tf.datasets.trees.splits import records_name

  name = records_name(FLAGS.dataset_name, FLAGS.csv or FLAGS.source_dir)
  listed = {} if FLAGS.verify else _listed(name)
  splits = _written_splits(name) if FLAGS.verify else list(listed)
  conversion_flags.run(name, splits, listed.__getitem__, FLAGS.image_size)
  if not listed:
    return
  from mentornet_tf.datasets.labels.label_noise import describe_noise
  from mentornet_tf.datasets.trees.splits import describe_clean_labels

  if FLAGS.noise != "none":
    print(describe_noise(listed["train"].fields["noise"]))
  elif line := describe_clean_labels(listed["train"]):
    print(line)


def _written_splits(name: str) -> list[str]:
  """The splits that --verify finds; that of training is always expected."""
  start_tensorflow()
  from mentornet_tf.datasets.records.shards import summary_path
  from mentornet_tf.datasets.trees.split_names import SPLITS

  return [
    split
    for split in SPLITS
    if split == "train" or summary_path(FLAGS.output_dir, name, split).exists()
  ]


def _listed(name: str) -> "dict[str, ListedImages]":
  from mentornet_tf.datasets.labels.label_noise import LabelNoise
  from mentornet_tf.datasets.trees.class_order import read_class_names
  from mentornet_tf.datasets.trees.splits import split_own_images

  noise = LabelNoise(
    FLAGS.noise, FLAGS.noise_rate, FLAGS.noise_matrix, seed=FLAGS.seed
  )
  names = read_class_names(FLAGS.class_names) if FLAGS.class_names else None
  files = table_flags.own_images(FLAGS.csv, FLAGS.source_dir, names).files()
  listed = split_own_images(files, name, noise, FLAGS.test_fraction, FLAGS.seed)
  for note in files.notes:
    print(f"note: {command_line.with_flags(note, PARAMETER_FLAGS)}")
  return listed
