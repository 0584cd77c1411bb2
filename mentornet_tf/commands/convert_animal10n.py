r"""Writes ANIMAL-10N as TFRecords.

--source_dir is the folder that holds training/ and testing/ with the JPEGs,
whose names begin with their labels. JPEGs go into the records byte for byte.
Clean labels are unknown in the training split. The same command resumes an
interrupted conversion, and ends with the same bytes.

  mentornet convert-animal10n --source_dir=raw_image_ver \
      --output_dir=records/animal10n
  mentornet convert-animal10n --verify --output_dir=records/animal10n
"""

from typing import TYPE_CHECKING

from absl import flags

from mentornet_tf.commands import conversion_flags

if TYPE_CHECKING:
  from mentornet_tf.datasets.images.listing import ListedImages

FLAGS = flags.FLAGS
flags.DEFINE_string(
  "source_dir", None, "Folder that holds training/ and testing/."
)
flags.DEFINE_list("splits", ["train", "test"], "Splits to write.")
flags.DEFINE_string("dataset_name", "animal10n", "Name of the set.")
conversion_flags.define_flags()

PARAMETER_FLAGS = conversion_flags.SPLITS_PARAMETER_FLAGS | {"split": "splits"}


def main() -> None:
  """Writes or verifies the records the flags describe."""
  conversion_flags.require_source("source_dir")
  conversion_flags.run(FLAGS.dataset_name, FLAGS.splits, _listed)


def _listed(split: str) -> "ListedImages":
  from mentornet_tf.datasets.trees.animal10n import load_animal10n

  return load_animal10n(FLAGS.source_dir, split)
