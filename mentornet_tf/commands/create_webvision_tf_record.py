r"""Writes WebVision 1.0, or a part of it, as TFRecords.

--source_dir is the folder that holds info/ with the published lists, and the
images. JPEGs go into the records byte for byte; other pictures are turned into
JPEGs; files without a usable image are skipped. A report beside the records
names both kinds. The same command resumes an interrupted conversion, and ends
with the same bytes.

  mentornet convert-webvision --source_dir=webvision --subset=mini \
      --output_dir=records/webvision_mini
  mentornet convert-webvision --source_dir=webvision --subset=all \
      --resize=320 --output_dir=records/webvision
  mentornet convert-webvision --verify --subset=mini \
      --output_dir=records/webvision_mini
"""

from typing import TYPE_CHECKING

from absl import flags

from mentornet_tf.commands import conversion_flags

if TYPE_CHECKING:
  from mentornet_tf.datasets.images.listing import ListedImages

# Written out, so that --help and flag errors need not wait for TensorFlow; a
# test compares them with the library's.
SUBSETS = ("mini", "google", "flickr", "all")

FLAGS = flags.FLAGS
flags.DEFINE_string(
  "source_dir", None, "Folder that holds info/ and the images."
)
flags.DEFINE_enum(
  "subset",
  "mini",
  SUBSETS,
  "Training images found by google, flickr or both (all); mini: labels below "
  "50 of google.",
)
flags.DEFINE_string(
  "classes",
  None,
  "Only these classes: labels or WordNet ids separated by commas, or a file of "
  "them. Their labels are numbered anew from 0.",
)
flags.DEFINE_list("splits", ["train", "val"], "Splits to write.")
flags.DEFINE_string(
  "dataset_name", None, "Name of the set; webvision_<subset> if unset."
)
conversion_flags.define_flags()

PARAMETER_FLAGS = conversion_flags.SPLITS_PARAMETER_FLAGS | {"split": "splits"}


def main() -> None:
  """Writes or verifies the records the flags describe."""
  conversion_flags.require_source("source_dir")
  name = FLAGS.dataset_name or f"webvision_{FLAGS.subset}"
  conversion_flags.run(name, FLAGS.splits, _listed)


def _listed(split: str) -> "ListedImages":
  from mentornet_tf.datasets.trees.webvision import load_webvision
  from mentornet_tf.datasets.trees.wordnet_classes import read_class_choice

  classes = read_class_choice(FLAGS.classes) if FLAGS.classes else None
  return load_webvision(FLAGS.source_dir, split, FLAGS.subset, classes)
