#!/usr/bin/env python3
"""Trains a student and its mentor together, with a clean-labelled subset.

Digits of which 40 % have a random label; for one in five it is known whether
the label is clean. The mentor starts from scratch.
"""

import keras
import numpy as np
import tensorflow as tf
from sklearn.metrics import roc_auc_score

import mentornet_tf as mn
from mentornet_tf.datasets.sources.digits import load_digits

EPOCHS, BATCH_SIZE = 20, 32
keras.utils.set_random_seed(0)


def standardised(source):
  """[N, 32, 32, 3] float32."""
  return tf.image.per_image_standardization(source.images).numpy()


train, test = load_digits("train"), load_digits("test")
images, labels = (
  standardised(train),
  mn.corrupt_labels(train.labels, 10, rate=0.4, seed=0),
)
checked = np.random.default_rng(0).permutation(len(labels))[: len(labels) // 5]
subset = images[checked], labels[checked], (labels == train.labels)[checked]

# Weights are 1 until the first update of the mentor, at 20 % of training.
curriculum = mn.MentorCurriculum(
  mn.MentorNet(epoch_embedding_trainable=True),
  burn_in_epoch=21,
  loss_p_percentile=0.6,
  example_dropout_rates="0.0,100",
)
steps = EPOCHS * (len(labels) // BATCH_SIZE)
student = keras.Sequential(  # any classifier that ends in logits
  [
    keras.Input((32, 32, 3)),
    keras.layers.Conv2D(16, 5, strides=2, activation="relu"),
    keras.layers.Conv2D(32, 3, strides=2, activation="relu"),
    keras.layers.Flatten(),
    keras.layers.Dense(128, activation="relu"),
    keras.layers.Dense(10),
  ]
)
model = mn.MentoredModel(student, curriculum, total_steps=steps)
model.compile(
  keras.optimizers.SGD(0.05),
  keras.losses.SparseCategoricalCrossentropy(from_logits=True),
  metrics=["accuracy"],
)
model.fit(
  tf.data.Dataset.from_tensor_slices((images, labels))
  .shuffle(len(labels), seed=0)
  .batch(BATCH_SIZE, drop_remainder=True),
  epochs=EPOCHS,
  verbose=2,
  callbacks=[
    mn.UpdateMentor(
      subset,
      at=(0.2, 0.4, 0.6, 0.8),
      batch_size=BATCH_SIZE,
      on_update=lambda step, report: print(
        f"step {step}: mentor updated, {report}"
      ),
    )
  ],
)
logits = student.predict(images, verbose=0)
weights = curriculum.weights_without_update(
  model.per_example_loss(labels, logits), 99
)
accuracy = model.evaluate(
  standardised(test), test.labels, verbose=0, return_dict=True
)["accuracy"]
detection = roc_auc_score(labels == train.labels, weights)
print(f"label-noise detection AUROC {detection:.3f}")
print(f"test accuracy {accuracy:.3f}")
