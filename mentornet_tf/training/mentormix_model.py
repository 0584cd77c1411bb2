"""MentorMix: the step that trains a student on mixed examples.

Source: Jiang et al., ICML 2020 (arXiv 1911.09781), algorithm 1.
"""

from typing import Any

import keras
from keras import ops

from mentornet_tf.curricula.curriculum import Curriculum
from mentornet_tf.curricula.mentormix import MentorMix, Mixture
from mentornet_tf.curricula.training_percent import training_percent
from mentornet_tf.curricula.weighed_batch import WeighedBatch
from mentornet_tf.errors import UserError
from mentornet_tf.internal.keras_internals import compiled_loss
from mentornet_tf.internal.typing import Tensor
from mentornet_tf.training import replicas
from mentornet_tf.training.example_losses import (
  ExampleLosses,
  example_losses,
  pack_labels,
  single_loss,
)
from mentornet_tf.training.mentored_model import MentoredModel
from mentornet_tf.training.model_checks import check_mixing
from mentornet_tf.training.step_values import TrainingBatch


@keras.saving.register_keras_serializable(package="mentornet_tf")
class MentorMixModel(MentoredModel):
  """A `MentoredModel` that learns from mixed examples.

  The weights decide how the examples of a batch are mixed; a second forward
  pass on the mixed inputs gives the loss that the student learns from.

  Args:
    student: see `MentoredModel`. Its inputs are floats.
    curriculum: see `MentoredModel`.
    total_steps: see `MentoredModel`.
    mixing: how examples are mixed.
    **kwargs: further arguments of `MentoredModel`.

  Raises:
    UserError: an argument of another kind; in a step: integer inputs, or
      examples without a label.
  """

  def __init__(
    self,
    student: keras.Model,
    curriculum: Curriculum,
    total_steps: int,
    mixing: MentorMix,
    **kwargs: Any,
  ):
    check_mixing(mixing)
    if mixing.second_reweight and getattr(curriculum, "uses_memory", False):
      raise UserError(
        "second_reweight: expected False beside a mentor that sees what "
        "training remembers, since nothing is remembered of mixed examples, "
        "got True; switch it off"
      )
    super().__init__(student, curriculum, total_steps, **kwargs)
    self.mixing = mixing
    # The losses of mixed examples have a moving average of their own.
    self.second_curriculum = (
      curriculum.clone() if mixing.second_reweight else None
    )
    if self.second_curriculum is not None:  # labels tell of unmixed losses
      self.second_curriculum.follow(curriculum)

  def batch_losses(self, batch: TrainingBatch) -> ExampleLosses:
    check_can_be_mixed(batch.x)
    check_all_labeled(self, batch, "mixing")
    return super().batch_losses(batch)

  def student_loss(
    self,
    batch: TrainingBatch,
    loss: ExampleLosses,
    weighed: WeighedBatch,
    prediction: Tensor,
  ) -> tuple[Tensor, Tensor]:
    """mean(ℓ̃·ṽ) of the mixed examples and the penalty, two scalars.

    With several replicas, the terms of this one; partners come from all.
    """
    del prediction
    part = batch.part
    mixture, x = mixed_inputs(self.mixing, batch.x, weighed, part)
    y_pred, penalty = self.training_pass(x)
    penalty = part.share_of(penalty)
    targets = [
      (pack_labels(y, y_pred), share)
      for y, share in _mixed_targets(mixture, batch.y, y_pred)
    ]

    def loss_of(y_pred: Tensor) -> Tensor:
      values = (s * self.per_example_loss(y, y_pred) for y, s in targets)
      return sum(values, 0.0)

    weight = loss.present
    if self.second_curriculum is not None:
      penalty = ops.zeros_like(penalty)  # as the original has it
      second, _ = self.seen_by_curriculum(x, loss_of(y_pred), y_pred, loss_of)
      weighed = self.second_curriculum.weigh(
        replicas.gather(second),
        training_percent(self.step.value, self.total_steps),
        replicas.gather(_both_clean(mixture, batch.is_clean)),
        weighed.mask,
      )
      weight = part.of(weighed.weight)
    sample_weight = mixed_sample_weights(mixture, batch.sample_weight)
    weighted = sum(
      compiled_loss(
        self, y, y_pred, loss.sample_weights(weight * share, sample_weight)
      )
      for y, share in targets
    )
    return loss.term_of_mean(weighted), penalty

  def get_config(self) -> dict[str, Any]:
    mixing = keras.saving.serialize_keras_object(self.mixing)
    return {**super().get_config(), "mixing": mixing}


def mixed_inputs(
  mixing: MentorMix, x: Tensor, weighed: WeighedBatch, part: replicas.Part
) -> tuple[Mixture, Tensor]:
  """How the examples of a replica's part are mixed, and their mixed inputs.

  Args:
    mixing: samples for the global batch, alike on each replica.
    x: inputs [b, …] of the part, in any structure.
    weighed: the weights of the global batch.
    part: of the global batch, b of its B examples.
  """
  whole = mixing.sample(weighed.weight, weighed.mask)
  mixture = Mixture(part.of(whole.partner), part.of(whole.share))
  return mixture, keras.tree.map_structure(mixture.mix, x, replicas.gather(x))


def mixed_sample_weights(
  mixture: Mixture, sample_weight: Tensor | None
) -> Tensor | None:
  """The user's weights of mixed examples, float32, or None for none."""
  if sample_weight is None:
    return None
  (sample_weight,) = keras.tree.flatten(sample_weight)
  sample_weight = ops.cast(sample_weight, "float32")
  return mixture.mix(sample_weight, replicas.gather(sample_weight))


def _mixed_targets(
  mixture: Mixture, y: Tensor, y_pred: Tensor
) -> list[tuple[Tensor, Tensor]]:
  """Labels [B, …] and the share [B] of each in the loss of mixed examples."""
  (y,), (prediction,) = keras.tree.flatten(y), keras.tree.flatten(y_pred)
  if len(y.shape) == len(prediction.shape) and y.shape[-1] != 1:
    if y.shape[-1] is None:
      raise UserError(
        "y: expected a known number of label columns under MentorMix, got an "
        "unknown one; give the data set's specification a shape"
      )
    y = ops.cast(y, "float32")
    mixed = mixture.mix(y, replicas.gather(y))
    return [(mixed, ops.ones_like(mixture.share))]
  # Class numbers cannot be mixed; the cross-entropy is linear in the label's
  # distribution, so that mixing its two values is the same.
  partners = mixture.of_partners(replicas.gather(y))
  return [(y, mixture.share), (partners, 1 - mixture.share)]


def _both_clean(mixture: Mixture, is_clean: Tensor | None) -> Tensor | None:
  if is_clean is None:
    return None
  return is_clean & mixture.of_partners(replicas.gather(is_clean))


def check_all_labeled(
  model: MentoredModel, batch: TrainingBatch, name: str
) -> None:
  """Raises UserError, which begins with `name`, where a label is left out."""
  loss = single_loss(model, batch.y, batch.y_pred)
  if example_losses(loss, batch.y, batch.y_pred).mask is not None:
    raise UserError(
      f"{name}: expected a label for every example, got a loss or a mask that "
      "leaves some out (`ignore_class`); drop these examples from the data"
    )


def check_can_be_mixed(x: Tensor) -> None:
  """Raises UserError unless inputs are floats."""
  for leaf in keras.tree.flatten(x):
    dtype = keras.backend.standardize_dtype(leaf.dtype)
    if "float" not in dtype:
      raise UserError(
        f"x: expected inputs of floats under MentorMix, got {dtype}; cast "
        "images to float32, and train on tokens without `mixing`"
      )
