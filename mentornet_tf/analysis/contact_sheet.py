"""The most suspect images of a dataset on one sheet."""

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from mentornet_tf.analysis import plots
from mentornet_tf.analysis.label_scores import SuspectLabels
from mentornet_tf.datasets.labels.clean_labels import KNOWN_WRONG, UNKNOWN
from mentornet_tf.datasets.reading.dataset import TrainingData

# Pixels of an image's longer side that the sheet can show.
_LONGEST_SIDE = 128


def draw_suspects(
  suspects: SuspectLabels, data: TrainingData, num_images: int
) -> Figure:
  """The most suspect images, each under "given → suggested".

  Args:
    suspects: the result of `suspect_labels` for `data`.
    data: only the images that are drawn are read.
    num_images: how many images to draw.

  Raises:
    UserError: a record is damaged.
  """
  chosen = suspects.order[:num_images]
  given_labels = suspects.labels[chosen]
  predicted = suspects.predicted_labels[chosen]
  clean = suspects.clean_labels[chosen]
  titles = [
    f"{data.class_names[given]} → {data.class_names[suggested]}"
    for given, suggested in zip(given_labels, predicted, strict=True)
  ]
  verdicts = [
    verdict(*row) for row in zip(given_labels, predicted, clean, strict=True)
  ]
  return plots.draw_contact_sheet(
    reduced(data.pixels(chosen)),
    titles,
    verdicts,
    f"The {len(chosen)} most suspect of {len(data)} labels of {data.name}: "
    "given → suggested",
  )


def verdict(given: int, suggested: int, clean: int) -> str:
  """What is known of a suggestion, as `plots.draw_contact_sheet` takes it."""
  if clean == UNKNOWN:
    return "unknown"
  if clean == given:
    return "kept"
  if clean == KNOWN_WRONG and suggested != given:
    return "known_wrong"
  return "found" if clean == suggested else "missed"


def reduced(
  images: np.ndarray, longest_side: int = _LONGEST_SIDE
) -> np.ndarray:
  """Images no larger than a sheet can show; smaller ones stay as they are.

  Args:
    images: [M, height, width, 3] uint8.
    longest_side: pixels to which a longer side is reduced.

  Returns:
    [M, new height, new width, 3] uint8.
  """
  longest = max(images.shape[1:3])
  if longest <= longest_side:
    return images
  size = [
    max(1, round(side * longest_side / longest)) for side in images.shape[1:3]
  ]
  resized = tf.image.resize(images, size, antialias=True)
  return np.rint(resized).astype(np.uint8)
