#!/usr/bin/env python3
"""Trains a classifier on your own images, some of whose labels are noisy.

examples/own_images.py FOLDER    # one folder per class: FOLDER/cat/1.jpg ...
"""

import sys

import keras
import tensorflow as tf

import mentornet_tf as mn

EPOCHS, SIZE = 20, 32
keras.utils.set_random_seed(0)

images = keras.utils.image_dataset_from_directory(
  sys.argv[1], image_size=(SIZE, SIZE), batch_size=32, seed=0
)
class_names = images.class_names
batches = images.map(
  lambda image, label: (tf.image.per_image_standardization(image), label)
).prefetch(tf.data.AUTOTUNE)

model = mn.MentoredModel(
  mn.build_student("inception", num_classes=len(class_names)),
  mn.MentorCurriculum(mn.load_mentor("mentornet_pd"), loss_p_percentile=0.6),
  total_steps=EPOCHS * len(batches),
)
model.compile(
  keras.optimizers.SGD(0.05),
  keras.losses.SparseCategoricalCrossentropy(from_logits=True),
  metrics=["accuracy"],
)
model.fit(batches, epochs=EPOCHS, verbose=2)
# A SavedModel: raw pixels or image files in, class probabilities out. Its
# images are resized and standardized as above.
mn.export_student(
  model.student,
  "classifier",
  class_names=class_names,
  image_size=SIZE,
  preparation="standardize",
)
