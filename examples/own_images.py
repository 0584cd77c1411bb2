#!/usr/bin/env python3
"""Trains a classifier on your own images, and tells which labels look wrong.

examples/own_images.py FOLDER    # one folder per class: FOLDER/cat/1.jpg ...

Writes the ranking of the labels to suspects/ and the classifier to classifier/.
"""

import os
import sys

import keras
import numpy as np
import tensorflow as tf

import mentornet_tf as mn

EPOCHS, SIZE, BATCH = 20, 32, 32
if len(sys.argv) != 2 or not os.path.isdir(sys.argv[1]):
  sys.exit(
    "error: FOLDER: expected one that holds a folder of images per class, got "
    f"{' '.join(sys.argv[1:]) or 'none'}; run examples/own_images.py FOLDER"
  )
keras.utils.set_random_seed(0)

# %% One image in five is for evaluation; its label may be noisy as well.
files = keras.utils.image_dataset_from_directory(
  sys.argv[1], image_size=(SIZE, SIZE), batch_size=None, shuffle=False
)
x, y = map(np.stack, zip(*files.as_numpy_iterator(), strict=True))
x = tf.image.per_image_standardization(x).numpy()
paths, class_names = np.array(files.file_paths), files.class_names
shuffled = np.random.default_rng(0).permutation(len(y))
test, train = np.split(shuffled, [len(y) // 5])

# %% Train under a mentor, and remember how each example went.
model = mn.MentoredModel(
  mn.build_student("inception", num_classes=len(class_names)),
  mn.MentorCurriculum(mn.load_mentor("mentornet_pd"), loss_p_percentile=0.6),
  total_steps=EPOCHS * -(-len(train) // BATCH),
  memory=mn.TrainingMemory(len(train), len(class_names)),
)
model.compile(
  keras.optimizers.SGD(0.05),
  keras.losses.SparseCategoricalCrossentropy(from_logits=True),
  metrics=["accuracy"],
)
inputs = mn.with_index(x[train])
model.fit(inputs, y[train], batch_size=BATCH, epochs=EPOCHS, verbose=2)
_, accuracy = model.evaluate(x[test], y[test], verbose=0)
print(f"test accuracy {accuracy:.3f}")

# %% Rank the labels of the training images, most suspect first.
suspects = mn.rank_labels(
  model, paths=paths[train], class_names=class_names, output_dir="suspects"
)
print(suspects.summary())
for at in suspects.order[:10]:
  suggested = class_names[suspects.predicted_labels[at]]
  print(f"{suspects.path(at)}: {suggested}?")

# %% A SavedModel: raw pixels or image files in, class probabilities out. Its
# images are resized and standardized as above.
mn.export_student(
  model.student,
  "classifier",
  class_names=class_names,
  image_size=SIZE,
  preparation="standardize",
)
