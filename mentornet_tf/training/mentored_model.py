"""A student under a curriculum, and the one implementation of its step."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from mentornet_tf.curricula.curriculum import Curriculum
from mentornet_tf.curricula.mentormix import MentorMix, Mixture
from mentornet_tf.curricula.registry import CURRICULA
from mentornet_tf.curricula.training_percent import training_percent
from mentornet_tf.errors import UserError
from mentornet_tf.internal.keras_saving import deserialize
from mentornet_tf.students.saved_layers import STUDENT_LAYERS
from mentornet_tf.training.ema import (
  averaged_weights,
  check_keeps_average,
)

# A weight counts as used above this value (golden `mentor_sequence_*`).
_USED_ABOVE = 1e-3


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
  step on the student for mean(ℓ·v) + decay · Σv / B. With `mixing` the step is
  MentorMix's (arXiv 1911.09781, algorithm 1): the weights decide how examples
  are mixed, and the student learns from the mixed ones.

  Args:
    student: maps a batch of images to logits [B, num_classes]; its
      regularisation losses are the weight decay.
    curriculum: maps losses [B] and the epoch to weights [B].
    total_steps: number of steps of the optimizer that make up the whole
      training; the epoch is counted in percent of it. With
      `gradient_accumulation_steps=k` these are 1/k of the batches.
    mixing: how examples are mixed; None trains on them as they are.
    judge_by_average: whether the curriculum is shown the losses of the average
      of the student's weights, which the optimizer then has to keep
      (`use_ema=True`), computed as in evaluation. They tell wrong labels better
      and cost another forward pass. The student still learns by its own.
    **kwargs: further arguments of `keras.Model`.
  """

  def __init__(
    self,
    student: keras.Model,
    curriculum: Curriculum,
    total_steps: int,
    mixing: MentorMix | None = None,
    judge_by_average: bool = False,
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
    if judge_by_average and not curriculum.uses_losses:
      raise UserError(
        "judge_by_average: expected a curriculum that weighs by losses, got "
        f"{type(curriculum).__name__}; choose another, or leave the average out"
      )
    if mixing is not None and not isinstance(mixing, MentorMix):
      raise UserError(
        "mixing: expected a MentorMix, for instance MentorMix(alpha=8.0), or "
        f"None, got {mixing!r}"
      )
    self.student = student
    self.curriculum = curriculum
    self.total_steps = total_steps
    self.mixing = mixing
    self.judge_by_average = judge_by_average
    # The losses of mixed examples have a moving average of their own.
    self.second_curriculum = None
    if mixing is not None and mixing.second_reweight:
      self.second_curriculum = curriculum.twin()
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

  @property
  def trainable_weights(self) -> list[keras.Variable]:
    """The same; it is what Keras averages at the end of `fit`."""
    return self.student.trainable_weights

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

  def judged_loss(self, images, loss, loss_of):
    """The [B] float32 losses that the curriculum is shown.

    Args:
      images: what the student was given.
      loss: [B] float32, its own losses in training.
      loss_of: from logits [B, num_classes] to losses [B].

    Raises:
      UserError: the average is to judge, and the optimizer keeps none.
    """
    if not self.judge_by_average:
      return loss
    check_keeps_average(self.optimizer)
    if not self.optimizer.built:  # as in the first step of `fit`
      self.optimizer.build(self.student.trainable_variables)
    logits, _ = self.student.stateless_call(
      [average.value for average in averaged_weights(self.optimizer)],
      [variable.value for variable in self.student.non_trainable_variables],
      images,
      training=False,
    )
    # There is no average before the first step.
    is_first = ops.convert_to_tensor(self.optimizer.iterations) == 0
    return ops.where(is_first, loss, loss_of(logits))

  def train_step(self, data) -> dict[str, Any]:
    images, labels, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    return self.mentored_step(images, labels, sample_weight)

  def mentored_step(
    self, images, labels, sample_weight=None, is_clean=None
  ) -> dict[str, Any]:
    """One SPADE or MentorMix step.

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
    if sample_weight is not None:
      # Keras also takes [B, 1], which would spread over pairs of examples.
      sample_weight = ops.reshape(sample_weight, (-1,))
    step = ops.cast(self.optimizer.iterations, "int64")
    epoch = training_percent(step, self.total_steps)
    with tf.GradientTape() as tape:
      if self.mixing is None:
        logits, loss, penalty = self._forward(images, labels)
        weight = self._weigh(images, labels, loss, epoch, is_clean)
        weighted_loss = _weighted_mean(loss * weight, sample_weight)
        decay_factor = ops.mean(weight)
      else:
        with tape.stop_recording():
          logits, loss, _ = self._forward(images, labels)
          weight = self._weigh(images, labels, loss, epoch, is_clean)
          mixture = self.mixing.draw(weight)
        weighted_loss, decay_factor, penalty = self._mixed_loss(
          mixture, images, labels, sample_weight, epoch, is_clean
        )
      weight_decay = penalty * decay_factor
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

  def _forward(self, images, labels):
    """Logits [B, num_classes], losses [B] and penalty of a training pass."""
    logits = self.student(images, training=True)
    loss = self.per_example_loss(labels, logits)
    # Now: another call of the student would replace what its layers added.
    return logits, loss, sum(self.student.losses, 0.0)

  def _weigh(self, images, labels, loss, epoch, is_clean):
    """The [B] weights of a batch."""
    loss = self.judged_loss(
      images, loss, lambda logits: self.per_example_loss(labels, logits)
    )
    return self.curriculum(loss, epoch, is_clean)

  def _mixed_loss(
    self, mixture: Mixture, images, labels, sample_weight, epoch, is_clean
  ):
    """Weighted loss of the mixed batch, factor of the weight decay, penalty."""
    images = mixture.mix(images)
    logits = self.student(images, training=True)
    penalty = sum(self.student.losses, 0.0)

    def loss_of(logits):
      return self._loss_of_mixture(mixture, labels, logits)

    loss = loss_of(logits)
    if sample_weight is not None:
      sample_weight = mixture.mix(ops.cast(sample_weight, "float32"))
    if self.second_curriculum is None:
      return _weighted_mean(loss, sample_weight), 1.0, penalty
    if is_clean is not None:
      is_clean = is_clean & mixture.of_partners(is_clean)
    judged = self.judged_loss(images, loss, loss_of)
    weight = self.second_curriculum(judged, epoch, is_clean)
    return _weighted_mean(loss * weight, sample_weight), 0.0, penalty

  def _loss_of_mixture(self, mixture: Mixture, labels, logits):
    """[B] losses by the mixed labels."""
    if len(labels.shape) == len(logits.shape) and labels.shape[-1] != 1:
      mixed = mixture.mix(ops.cast(labels, "float32"))
      return self.per_example_loss(mixed, logits)
    # Class numbers cannot be mixed; the cross-entropy is linear in the label's
    # distribution, so that mixing its two values is the same.
    own = self.per_example_loss(labels, logits)
    others = self.per_example_loss(mixture.of_partners(labels), logits)
    return mixture.share * own + (1 - mixture.share) * others

  def get_config(self) -> dict[str, Any]:
    serialize = keras.saving.serialize_keras_object
    return {
      **super().get_config(),
      "student": serialize(self.student),
      "curriculum": serialize(self.curriculum),
      "total_steps": self.total_steps,
      "mixing": self.mixing and serialize(self.mixing),
      "judge_by_average": self.judge_by_average,
    }

  @classmethod
  def from_config(cls, config, custom_objects=None):
    student = deserialize(config.pop("student"), STUDENT_LAYERS, custom_objects)
    curriculum = deserialize(
      config.pop("curriculum"), CURRICULA, custom_objects
    )
    if config.get("mixing") is not None:
      config["mixing"] = keras.saving.deserialize_keras_object(config["mixing"])
    return cls(student, curriculum, **config)


def _weighted_mean(values, sample_weight):
  """Mean of [B] values times the user's factors [B]; divides by B."""
  return ops.mean(values if sample_weight is None else values * sample_weight)
