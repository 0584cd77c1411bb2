r"""Writes Tiny-ImageNet as TFRecords, noisy on request.

--source_dir is the folder that holds wnids.txt, words.txt, train/ and val/. The
labels count the lines of wnids.txt. JPEGs go into the records byte for byte;
every record keeps its clean label. The same command resumes an interrupted
conversion, and ends with the same bytes.

  mentornet convert-tiny-imagenet --source_dir=tiny-imagenet-200 \
      --noise=symmetric --noise_rate=0.4 --output_dir=records/tiny_sym40
  mentornet convert-tiny-imagenet --verify --output_dir=records/tiny_sym40
"""

from typing import TYPE_CHECKING

from absl import flags

from mentornet_tf.commands import conversion_flags, noise_flags
from mentornet_tf.datasets.labels.noise import OWN_NOISE_KINDS

if TYPE_CHECKING:
  from mentornet_tf.datasets.images.listing import ListedImages

FLAGS = flags.FLAGS
flags.DEFINE_string(
  "source_dir", None, "Folder that holds wnids.txt, train/ and val/."
)
flags.DEFINE_list("splits", ["train", "val"], "Splits to write.")
flags.DEFINE_string("dataset_name", "tiny_imagenet", "Name of the set.")
noise_flags.define_flags(
  OWN_NOISE_KINDS, "Label noise of the training split, by --seed."
)
conversion_flags.define_flags()

PARAMETER_FLAGS = (
  conversion_flags.SPLITS_PARAMETER_FLAGS
  | noise_flags.PARAMETER_FLAGS
  | {"split": "splits"}
)


def main() -> None:
  """Writes or verifies the records the flags describe."""
  conversion_flags.require_source("source_dir")
  conversion_flags.run(FLAGS.dataset_name, FLAGS.splits, _listed)


def _listed(split: str) -> "ListedImages":
  from mentornet_tf.datasets.labels.label_noise import (
    LabelNoise,
    describe_noise,
  )
  from mentornet_tf.datasets.trees.tiny_imagenet import load_tiny_imagenet

  noise = LabelNoise(
    FLAGS.noise, FLAGS.noise_rate, FLAGS.noise_matrix, seed=FLAGS.seed
  )
  listed = load_tiny_imagenet(
    FLAGS.source_dir, split, noise, FLAGS.dataset_name
  )
  if split == "train" and FLAGS.noise != "none":
    print(describe_noise(listed.fields["noise"]))
  return listed
