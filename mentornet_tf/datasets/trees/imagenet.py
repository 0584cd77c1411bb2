"""ILSVRC2012's validation set with the labels of WebVision.

Both have the same thousand classes in different orders, so that images are
joined with labels by WordNet id alone.
"""

import os
from collections.abc import Sequence

import numpy as np

from mentornet_tf.datasets.images.bytes_columns import BytesColumn
from mentornet_tf.datasets.images.listing import ImageList, ListedImages
from mentornet_tf.datasets.trees.imagenet_sources import ImageNetImages
from mentornet_tf.datasets.trees.wordnet_classes import WordNetClasses
from mentornet_tf.errors import UserError


def with_labels(
  found: ImageNetImages, classes: WordNetClasses, kept: Sequence[int]
) -> ListedImages:
  """Joins the images with WebVision's classes by WordNet id.

  Images of classes that are not kept are left out; those of synsets without a
  label are listed as dropped. The field "classes_without_images" lists the kept
  classes that no image shows.

  Args:
    found: the images with their synsets.
    classes: WebVision's classes in the order of its labels.
    kept: the labels to keep, ascending; they are renumbered from 0.

  Raises:
    UserError: two classes are one synset, or no image shows a kept class.
  """
  label_of = {synset: label for label, synset in enumerate(classes.wordnet_ids)}
  if len(label_of) < len(classes):
    raise UserError(
      f"expected a synset of its own for each of {len(classes)} classes, got "
      f"{len(label_of)} different ones; get WebVision's synsets.txt again"
    )
  new_label = np.full(len(classes) + 1, -1)
  new_label[kept] = np.arange(len(kept))
  # The last row stands for synsets without a label.
  labels = np.array(
    [label_of.get(synset, len(classes)) for synset in found.synsets], np.int64
  )
  rows = np.flatnonzero(new_label[labels] >= 0)
  if not len(rows):
    raise UserError(
      f"expected images of the {len(kept)} chosen classes, such as "
      f"{classes.wordnet_ids[kept[0]]}, got none in {len(found.paths)} images; "
      "choose other classes, or correct the labels"
    )
  paths = BytesColumn.of(os.fsencode(path) for path in found.paths)
  unknown = np.flatnonzero(labels == len(classes))
  shown = new_label[labels[rows]]
  without = sorted(set(range(len(kept))) - set(shown.tolist()))
  wordnet_ids = [classes.wordnet_ids[label] for label in kept]
  synsets = BytesColumn.of(each.encode() for each in classes.wordnet_ids)
  return ListedImages(
    images=ImageList(
      paths=paths.take(rows),
      labels=shown,
      clean_labels=shown,
      ids=found.ids[rows],
      synsets=synsets.take(labels[rows]),
      offsets=None if found.offsets is None else found.offsets[rows],
      sizes=None if found.sizes is None else found.sizes[rows],
    ),
    reader=found.reader,
    class_names=tuple(classes.names[label] for label in kept),
    description=found.description,
    fields={
      "noise": {"kind": "none"},
      "ordering": "imagenet_val",
      "wordnet_ids": wordnet_ids,
      "webvision_labels": list(kept),
      "classes_without_images": [wordnet_ids[label] for label in without],
    },
    dropped=tuple(
      (paths[row], "synset not in WebVision") for row in unknown.tolist()
    ),
  )
