"""Small models under a mentor and noisy data, for joint training."""

import keras
import numpy as np
import tiny

import mentornet_tf as mn
from mentornet_tf.curricula.registry import build_mentor_curriculum
from mentornet_tf.mentor_training.recipes import MentorRecipe

# Small batches: few passes, each of which is reported.
QUICK = MentorRecipe(steps=60, batch_size=12, warmup_steps=5)
# Enough to change a mentor.
BRIEF = MentorRecipe(steps=12, batch_size=8, warmup_steps=2)


def student_with_state():
  """With batch statistics and dropout, which gathering must not change."""
  return keras.Sequential(
    [
      keras.Input((32, 32, 3)),
      keras.layers.AveragePooling2D(8),
      keras.layers.Flatten(),
      keras.layers.BatchNormalization(),
      keras.layers.Dropout(0.2),
      keras.layers.Dense(4),
    ]
  )


def linear_student():
  keras.utils.set_random_seed(1)
  return keras.Sequential(
    [keras.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(4)]
  )


def mentored(
  student=None, mentor=None, weigh_by_average=False, memory=None, **options
):
  keras.utils.set_random_seed(2)
  options = {"example_dropout_rates": "0.0,100"} | options
  model = mn.MentoredModel(
    student or student_with_state(),
    build_mentor_curriculum(
      mentor or mn.load_mentor("mentornet_pd"), **options
    ),
    total_steps=100,
    weigh_by_average=weigh_by_average,
    memory=memory,
  )
  optimizer = keras.optimizers.SGD(
    0.05, use_ema=weigh_by_average, ema_momentum=0.9
  )
  optimizer.build(model.student.trainable_variables)
  model.compile(
    optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True)
  )
  return model


def arrays(count=120, seed=0):
  data = tiny.dataset(count, noise=0.4, seed=seed)
  images = data.images.astype(np.float32) / 255
  return images, data.labels, data.labels == data.clean_labels
