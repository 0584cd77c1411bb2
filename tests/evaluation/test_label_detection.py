import math

import numpy as np
import pytest

from mentornet_tf.evaluation.label_detection import (
  detection_quality,
  weight_quality,
)


def test_precision_recall_and_auc_of_a_small_case():
  weights = np.asarray([0.9, 0.8, 0.6, 0.4, 0.1])
  is_clean = np.asarray([True, False, True, True, False])
  quality = weight_quality(weights, is_clean)
  assert quality["label_precision"] == 2 / 3
  assert quality["label_recall"] == 2 / 3
  # Of the 6 pairs (clean, noisy) these are in order: .9 over both, .6 and .4
  # over .1.
  assert math.isclose(quality["weight_auc"], 4 / 6)
  assert math.isclose(quality["clean_weight"], (0.9 + 0.6 + 0.4) / 3)
  assert math.isclose(quality["noisy_weight"], (0.8 + 0.1) / 2)


def test_equal_weights_are_no_better_than_chance():
  quality = weight_quality(np.ones(4), np.asarray([True, True, False, True]))
  assert quality["weight_auc"] == 0.5
  assert quality["label_precision"] == 0.75
  assert quality["label_recall"] == 1.0


def test_what_is_undefined_is_nan():
  only_clean = weight_quality(np.zeros(3), np.ones(3, bool))
  assert math.isnan(only_clean["weight_auc"])
  assert math.isnan(only_clean["label_precision"])
  assert math.isnan(only_clean["noisy_weight"])
  assert only_clean["clean_weight"] == 0
  only_noisy = weight_quality(np.ones(3), np.zeros(3, bool))
  assert math.isnan(only_noisy["label_recall"])
  assert math.isnan(only_noisy["clean_weight"])
  assert only_noisy["noisy_weight"] == 1


def test_detection_of_a_small_case():
  suspicion = np.asarray([0.1, 0.9, 0.8, 0.3, 0.2])
  is_noisy = np.asarray([False, True, False, True, False])
  assert detection_quality(suspicion, is_noisy) == pytest.approx(
    {
      # Of the 6 pairs (noisy, clean) all but (.3, .8) are in order.
      "roc_auc": 5 / 6,
      # The noisy labels have the ranks 1 and 3.
      "average_precision": (1 / 1 + 2 / 3) / 2,
      "precision_at_num_wrong": 1 / 2,
    }
  )


@pytest.mark.parametrize("is_noisy", [np.ones(3, bool), np.zeros(3, bool)])
def test_labels_of_one_kind_have_no_detection_quality(is_noisy):
  assert set(detection_quality(np.arange(3.0), is_noisy).values()) == {None}
