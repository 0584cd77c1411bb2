"""Models and data for tests of `fit`."""

from contextlib import contextmanager
from unittest import mock

import keras
import tiny

import mentornet_tf as mn
from mentornet_tf.datasets.reading.in_memory import evaluation_batches
from mentornet_tf.runs import checkpointing
from mentornet_tf.training.checkpoint_groups import variable_groups

STEPS = 50


def logits_loss():
  return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def model_of(curriculum="mentor", mixing=None, student=None, **compiling):
  keras.utils.set_random_seed(8)
  student = student() if student else tiny.student(4)
  if curriculum == "mentor":
    curriculum = mn.MentorCurriculum(mn.load_mentor("mentornet_pd"))
  model = mn.MentoredModel(student, curriculum, STEPS, mixing=mixing)
  optimizer = compiling.pop("optimizer", None) or keras.optimizers.SGD(
    0.05, momentum=0.9
  )
  optimizer.build(student.trainable_variables)
  model.compile(
    optimizer,
    compiling.pop("loss", None) or logits_loss(),
    jit_compile=compiling.pop("jit_compile", False),
    **compiling,
  )
  return model


def images_and_labels(count=60):
  (batch,) = list(evaluation_batches(tiny.dataset(count), count))
  return batch["image"].numpy(), batch["label"].numpy()


def values(model):
  groups = variable_groups(model)
  return [v.numpy() for v in checkpointing.variables_of(groups)]


def without_draws():
  """A student without dropout."""
  return keras.Sequential(
    [
      keras.Input((32, 32, 3)),
      keras.layers.AveragePooling2D(8),
      keras.layers.Flatten(),
      keras.layers.Dense(4),
    ]
  )


@contextmanager
def recorded_weighing(curriculum):
  """Yields a list that receives what each `weigh` of `curriculum` returns."""
  weighed = []
  weigh = curriculum.weigh

  def recorded(*args):
    weighed.append(weigh(*args))
    return weighed[-1]

  with mock.patch.object(curriculum, "weigh", recorded):
    yield weighed
