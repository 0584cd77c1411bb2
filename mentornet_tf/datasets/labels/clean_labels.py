"""What is known of an image's clean label, as one integer.

In memory a clean label is a 0-based class, or one of the two values here. On
disk the second is a record key of its own, so that other readers see a clean
label that is unknown.
"""

import numpy as np

UNKNOWN = -1
# The label is known to be wrong, though not what would be right.
KNOWN_WRONG = -2


def is_checked(clean: np.ndarray) -> np.ndarray:
  """[N] bool: whether it is known if the label is right.

  Args:
    clean: [N] integers, clean labels.
  """
  return clean != UNKNOWN


def is_noisy(labels: np.ndarray, clean: np.ndarray) -> np.ndarray:
  """[N] bool: whether the label is known to be wrong.

  Args:
    labels: [N] integers, the labels to train on.
    clean: [N] integers, clean labels.
  """
  return is_checked(clean) & (labels != clean)
