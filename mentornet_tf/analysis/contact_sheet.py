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
# Characters of a path that fit below an image.
_LONGEST_PATH = 24


def draw_suspects(
  suspects: SuspectLabels,
  data: TrainingData,
  chosen: np.ndarray,
  images: np.ndarray,
) -> Figure:
  """The most suspect images under "given → suggested", above rank, id and path.

  Args:
    suspects: the result of `suspect_labels` for `data`.
    data: names the classes.
    chosen: [M] positions of the most suspect images, first in `suspects.order`.
    images: [M, height, width, 3] uint8, these images.
  """
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
    images,
    titles,
    verdicts,
    f"The {len(chosen)} most suspect of {len(data)} labels of {data.name}: "
    "given → suggested",
    captions=[
      caption(rank, suspects.ids[i], suspects.path(i))
      for rank, i in enumerate(chosen, 1)
    ],
  )


def caption(rank: int, id: int, path: str) -> str:
  """What stands under an image: rank and id, and the end of its path."""
  lines = [f"{rank} · id {id}"]
  if path:
    lines.append(path if len(path) <= _LONGEST_PATH else _end(path))
  return "\n".join(lines)


def _end(path: str) -> str:
  """The end of a long path, whole names where they fit."""
  end = path[1 - _LONGEST_PATH :]
  _, slash, names = end.partition("/")
  return f"…{slash}{names}" if slash else f"…{end}"


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
