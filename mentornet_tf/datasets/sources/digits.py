"""Scikit-learn's bundled handwritten digits: no download needed."""

import numpy as np
from PIL import Image

from mentornet_tf.datasets.sources.base import SourceImages, numbered_paths
from mentornet_tf.datasets.sources.class_names import DIGITS

# Scikit-learn's file, a line for each image.
_FILE = "digits.csv.gz"
_SIZE = 32
# One image in five of each class is a test image.
_TEST_SHARE = 5
# The split is part of the data set: it never depends on a user's seed.
_SPLIT_SEED = 20180711


def load_digits(split: str) -> SourceImages:
  """The 1,797 digits of 8×8 pixels, resized to 32×32 with equal channels.

  Ids are positions in scikit-learn's own order, for both splits together.

  Args:
    split: "train" (1,442 images) or "test" (355).
  """
  # Imported here, since it takes a second.
  from sklearn.datasets import load_digits as load_bundled

  bundled = load_bundled()
  labels = bundled.target.astype(np.int64)
  is_test = _test_mask(labels)
  ids = np.flatnonzero(is_test if split == "test" else ~is_test)
  paths = numbered_paths(_FILE, len(labels))
  return SourceImages(
    images=np.stack([_enlarge(bundled.images[each]) for each in ids]),
    labels=labels[ids],
    ids=ids.astype(np.int64),
    class_names=DIGITS,
    ordering="digits",
    description="scikit-learn digits, 8x8 resized to 32x32, fixed split",
    paths=tuple(paths[each] for each in ids),
  )


def _test_mask(labels: np.ndarray) -> np.ndarray:
  rng = np.random.default_rng(_SPLIT_SEED)
  is_test = np.zeros(len(labels), bool)
  for digit in range(len(DIGITS)):
    members = rng.permutation(np.flatnonzero(labels == digit))
    is_test[members[: len(members) // _TEST_SHARE]] = True
  return is_test


def _enlarge(image: np.ndarray) -> np.ndarray:
  """[8, 8] values 0..16 -> [32, 32, 3] uint8."""
  gray = Image.fromarray(np.round(image * (255 / 16)).astype(np.uint8))
  resized = np.asarray(
    gray.resize((_SIZE, _SIZE), Image.Resampling.BILINEAR), np.uint8
  )
  return np.repeat(resized[:, :, np.newaxis], 3, axis=2)
