r"""Writes digits, CIFAR-10 or CIFAR-100 as TFRecords.

Digits come with scikit-learn; CIFAR is read from the official archive given by
--source_dir (binary or Python version, folder or .tar.gz), or else from
TensorFlow Datasets. Noise goes to the training split only; every record keeps
its clean label too. The same flags always write the same bytes.

  mentornet convert-cifar --output_dir=records/digits --noise=symmetric
  mentornet convert-cifar --dataset_name=cifar10 \
      --source_dir=cifar-10-batches-bin --noise=symmetric --noise_rate=0.4 \
      --output_dir=records/cifar10_sym40
"""

import sys
from typing import Any

from absl import flags

from mentornet_tf.commands import command_line, noise_flags
from mentornet_tf.datasets.labels.noise import LABEL_NOISE_KINDS
from mentornet_tf.internal.tensorflow_startup import start_tensorflow

# Written out, so that --help and flag errors need not wait for the libraries
# that read these sets; a test compares them with the library's.
DATASETS = ("digits", "cifar10", "cifar100")

FLAGS = flags.FLAGS
flags.DEFINE_enum("dataset_name", "digits", DATASETS, "Data set to write.")
flags.DEFINE_string(
  "source_dir",
  None,
  "Official CIFAR archive: its folder, its .tar.gz, or a folder with either.",
)
flags.DEFINE_string(
  "tfds_data_dir", None, "Folder of TensorFlow Datasets (its default if unset)."
)
flags.DEFINE_string("output_dir", None, "Folder for the records.")
noise_flags.define_flags(LABEL_NOISE_KINDS, "Kind of label noise.")
flags.DEFINE_string(
  "label_file",
  None,
  "For --noise=file: a .csv, .npz, .npy or .pt file of labels, or "
  "tfds:cifar10_n / tfds:cifar100_n.",
)
flags.DEFINE_string(
  "label_key", None, "Which labels of --label_file, such as worse_label."
)
flags.DEFINE_enum(
  "label_order",
  None,
  ("binary", "python", "digits"),
  "Order of a --label_file without ids and clean labels.",
)
command_line.define_seed("Seed of the noise.")
flags.DEFINE_integer(
  "num_shards",
  None,
  "Files of the training split; 5 if unset. Other splits have one.",
  lower_bound=1,
)
flags.DEFINE_list("splits", ["train", "test"], "Splits to write.")
flags.DEFINE_integer(
  "max_train_examples",
  None,
  "Write only this many training images, the first.",
  lower_bound=1,
)
flags.DEFINE_bool(
  "overwrite", False, "Replace records that were made with other flags."
)

flags.mark_flag_as_required("output_dir")

PARAMETER_FLAGS = noise_flags.PARAMETER_FLAGS


def main() -> None:
  """Writes the records the flags describe."""
  from mentornet_tf.datasets.labels.label_noise import LabelNoise

  # Before TensorFlow starts, so that contradictory flags fail at once.
  noise = LabelNoise(
    kind=FLAGS.noise,
    rate=FLAGS.noise_rate,
    matrix=FLAGS.noise_matrix,
    label_file=FLAGS.label_file,
    label_key=FLAGS.label_key,
    label_order=FLAGS.label_order,
    seed=FLAGS.seed,
  )
  start_tensorflow()
  from mentornet_tf.datasets.labels.cifar_n import describe_rate_difference
  from mentornet_tf.datasets.writing.in_memory import (
    NoisyRecords,
    write_noisy_records,
  )
  from mentornet_tf.internal.progress import standard_error_bar

  request = NoisyRecords(
    output_dir=FLAGS.output_dir,
    dataset_name=FLAGS.dataset_name,
    source_dir=FLAGS.source_dir,
    tfds_data_dir=FLAGS.tfds_data_dir,
    noise=noise,
    num_shards=FLAGS.num_shards,
    splits=tuple(FLAGS.splits),
    max_train_examples=FLAGS.max_train_examples,
    overwrite=FLAGS.overwrite,
  )
  with standard_error_bar() as bar:
    written = write_noisy_records(
      request,
      lambda split, count: bar.restart(count, description=split),
      bar.advance,
    )
  for split, result in written.items():
    print(_describe(split, result.summary))
    if warning := describe_rate_difference(result.summary):
      print(f"warning: {warning}", file=sys.stderr)
    for path in result.files:
      print(f"  {path}")


def _describe(split: str, summary: dict[str, Any]) -> str:
  from mentornet_tf.datasets.labels.label_noise import describe_noise

  return (
    f"{summary['dataset']} {split}: {summary['num_examples']} images, "
    f"{summary['num_classes']} classes, {describe_noise(summary['noise'])}"
  )
