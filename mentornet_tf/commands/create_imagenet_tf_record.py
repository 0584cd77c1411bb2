r"""Writes ImageNet's validation set by WebVision's labels.

--images is the archive ILSVRC2012_img_val.tar, which is read in place, the
folder of its images, or a folder with a folder for each synset. The first two
need --ground_truth: the folder of the devkit, or a list of WordNet ids.
--tfds_data_dir takes the images from TensorFlow Datasets instead. Images and
labels are joined by WordNet id through WebVision's info/synsets.txt. JPEGs go
into the records byte for byte. The same command resumes an interrupted
conversion, and ends with the same bytes.

  mentornet convert-imagenet --images=ILSVRC2012_img_val.tar \
      --ground_truth=ILSVRC2012_devkit_t12 --webvision_dir=webvision \
      --subset=mini --output_dir=records/webvision_mini
  mentornet convert-imagenet --images=imagenet/val \
      --synsets=webvision/info/synsets.txt --subset=all --resize=320 \
      --output_dir=records/webvision
  mentornet convert-imagenet --verify --subset=mini \
      --output_dir=records/webvision_mini
"""

from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from mentornet_tf.commands import conversion_flags
from mentornet_tf.errors import UserError
from mentornet_tf.internal.tensorflow_startup import start_tensorflow

if TYPE_CHECKING:
  from mentornet_tf.datasets.images.listing import ListedImages

SUBSETS = ("mini", "all")

FLAGS = flags.FLAGS
flags.DEFINE_string(
  "images",
  None,
  "ILSVRC2012_img_val.tar, the folder of its images, or a folder with a folder "
  "for each synset.",
)
flags.DEFINE_string(
  "ground_truth",
  None,
  "The devkit's folder or its list of validation labels, or a list of WordNet "
  "ids in the images' order or beside their names.",
)
flags.DEFINE_string(
  "meta_file",
  None,
  "The devkit's meta.mat; beside the list of --ground_truth if unset.",
)
flags.DEFINE_string(
  "tfds_data_dir",
  None,
  "Folder of TensorFlow Datasets where imagenet2012 is prepared; in place of "
  "--images.",
)
flags.DEFINE_string(
  "webvision_dir", None, "Folder that holds WebVision's info/ with synsets.txt."
)
flags.DEFINE_string(
  "synsets",
  None,
  "WebVision's synsets.txt, without its folder.",
)
flags.DEFINE_enum(
  "subset", "mini", SUBSETS, "Labels to keep; mini: those below 50."
)
flags.DEFINE_string(
  "classes",
  None,
  "Only these classes: labels of WebVision or WordNet ids separated by commas, "
  "or a file of them. Their labels are numbered anew from 0.",
)
flags.DEFINE_string(
  "dataset_name", None, "Name of the set; imagenet or imagenet_mini if unset."
)
conversion_flags.define_flags()

PARAMETER_FLAGS = conversion_flags.PARAMETER_FLAGS


def main() -> None:
  """Writes or verifies the records the flags describe."""
  conversion_flags.require_source("images", "tfds_data_dir")
  if not FLAGS.verify and not (FLAGS.synsets or FLAGS.webvision_dir):
    raise UserError(
      "expected WebVision's list of classes, got none; give its folder with "
      "--webvision_dir, or its synsets.txt with --synsets"
    )
  if FLAGS.images and FLAGS.tfds_data_dir:
    raise UserError(
      f"expected --images or --tfds_data_dir, got {FLAGS.images} and "
      f"{FLAGS.tfds_data_dir}; leave one of them out"
    )
  name = "imagenet_mini" if FLAGS.subset == "mini" else "imagenet"
  listed = {} if FLAGS.verify else {"val": _listed()}
  conversion_flags.run(FLAGS.dataset_name or name, ["val"], listed.__getitem__)


def _listed() -> "ListedImages":
  from mentornet_tf.datasets.trees.imagenet import with_labels
  from mentornet_tf.datasets.trees.imagenet_sources import imagenet_images
  from mentornet_tf.datasets.trees.webvision import kept_labels
  from mentornet_tf.datasets.trees.wordnet_classes import (
    read_class_choice,
    read_synsets,
  )

  chosen = read_class_choice(FLAGS.classes) if FLAGS.classes else None
  all_classes = read_synsets(
    FLAGS.synsets or Path(FLAGS.webvision_dir, "info", "synsets.txt")
  )
  kept = kept_labels(all_classes, FLAGS.subset, chosen)
  if FLAGS.images:
    found = imagenet_images(FLAGS.images, FLAGS.ground_truth, FLAGS.meta_file)
  else:
    start_tensorflow()
    from mentornet_tf.datasets.trees.imagenet_tfds import (
      imagenet_images_of_tfds,
    )

    found = imagenet_images_of_tfds(FLAGS.tfds_data_dir)
  listed = with_labels(found, all_classes, kept)
  if without := listed.fields["classes_without_images"]:
    print(
      f"no image of {len(without)} of {len(kept)} classes: {', '.join(without)}"
    )
  return listed
