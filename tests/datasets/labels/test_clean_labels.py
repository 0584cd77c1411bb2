"""What is known of a clean label."""

import numpy as np

from mentornet_tf.datasets.labels import clean_labels


def test_labels_known_to_be_wrong_are_noisy_and_unknown_ones_are_not():
  labels = np.array([0, 1, 2, 3])
  clean = np.array([0, 2, clean_labels.UNKNOWN, clean_labels.KNOWN_WRONG])
  assert clean_labels.is_checked(clean).tolist() == [True, True, False, True]
  assert clean_labels.is_noisy(labels, clean).tolist() == [
    False,
    True,
    False,
    True,
  ]
