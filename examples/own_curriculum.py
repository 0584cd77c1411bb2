#!/usr/bin/env python3
"""Trains a mentor on a curriculum of your own, and shows its weights.

Here a label weighs the less, the further its loss lies above the moving
percentile, and less is forgiven as training proceeds.
"""

import numpy as np

import mentornet_tf as mn
from mentornet_tf.curricula.target_weights import register_target_weights
from mentornet_tf.mentor_training.examples import predefined_examples
from mentornet_tf.mentor_training.mentor_trainer import (
  build_mentor,
  train_mentor,
)
from mentornet_tf.mentor_training.recipes import MentorRecipe


def falling_trust(features):
  """[N] weights of [N, 4] loss, loss difference, label, epoch percentage."""
  difference, epoch = features[:, 1], features[:, 3]
  patience = 2 - epoch / 100
  return 1 - np.clip(difference / patience, 0, 1)


register_target_weights("falling_trust", falling_trust)
recipe = MentorRecipe(steps=1500, loss="squared_error")
mentor = build_mentor("mentornet", recipe)
report = train_mentor(mentor, predefined_examples("falling_trust"), recipe)
print(f"mean squared error on held-out points: {report.test_mse:.4f}")

mentor.save("falling_trust.keras")  # --trained_mentornet_dir takes this file
curriculum = mn.MentorCurriculum(mn.load_mentor("falling_trust.keras"))
curriculum.loss_moving_average.assign(1.0)
losses = [0.5, 1.0, 2.0, 3.0]
for epoch in (0, 50, 99):
  weights = curriculum.weights_without_update(losses, epoch)
  row = "  ".join(f"{float(weight):.2f}" for weight in weights)
  print(f"{epoch:2} % of training, losses {losses}: weights {row}")
