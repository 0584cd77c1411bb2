"""Joint training: a mentor that is updated while its student trains.

Paper, Algorithm 1, line 6: at chosen times the student's losses on a small set
whose clean labels are known become examples, and the mentor trains on them.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from mentornet_tf.curricula.curriculum import Curriculum
from mentornet_tf.curricula.mentor_curriculum import MentorCurriculum
from mentornet_tf.curricula.training_percent import training_percent
from mentornet_tf.errors import UserError
from mentornet_tf.evaluation.label_detection import (
  SELECTED_ABOVE,
  weight_quality,
)
from mentornet_tf.mentor_training.decisions import decided_examples
from mentornet_tf.mentor_training.examples import MentorExamples
from mentornet_tf.mentor_training.mentor_folder import MentorReport
from mentornet_tf.mentor_training.mentor_outputs import mentor_weights
from mentornet_tf.mentor_training.mentor_trainer import (
  MentorMeasure,
  fill_unseen_epochs,
  train_mentor,
)
from mentornet_tf.training.joint.schedule import UpdateSchedule
from mentornet_tf.training.joint.subset_examples import gather_examples
from mentornet_tf.training.mentored_model import MentoredModel


@dataclasses.dataclass(frozen=True)
class UpdateReport:
  """The result of an update of the mentor, on the clean-labeled subset.

  Attributes:
    train_loss: loss of the predicted probabilities that labels are clean, over
      the four fifths that the mentor was trained on; cross-entropy in nats,
      unless the recipe says otherwise.
    test_loss: the same over the held-out fifth.
    selected: share of the subset whose weight is above 0.5 after the update.
    label_precision: share of clean labels among these; NaN if there are none.
    label_recall: share of the clean labels that are among these.
  """

  train_loss: float
  test_loss: float
  selected: float
  label_precision: float
  label_recall: float

  def __str__(self) -> str:
    return (
      f"loss {self.train_loss:.4f} on its examples, {self.test_loss:.4f} held "
      f"out; selects {100 * self.selected:.0f} % of the subset, precision "
      f"{self.label_precision:.3f}, recall {self.label_recall:.3f}"
    )


def update_mentor(
  model: MentoredModel,
  batches: Iterable[tuple[Any, Any, Any]],
  schedule: UpdateSchedule,
) -> UpdateReport:
  """Trains the mentor of `model` on its student's current losses.

  Neither the student nor the curriculum's state changes. A fifth of the
  examples is held out, and the mentor takes the state that did best on it:
  one from this training, or the state before. It then predicts the probability
  that a label is clean, and is trained once more on its own decisions, for the
  reason that `decided_examples` gives.

  Args:
    model: its curriculum is a `MentorCurriculum`.
    batches: a finite number of (images, labels, is_clean) as in training: what
      the student takes, what the loss takes, and [B] bool, whether the labels
      are clean. A mentor that sees the memory needs images as `with_index`
      returns them, with their index in the training data.
    schedule: how; the step of `model` tells which update this is.

  Returns:
    The report on the updated mentor.

  Raises:
    UserError: a curriculum without a mentor, a subset in which all labels are
      clean or all are noisy, or images without the index that they need.
  """
  check_has_mentor(model.curriculum)
  step = int(model.step)
  percents = _percents_ahead(step, schedule, model.total_steps)
  rng = np.random.default_rng([schedule.seed, step])
  examples = gather_examples(model, batches, percents, rng)
  mentor = model.curriculum.mentor
  report = _train_and_keep_best(mentor, examples, schedule)
  if schedule.decision_threshold:
    decisions = decided_examples(examples, mentor, schedule.decision_threshold)
    if decisions.binary:
      _train_and_keep_best(mentor, decisions, schedule)
  return _update_report(mentor, examples, report)


def _train_and_keep_best(
  mentor: keras.Model, examples: MentorExamples, schedule: UpdateSchedule
) -> MentorReport:
  """Trains, and takes the state that did best on the held-out examples."""
  recipe = schedule.recipe
  measure = MentorMeasure(mentor, examples, recipe.loss_kind(examples.binary))
  best = [(measure(0, 0.0), mentor.get_weights())]

  def keep_if_better(report: MentorReport) -> None:
    if report.test_loss < best[0][0].test_loss:
      best[0] = report, mentor.get_weights()

  train_mentor(
    mentor, examples, recipe, seed=schedule.seed, on_report=keep_if_better
  )
  report, weights = best[0]
  mentor.set_weights(weights)
  if report.step:
    fill_unseen_epochs(mentor, examples.train_features)
  return report


def _percents_ahead(
  step: int, schedule: UpdateSchedule, total_steps: int
) -> range:
  """The percentages of training from `step` to the next update, or the end."""
  end = (*schedule.steps_after(step, total_steps), total_steps)[0]
  return range(
    training_percent(step, total_steps),
    training_percent(end - 1, total_steps) + 1,
  )


def _update_report(
  mentor: keras.Model, examples: MentorExamples, report: MentorReport
) -> UpdateReport:
  features = np.concatenate([examples.train_features, examples.test_features])
  is_clean = np.concatenate([examples.train_targets, examples.test_targets]) > 0
  weights = mentor_weights(mentor, features)
  quality = weight_quality(weights, is_clean)
  return UpdateReport(
    train_loss=report.train_loss,
    test_loss=report.test_loss,
    selected=float(np.mean(weights > SELECTED_ABOVE)),
    label_precision=quality["label_precision"],
    label_recall=quality["label_recall"],
  )


def check_has_mentor(curriculum: Curriculum | None) -> None:
  """Raises UserError unless a mentor weighs the examples."""
  if not isinstance(curriculum, MentorCurriculum):
    raise UserError(
      "curriculum: expected one with a mentor to update, a MentorCurriculum, "
      f"got {type(curriculum).__name__}; choose it, with a mentor as "
      "`trained_mentornet_dir`, or leave the updates out"
    )
