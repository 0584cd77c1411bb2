"""Labels that are known to be wrong, in training."""

import dataclasses
import io

import numpy as np
import tiny
from ranked_runs import SETTINGS, rank
from rich.console import Console

from mentornet_tf.datasets.labels.clean_labels import KNOWN_WRONG, UNKNOWN
from mentornet_tf.datasets.reading.dataset import as_training_data
from mentornet_tf.mentor_training.loss_dump import read_loss_dump
from mentornet_tf.training import train
from mentornet_tf.training.joint.clean_subset import (
  clean_subset,
  update_batches,
)


def test_the_oracle_gives_them_no_weight_and_metrics_count_them(tmp_path):
  data = tiny.dataset()
  is_clean = data.labels == data.clean_labels
  assert 0 < is_clean.sum() < len(is_clean)
  # The same, but nobody knows what would be right.
  known_wrong = dataclasses.replace(
    data, clean_labels=np.where(is_clean, data.clean_labels, -2)
  )
  metrics = []
  for name, each in (("known", data), ("wrong", known_wrong)):
    train.train_and_evaluate(
      SETTINGS.changed(
        curriculum="oracle",
        max_number_of_steps=20,
        example_dropout_rates="0,100",
      ),
      tmp_path / name,
      each,
      options=train.RunOptions(record_losses=True),
      console=Console(file=io.StringIO()),
    )
    metrics.append((tmp_path / name / "metrics.csv").read_text())
  assert metrics[0] == metrics[1]
  dump = read_loss_dump(tmp_path / "wrong" / "losses.csv")
  assert set(dump.clean_label[dump.target_weights() == 0]) == {-2}
  weights = rank(tmp_path / "wrong", known_wrong).mean_weight
  np.testing.assert_array_equal(weights, is_clean)


def test_updates_of_the_mentor_learn_from_them():
  data = tiny.dataset()
  is_clean = data.labels == data.clean_labels
  clean_labels = np.where(is_clean, data.clean_labels, KNOWN_WRONG)
  clean_labels[::3] = UNKNOWN
  partly = as_training_data(
    dataclasses.replace(data, clean_labels=clean_labels)
  )
  subset = clean_subset(partly, None, clean_fraction=1.0, seed=0)
  checked = np.flatnonzero(clean_labels != UNKNOWN)
  np.testing.assert_array_equal(subset.data.labels()[1], clean_labels[checked])
  ((_, labels, seen),) = update_batches(subset, len(checked), seed=0)
  assert np.sum(~np.asarray(seen)) == np.sum(~is_clean[checked])
  assert len(labels) == len(checked)
