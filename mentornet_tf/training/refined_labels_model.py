"""The step that trains a student on refined labels, also on mixed examples."""

from typing import Any

import keras
from keras import ops

from mentornet_tf.curricula.curriculum import Curriculum
from mentornet_tf.curricula.mentormix import MentorMix
from mentornet_tf.curricula.refined_labels import RefinedLabels
from mentornet_tf.curricula.weighed_batch import WeighedBatch
from mentornet_tf.errors import UserError
from mentornet_tf.internal.keras_internals import (
  compiled_loss,
  has_loss_weights,
)
from mentornet_tf.internal.typing import Tensor
from mentornet_tf.training import replicas
from mentornet_tf.training.class_probabilities import (
  class_labels,
  class_log_probabilities,
  class_probabilities,
)
from mentornet_tf.training.example_losses import ExampleLosses, single_loss
from mentornet_tf.training.mentored_model import MentoredModel
from mentornet_tf.training.mentormix_model import (
  check_all_labeled,
  check_can_be_mixed,
  mixed_inputs,
  mixed_sample_weights,
)
from mentornet_tf.training.model_checks import check_mixing
from mentornet_tf.training.step_values import TrainingBatch


@keras.saving.register_keras_serializable(package="mentornet_tf")
class RefinedLabelsModel(MentoredModel):
  """A `MentoredModel` that learns from refined labels.

  Minimizes mean(v · ℓ + (1 − v) · H(guess, p)) + penalties, where ℓ is the
  compiled loss of the given label and H the cross-entropy of what `refining`
  guesses; of mixed examples under `mixing`, whose two labels are refined each.

  Args:
    student: see `MentoredModel`; it predicts classes [B, C].
    curriculum: see `MentoredModel`. Sees the losses of the EMA student.
    total_steps: see `MentoredModel`.
    refining: how labels are refined.
    mixing: a `MentorMix` that mixes examples once more, or None.
    **kwargs: further arguments of `MentoredModel`.

  Raises:
    UserError: an argument of another kind, `weigh_by_average=False`, or a
      `mixing` that weighs mixed examples again.
  """

  def __init__(
    self,
    student: keras.Model,
    curriculum: Curriculum,
    total_steps: int,
    mixing: MentorMix | None = None,
    weigh_by_average: bool = True,
    *,
    refining: RefinedLabels,
    **kwargs: Any,
  ):
    if not isinstance(refining, RefinedLabels):
      raise UserError(
        "refining: expected a RefinedLabels, for instance RefinedLabels("
        f"temperature=0.5), or None, got {refining!r}"
      )
    if not kwargs.pop("judge_by_average", weigh_by_average):
      raise UserError(
        "weigh_by_average: expected True beside `refining`, whose guesses are "
        "those of the EMA student, got False; leave it out"
      )
    if mixing is not None:
      check_mixing(mixing)
      if mixing.second_reweight:
        raise UserError(
          "second_reweight: expected False beside `refining`, which keeps the "
          "weight of every example at 1, got True; give MentorMix "
          "second_reweight=False"
        )
    super().__init__(
      student, curriculum, total_steps, weigh_by_average=True, **kwargs
    )
    self.refining = refining
    self.mixing = mixing
    _build(refining, student)

  def batch_losses(self, batch: TrainingBatch) -> ExampleLosses:
    if self.mixing is not None or self.refining.augmenter is not None:
      check_can_be_mixed(batch.x)
    check_all_labeled(self, batch, "refining")
    if has_loss_weights(self):
      raise UserError(
        "loss_weights: expected none beside `refining`, whose guesses have "
        "none, got some; change the learning rate instead"
      )
    if self.refining.augmenter is not None and replicas.num_replicas() > 1:
      raise UserError(
        "augmenter: expected none on several replicas, which would change "
        "their parts alike, got one; train on one device, or without it"
      )
    return super().batch_losses(batch)

  def student_loss(
    self,
    batch: TrainingBatch,
    loss: ExampleLosses,
    weighed: WeighedBatch,
    prediction: Tensor,
  ) -> tuple[Tensor, Tensor]:
    """mean(v · ℓ + (1 − v) · H(guess, p)) and the penalty, two scalars."""
    part, weight = batch.part, weighed.weight
    compiled = single_loss(self, batch.y, prediction)
    labels = class_labels(batch.y, prediction)
    probabilities = class_probabilities(compiled, prediction)
    probabilities, labels = replicas.gather((probabilities, labels))
    guess = self.refining.guess(probabilities, labels, weighed.mask)
    guesses = (1 - weight)[:, None] * guess
    # Labels, and the factor of each one's loss; the guesses fill these up to 1.
    given = [(batch.y, part.of(weight))]
    guessed = part.of(guesses)
    sample_weight = batch.sample_weight
    x = self.refining.augmented(batch.x)
    if self.mixing is not None:
      mixture, x = mixed_inputs(self.mixing, x, weighed, part)
      guessed = mixture.mix(guessed, guesses)
      given = [
        (batch.y, mixture.share * part.of(weight)),
        (
          mixture.of_partners(replicas.gather(batch.y)),
          (1 - mixture.share) * mixture.of_partners(weight),
        ),
      ]
      sample_weight = mixed_sample_weights(mixture, sample_weight)
    y_pred, penalty = batch.y_pred, batch.penalty
    if x is not batch.x:
      y_pred, penalty = self.training_pass(x)

    def factors(factor: Tensor) -> Tensor:
      return loss.sample_weights(factor * loss.present, sample_weight)

    of_labels = sum(
      compiled_loss(self, y, y_pred, factors(factor)) for y, factor in given
    )
    log_probabilities = class_log_probabilities(compiled, y_pred)
    entropy = -ops.sum(guessed * log_probabilities, axis=-1)
    entropy = entropy * factors(ops.ones_like(entropy))
    # As the compiled loss is reduced, which Keras scales for replicas itself.
    of_guesses = (
      part.share_of(ops.mean(entropy)) if loss.is_mean else ops.sum(entropy)
    )
    return loss.term_of_mean(of_labels) + of_guesses, part.share_of(penalty)

  def get_config(self) -> dict[str, Any]:
    serialize = keras.saving.serialize_keras_object
    return {
      **super().get_config(),
      "refining": serialize(self.refining),
      "mixing": self.mixing and serialize(self.mixing),
    }


def _build(refining: RefinedLabels, student: keras.Model) -> None:
  shape = getattr(student, "output_shape", None)
  if not isinstance(shape, tuple) or len(shape) != 2 or not shape[1]:
    raise UserError(
      "student: expected predictions [batch, classes] beside `refining`, got "
      f"the shape {shape}; build the student for its inputs first"
    )
  num_classes = max(shape[1], 2)  # a binary one predicts that of one class
  if not refining.built:
    refining.build(num_classes)
  elif refining.num_classes != num_classes:
    raise UserError(
      f"refining: expected one of {num_classes} classes, got that of another "
      f"model with {refining.num_classes}; give each model its own"
    )
