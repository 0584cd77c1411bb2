"""A student under a curriculum, and the one implementation of its step."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from mentornet_tf.curricula.curriculum import Curriculum
from mentornet_tf.curricula.dropout_rates import NUM_EPOCHS
from mentornet_tf.curricula.registry import deserialize_curriculum
from mentornet_tf.errors import UserError

# A weight counts as used above this value (golden `mentor_sequence_*`).
_USED_ABOVE = 1e-3


def training_epoch(step, total_steps: int):
  """Percentage of training done: 100 · step // total_steps, at most 99.

  Args:
    step: int64 scalar, counted from 0.
    total_steps: length of training in steps.

  Returns:
    int32 scalar 0..99. Source: golden `epoch_percentage`.
  """
  percentage = NUM_EPOCHS * ops.cast(step, "int64") // total_steps
  return ops.cast(ops.minimum(percentage, NUM_EPOCHS - 1), "int32")


def data_utilization(used_examples, batch_size, step):
  """min(1, N / B / (step + 2)): the share of examples used so far.

  The offset of 2 is the original's (golden `mentor_sequence_*`).
  """
  per_batch = ops.cast(used_examples, "float32") / ops.cast(
    batch_size, "float32"
  )
  return ops.minimum(per_batch / ops.cast(step + 2, "float32"), 1.0)


@keras.saving.register_keras_serializable(package="mentornet_tf")
class MentoredModel(keras.Model):
  """Trains `student` on a loss whose examples `curriculum` weighs (SPADE).

  Predicts and evaluates as the student alone. Every training step follows
  paper Algorithm 1: losses of the batch, weights from the losses, one optimiser
  step on the student for mean(ℓ·v) + decay · Σv / B.

  Args:
    student: maps a batch of images to logits [B, num_classes]; its
      regularisation losses are the weight decay.
    curriculum: maps losses [B] and the epoch to weights [B].
    total_steps: number of steps that make up the whole training; the epoch is
      counted in percent of it.
    **kwargs: further arguments of `keras.Model`.
  """

  def __init__(
    self,
    student: keras.Model,
    curriculum: Curriculum,
    total_steps: int,
    **kwargs,
  ):
    super().__init__(**kwargs)
    if not isinstance(curriculum, Curriculum):
      raise UserError(
        "curriculum: expected a Curriculum, for instance MentorCurriculum("
        f'load_mentor("mentornet_pd")), got {curriculum!r}'
      )
    if total_steps < 1:
      raise UserError(f"total_steps: expected at least 1, got {total_steps}")
    self.student = student
    self.curriculum = curriculum
    self.total_steps = total_steps
    self.used_examples = self.add_weight(
      name="used_examples",
      shape=(),
      dtype="int64",
      initializer="zeros",
      trainable=False,
    )
    self.built = student.built

  @property
  def trainable_variables(self) -> list[keras.Variable]:
    """The student's alone: the step does not train the mentor."""
    return self.student.trainable_variables

  def call(self, inputs, training=None):
    return self.student(inputs, training=training)

  def build(self, input_shape):
    if not self.student.built:
      self.student.build(input_shape)
    self.built = True

  def per_example_loss(self, labels, logits):
    """[B] float32 losses of the compiled loss, before any reduction."""
    loss = keras.losses.get(self.loss)
    function = loss.call if isinstance(loss, keras.losses.Loss) else loss
    values = function(labels, ops.cast(logits, "float32"))
    if values.shape.rank == 0:
      raise UserError(
        "loss: expected one value for each example, got a single number; give "
        "a loss whose `call` returns the shape [batch]"
      )
    return ops.mean(ops.reshape(values, (ops.shape(values)[0], -1)), axis=1)

  def train_step(self, data) -> dict[str, Any]:
    images, labels, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    return self.mentored_step(images, labels, sample_weight)

  def mentored_step(
    self, images, labels, sample_weight=None, is_clean=None
  ) -> dict[str, Any]:
    """One SPADE step.

    Args:
      images: [B, …], what the student takes.
      labels: [B] or [B, num_classes], what the compiled loss takes.
      sample_weight: [B] factors of the weighted loss, or None.
      is_clean: [B] bool, whether each label is right, for a curriculum that
        asks for it; None where not known.

    Returns:
      The scalars to log, under their original names. `curriculum.last` then
      holds what the weights were computed from.
    """
    step = ops.cast(self.optimizer.iterations, "int64")
    with tf.GradientTape() as tape:
      logits = self.student(images, training=True)
      loss = self.per_example_loss(labels, logits)
      epoch = training_epoch(step, self.total_steps)
      weight = self.curriculum(loss, epoch, is_clean)
      objective = loss if sample_weight is None else loss * sample_weight
      weighted_loss = ops.mean(objective * weight)
      weight_decay = sum(self.student.losses, 0.0) * ops.mean(weight)
      total_loss = weighted_loss + weight_decay
      scaled_loss = self.optimizer.scale_loss(total_loss)
    learning_rate = self.optimizer.learning_rate
    variables = self.student.trainable_variables
    self.optimizer.apply(tape.gradient(scaled_loss, variables), variables)

    self._loss_tracker.update_state(total_loss, ops.shape(loss)[0])
    metrics = self.compute_metrics(images, labels, logits, sample_weight)
    used = ops.count_nonzero(weight > _USED_ABOVE)
    self.used_examples.assign_add(ops.cast(used, "int64"))
    weighed = self.curriculum.last
    return {
      **metrics,
      "mentornet/orig_loss": ops.mean(loss),
      "mentornet/weighted_loss": weighted_loss,
      "mentornet/total_loss": total_loss,
      "total_loss": total_loss,
      "learning_rate": ops.cast(learning_rate, "float32"),
      "data_util/data_util": data_utilization(
        self.used_examples.value, ops.shape(loss)[0], step
      ),
      "data_util/batch_sum_v": ops.sum(weight),
      "debug/percentile_loss": weighed.percentile_loss,
      "debug/dropout_rate": weighed.dropout_rate,
      "debug/epoch_step": weighed.epoch,
      "debug/loss_moving_percentile": weighed.loss_moving_average,
    }

  def get_config(self) -> dict[str, Any]:
    serialize = keras.saving.serialize_keras_object
    return {
      **super().get_config(),
      "student": serialize(self.student),
      "curriculum": serialize(self.curriculum),
      "total_steps": self.total_steps,
    }

  @classmethod
  def from_config(cls, config, custom_objects=None):
    student = keras.saving.deserialize_keras_object(
      config.pop("student"), custom_objects
    )
    curriculum = deserialize_curriculum(
      config.pop("curriculum"), custom_objects
    )
    return cls(student, curriculum, **config)
