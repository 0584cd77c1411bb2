#!/usr/bin/env python3
"""A table whose labels are noisy: rank them, correct them, train again.

examples/table.py    # half a minute on two cores
"""

# %% Rows of numbers
# 1,797 handwritten digits, each a row of 64 numbers; one in five is a test row.
# 40 % of the training rows get a random label. Their clean labels only serve to
# tell how good the ranking is.
import os

import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import mentornet_tf as mn

EPOCHS, BATCH_SIZE = int(os.environ.get("EPOCHS", "60")), 32
keras.utils.set_random_seed(0)

rows, digits = load_digits(return_X_y=True)
rows = (rows / 16).astype("float32")
x, test_x, clean_labels, test_labels = train_test_split(
  rows, digits, test_size=0.2, stratify=digits, random_state=0
)
labels = mn.corrupt_labels(clean_labels, 10, rate=0.4, seed=0)


# %% A classifier like any other, and how good it gets
def build_classifier():
  """A small network from rows to logits."""
  return keras.Sequential(
    [
      keras.Input((64,)),
      keras.layers.Dense(256, activation="relu"),
      keras.layers.Dense(10),
    ]
  )


def train(model, x, y):
  """Accuracy on the clean test labels."""
  model.compile(
    keras.optimizers.Adam(1e-3),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
  )
  model.fit(x, y, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0)
  return model.evaluate(test_x, test_labels, verbose=0, return_dict=True)[
    "accuracy"
  ]


before = train(build_classifier(), x, labels)
print(f"noisy labels, plain Keras: test accuracy {before:.3f}")

# %% The same under a mentor, which remembers how each row went
# Rows with a large loss get little weight, so that their labels are not learnt
# by heart. `with_index` tells the memory which rows a batch holds.
memory = mn.TrainingMemory(num_examples=len(x), num_classes=10)
mentored = mn.MentoredModel(
  build_classifier(),
  mn.MentorCurriculum(
    mn.load_mentor("mentornet_pd"),
    loss_p_percentile=0.6,
    example_dropout_rates="0.0,100",
  ),
  total_steps=EPOCHS * int(np.ceil(len(x) / BATCH_SIZE)),
  memory=memory,
)
accuracy = train(mentored, mn.with_index(x), labels)
print(f"noisy labels, under a mentor: test accuracy {accuracy:.3f}")

# %% Rank the labels, most suspect first
suspects = mn.rank_labels(mentored)
print(suspects.summary())
issues = mn.find_label_issues(suspects)  # [N] bool
is_noisy = labels != clean_labels
print(
  f"{issues.sum()} labels are suspect; of these {is_noisy[issues].mean():.3f} "
  f"are noisy, which is {issues[is_noisy].mean():.3f} of all noisy ones"
)

# %% Correct them, and train from scratch
corrected = mn.correct_labels(suspects, issues)
print(
  f"{corrected.num_relabelled} labels were changed; noisy labels: "
  f"{is_noisy.mean():.3f} before, "
  f"{(corrected.labels != clean_labels).mean():.3f} after"
)
after = train(build_classifier(), x, corrected.labels)
print(f"corrected labels, plain Keras: test accuracy {after:.3f}")
