r"""Writes Food-101N as TFRecords.

--source_dir is Food-101N_release, which holds images/ and meta/. Where people
have verified a label, its record says so: the clean label where it is right,
and that it is known to be wrong where it is not. --food101_dir is the folder
food-101 of the set Food-101, whose test images are those of Food-101N. JPEGs go
into the records byte for byte. The same command resumes an interrupted
conversion, and ends with the same bytes.

  mentornet convert-food101n --source_dir=Food-101N_release \
      --food101_dir=food-101 --output_dir=records/food101n
  mentornet convert-food101n --source_dir=Food-101N_release --splits=train \
      --output_dir=records/food101n
  mentornet convert-food101n --verify --splits=train \
      --output_dir=records/food101n
"""

from typing import TYPE_CHECKING

from absl import flags

from mentornet_tf.commands import conversion_flags

if TYPE_CHECKING:
  from mentornet_tf.datasets.images.listing import ListedImages

FLAGS = flags.FLAGS
flags.DEFINE_string(
  "source_dir", None, "Folder that holds images/ and meta/ of Food-101N."
)
flags.DEFINE_string(
  "food101_dir", None, "Folder that holds images/ and meta/ of Food-101."
)
flags.DEFINE_list(
  "splits",
  None,
  "Splits to write; train, and test where --food101_dir is given, if unset.",
)
flags.DEFINE_string("dataset_name", "food101n", "Name of the set.")
conversion_flags.define_flags()

PARAMETER_FLAGS = conversion_flags.SPLITS_PARAMETER_FLAGS


def main() -> None:
  """Writes or verifies the records the flags describe."""
  conversion_flags.require_source("source_dir")
  splits = FLAGS.splits
  if splits is None:
    splits = ["train", "test"] if FLAGS.food101_dir else ["train"]
  conversion_flags.run(FLAGS.dataset_name, splits, _listed)


def _listed(split: str) -> "ListedImages":
  from mentornet_tf.datasets.trees.food101n import load_food101n

  return load_food101n(FLAGS.source_dir, split, FLAGS.food101_dir)
