r"""Writes Controlled Noisy Web Labels as TFRecords.

These are Mini-ImageNet with noisy labels from the web (red) or made at random
(blue). --source_dir is the folder below which the published lists, the
annotations and the images lie, wherever each copy keeps them; or
--tfds_data_dir is TensorFlow Datasets' folder, where
controlled_noisy_web_labels is prepared. What annotators found of an image goes
into its record: its clean label, or that its label is wrong. The same command
resumes an interrupted conversion.

  mentornet convert-cnwl --source_dir=dataset_no_images --color=red \
      --noise_level=0.4 --output_dir=records/cnwl
  mentornet convert-cnwl --tfds_data_dir=tensorflow_datasets --color=blue \
      --noise_level=0.4 --output_dir=records/cnwl
  mentornet convert-cnwl --verify --color=red --noise_level=0.4 \
      --output_dir=records/cnwl
"""

from typing import TYPE_CHECKING

from absl import flags

from mentornet_tf.commands import conversion_flags
from mentornet_tf.errors import UserError

if TYPE_CHECKING:
  from mentornet_tf.datasets.images.listing import ListedImages

# Written out, so that --help and flag errors come at once; a test compares them
# with the library's.
SUBSETS = ("mini-imagenet", "stanford-cars")
COLORS = ("red", "blue")
NOISE_LEVELS = (
  "0.0",
  "0.05",
  "0.1",
  "0.15",
  "0.2",
  "0.3",
  "0.4",
  "0.5",
  "0.6",
  "0.8",
)

FLAGS = flags.FLAGS
flags.DEFINE_string(
  "source_dir",
  None,
  "Folder below which the lists, the annotations and the images lie.",
)
flags.DEFINE_string(
  "tfds_data_dir",
  None,
  "Folder of TensorFlow Datasets where controlled_noisy_web_labels is "
  "prepared; in place of --source_dir.",
)
flags.DEFINE_enum("subset", "mini-imagenet", SUBSETS, "Whose classes.")
flags.DEFINE_enum(
  "color",
  "red",
  COLORS,
  "Noise of the training images: from the web (red), or labels changed at "
  "random (blue).",
)
flags.DEFINE_enum(
  "noise_level", "0.4", NOISE_LEVELS, "Share of noisy training images."
)
flags.DEFINE_list("splits", ["train", "val"], "Splits to write.")
flags.DEFINE_string(
  "dataset_name",
  None,
  "Name of the set; such as mini_imagenet_red_40 if unset.",
)
conversion_flags.define_flags()

PARAMETER_FLAGS = conversion_flags.SPLITS_PARAMETER_FLAGS | {"split": "splits"}


def main() -> None:
  """Writes or verifies the records the flags describe."""
  conversion_flags.require_source("source_dir", "tfds_data_dir")
  if FLAGS.source_dir and FLAGS.tfds_data_dir:
    raise UserError(
      f"expected --source_dir or --tfds_data_dir, got {FLAGS.source_dir} and "
      f"{FLAGS.tfds_data_dir}; leave one of them out"
    )
  if FLAGS.tfds_data_dir and FLAGS.subset != SUBSETS[0]:
    raise UserError(
      f"--subset: expected {SUBSETS[0]} with --tfds_data_dir, got "
      f"{FLAGS.subset}, which TensorFlow Datasets lacks; give --source_dir"
    )
  percent = round(float(FLAGS.noise_level) * 100)
  name = f"{FLAGS.subset.replace('-', '_')}_{FLAGS.color}_{percent:02d}"
  conversion_flags.run(FLAGS.dataset_name or name, FLAGS.splits, _listed)


def _listed(split: str) -> "ListedImages":
  from mentornet_tf.datasets.trees.cnwl import load_cnwl

  if FLAGS.tfds_data_dir:
    from mentornet_tf.datasets.trees.cnwl_tfds import load_cnwl_tfds

    return load_cnwl_tfds(
      FLAGS.tfds_data_dir, split, FLAGS.color, FLAGS.noise_level
    )
  return load_cnwl(
    FLAGS.source_dir, split, FLAGS.color, FLAGS.noise_level, FLAGS.subset
  )
