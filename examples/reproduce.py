#!/usr/bin/env python3
"""What curricula do for noisy labels, at small scale.

examples/reproduce.py    # a minute or two on two cores
"""

# %% Digits, of which 40 % have a random label
# The 1,797 digits that come with scikit-learn, 8 by 8 pixels each; one in five
# is a test image and keeps its clean label.
import os

import keras
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import mentornet_tf as mn

EPOCHS, BATCH_SIZE = int(os.environ.get("EPOCHS", "60")), 32

images, digits = load_digits(return_X_y=True)
images = images.reshape(-1, 8, 8, 1).astype("float32") / 8 - 1
x, test_x, clean_labels, test_labels = train_test_split(
  images, digits, test_size=0.2, stratify=digits, random_state=0
)
labels = mn.corrupt_labels(clean_labels, 10, rate=0.4, seed=0)
total_steps = EPOCHS * int(np.ceil(len(x) / BATCH_SIZE))


# %% One student, trained in four ways
def build_student():
  """A small convolutional network from images to logits."""
  return keras.Sequential(
    [
      keras.Input((8, 8, 1)),
      keras.layers.Conv2D(32, 3, activation="relu"),
      keras.layers.Conv2D(64, 3, activation="relu"),
      keras.layers.Flatten(),
      keras.layers.Dense(128, activation="relu"),
      keras.layers.Dense(10),
    ]
  )


def mentor(**options):
  """The shipped mentor, which looks at losses and at the progress."""
  return mn.MentorCurriculum(
    mn.load_mentor("mentornet_pd"),
    loss_p_percentile=0.6,  # about the share of clean labels
    example_dropout_rates="0.0,100",  # none
    **options,
  )


METHODS = {
  # Weights of 1: the training of plain Keras.
  "baseline": lambda: (mn.UniformCurriculum(), {}),
  "mentornet_pd": lambda: (mentor(), {}),
  # Mixes examples by the mentor's weights.
  "mentormix": lambda: (
    mentor(burn_in_epoch=10),
    {"mixing": mn.MentorMix(alpha=8.0, second_reweight=False)},
  ),
  # Puts the averaged student's predictions in place of labels it doubts.
  "mentormix, refined": lambda: (
    mentor(burn_in_epoch=10),
    {
      "mixing": mn.MentorMix(alpha=8.0, second_reweight=False),
      "refining": mn.RefinedLabels(),
    },
  ),
}

# %% Train, and look at the clean test labels after every epoch
curves, detection = {}, {}
for name, choose in METHODS.items():
  keras.utils.set_random_seed(0)
  curriculum, options = choose()
  memory = mn.TrainingMemory(num_examples=len(x), num_classes=10)
  model = mn.MentoredModel(
    build_student(), curriculum, total_steps, memory=memory, **options
  )
  model.compile(
    keras.optimizers.SGD(0.1, use_ema=bool(options), ema_momentum=0.99),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
  )
  history = model.fit(
    mn.with_index(x),
    labels,
    batch_size=BATCH_SIZE,
    epochs=EPOCHS,
    validation_data=(test_x, test_labels),
    # With mixing the average of the student's weights is evaluated.
    callbacks=[keras.callbacks.SwapEMAWeights()] if options else [],
    verbose=0,
  )
  curves[name] = history.history["val_accuracy"]
  suspects = mn.rank_labels(model, clean_labels=clean_labels)
  detection[name] = suspects.quality()["by_self_confidence"]["roc_auc"]
  print(f"{name}: test accuracy {curves[name][-1]:.3f}", flush=True)

# %% A table, and a picture
print("\n| run | test accuracy, best | last | label-noise detection AUROC |")
print("|---|---|---|---|")
for name, curve in curves.items():
  print(
    f"| {name} | {max(curve):.3f} | {curve[-1]:.3f} | {detection[name]:.3f} |"
  )

plt.figure(figsize=(7, 4))
for name, curve in curves.items():
  plt.plot(np.arange(1, EPOCHS + 1), curve, label=name)
plt.xlabel("epoch")
plt.ylabel("accuracy on clean test labels")
plt.ylim(0.5, 1)
plt.legend()
plt.savefig("learning_curves.png", dpi=100, bbox_inches="tight")
print("\nlearning_curves.png")
