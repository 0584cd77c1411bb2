"""Short runs whose labels are ranked, and a ranking written by hand."""

import io
from pathlib import Path

import numpy as np
import tiny
from rich.console import Console

from mentornet_tf.analysis import label_scores
from mentornet_tf.settings import TrainingSettings
from mentornet_tf.training import train

SETTINGS = TrainingSettings.of(
  dataset_name="quadrants",
  studentnet=tiny.STUDENT,
  curriculum="mentornet_pd",
  batch_size=10,
  max_number_of_steps=120,
  log_interval_steps=20,
  learning_rate=0.05,
  augment=False,
  example_dropout_rates="0.2,100",
)
STEPS = (40, 60, 80, 100, 120)


def trained(folder, **changes) -> Path:
  train.train_and_evaluate(
    SETTINGS.changed(**changes),
    folder,
    tiny.dataset(),
    options=train.RunOptions(save_interval_steps=20),
    console=Console(file=io.StringIO()),
  )
  return folder


def rank(folder, data=None, **options) -> label_scores.SuspectLabels:
  options.setdefault("print_line", lambda _: None)
  return label_scores.suspect_labels(folder, data or tiny.dataset(), **options)


def by_hand(**changes) -> label_scores.SuspectLabels:
  """Four labels, of which those with the ids 11 and 13 are noisy."""
  values = {
    "ids": np.array([10, 11, 12, 13]),
    "labels": np.array([0, 1, 0, 1]),
    "clean_labels": np.array([0, 0, 0, 0]),
    "pred_probs": np.array([[0.9, 0.1], [0.7, 0.3], [0.6, 0.4], [0.2, 0.8]]),
    "mean_loss": np.array([0.1, 1.2, 1.5, 0.3]),
    "mean_weight": np.array([1.0, 0.001, 0.004, 0.5]),
    "steps": (7,),
  }
  return label_scores.SuspectLabels(**values | changes)
