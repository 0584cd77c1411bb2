r"""Writes Clothing1M as TFRecords.

--source_dir is the folder that holds images/ and the published lists, in itself
or in annotations/ or label/. The split train has the labels of web pages, and
the clean label of those images that people have labeled, too; clean_train, val
and test have labels by people. JPEGs go into the records byte for byte. The
same command resumes an interrupted conversion, and ends with the same bytes.

  mentornet convert-clothing1m --source_dir=clothing1m --resize=256 \
      --output_dir=records/clothing1m
  mentornet convert-clothing1m --source_dir=clothing1m --splits=train \
      --output_dir=records/clothing1m
  mentornet convert-clothing1m --verify --output_dir=records/clothing1m
"""

from typing import TYPE_CHECKING

from absl import flags

from mentornet_tf.commands import conversion_flags

if TYPE_CHECKING:
  from mentornet_tf.datasets.images.listing import ListedImages

FLAGS = flags.FLAGS
flags.DEFINE_string(
  "source_dir", None, "Folder that holds images/ and the lists."
)
flags.DEFINE_list(
  "splits",
  ["train", "val", "test"],
  "Splits to write, among train, clean_train, val and test.",
)
flags.DEFINE_string("dataset_name", "clothing1m", "Name of the set.")
conversion_flags.define_flags()

PARAMETER_FLAGS = conversion_flags.SPLITS_PARAMETER_FLAGS


def main() -> None:
  """Writes or verifies the records the flags describe."""
  conversion_flags.require_source("source_dir")
  conversion_flags.run(FLAGS.dataset_name, FLAGS.splits, _listed)


def _listed(split: str) -> "ListedImages":
  from mentornet_tf.datasets.trees.clothing1m import load_clothing1m

  return load_clothing1m(FLAGS.source_dir, split)
