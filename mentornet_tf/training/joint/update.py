"""Joint training: the mentor goes on learning while its student trains.

Paper, Algorithm 1, line 6: at chosen times the student's losses on a small set
with known true labels become examples, and the mentor learns from them.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from mentornet_tf.curricula import loss_statistics
from mentornet_tf.curricula.curriculum import Curriculum
from mentornet_tf.curricula.mentor_curriculum import MentorCurriculum
from mentornet_tf.curricula.training_percent import training_percent
from mentornet_tf.errors import UserError
from mentornet_tf.evaluation.label_detection import (
  SELECTED_ABOVE,
  weight_quality,
)
from mentornet_tf.mentor_training.examples import MentorExamples, split_examples
from mentornet_tf.mentor_training.learner import (
  MentorMeasure,
  fill_unseen_epochs,
  learn_mentor,
)
from mentornet_tf.mentor_training.learning_folder import LearningReport
from mentornet_tf.mentor_training.recipes import MentorRecipe
from mentornet_tf.training.mentored_model import MentoredModel

# Slower than a mentor is learned from a grid: a checked subset is small, and
# the state that does best on the fifth kept aside is the one that stays.
UPDATE_RECIPE = MentorRecipe(steps=600, learning_rate=0.03)
# Doubtful labels do more harm than the right ones among them do good.
DECISION_THRESHOLD = 0.7


@dataclasses.dataclass(frozen=True)
class UpdateReport:
  """What an update of the mentor came to on the clean-labelled subset.

  Attributes:
    train_loss: of the learned chances that labels are right, over the four
      fifths that the mentor learned from; cross-entropy in nats, unless the
      recipe says otherwise.
    test_loss: the same over the fifth that was kept aside.
    selected: share of the subset whose weight is above 0.5 at the end.
    label_precision: share of right labels among these; NaN if there are none.
    label_recall: share of the right labels that are among these.
  """

  train_loss: float
  test_loss: float
  selected: float
  label_precision: float
  label_recall: float

  def __str__(self) -> str:
    return (
      f"loss {self.train_loss:.4f} on its examples, {self.test_loss:.4f} on "
      f"others; selects {100 * self.selected:.0f} % of the subset, precision "
      f"{self.label_precision:.3f}, recall {self.label_recall:.3f}"
    )


@dataclasses.dataclass(frozen=True)
class MentorUpdates:
  """When and how a mentor is updated during a training of its student.

  Attributes:
    at: fractions of the student's training, rising, each in (0, 1).
    recipe: how the mentor learns at each of them.
    decision_threshold: labels whose chance of being right the mentor puts above
      this get weights near 1, others near 0. At 0 the chance is the weight.
    seed: seed of the examples' split and order.
  """

  at: tuple[float, ...]
  recipe: MentorRecipe = UPDATE_RECIPE
  _: dataclasses.KW_ONLY
  decision_threshold: float = DECISION_THRESHOLD
  seed: int = 0

  def __post_init__(self):
    if not 0 <= self.decision_threshold < 1:
      raise UserError(
        "decision_threshold, update_decision_threshold: expected a number from "
        f"0 to below 1, got {self.decision_threshold}; 0 makes no decisions"
      )
    rising = all(a < b for a, b in zip(self.at, self.at[1:], strict=False))
    if not self.at or not rising or not all(0 < each < 1 for each in self.at):
      raise UserError(
        "update times (at, update_mentor_at): expected rising fractions of "
        "training between 0 and 1, got "
        f"{', '.join(map(str, self.at)) or 'none'}; write them as 0.21,0.75"
      )

  def steps(self, total_steps: int) -> list[int]:
    """The steps after which updates are due, rising.

    Raises:
      UserError: two updates fall on one step, or one on start or end.
    """
    steps = [round(fraction * total_steps) for fraction in self.at]
    within = steps[0] >= 1 and steps[-1] < total_steps
    if not within or len(set(steps)) < len(steps):
      raise UserError(
        "update times (at, update_mentor_at): expected updates at different "
        f"steps of the {total_steps}, got the steps "
        f"{', '.join(map(str, steps))}; choose other fractions or train longer"
      )
    return steps

  def steps_after(self, step: int, total_steps: int) -> list[int]:
    """Those of `steps` that come after `step`."""
    return [due for due in self.steps(total_steps) if due > step]


def parse_update_times(text: str) -> tuple[float, ...]:
  """Fractions of training from "0.21,0.75".

  Raises:
    UserError: something that is no number.
  """
  try:
    return tuple(float(part) for part in text.split(","))
  except ValueError:
    raise UserError(
      f"update_mentor_at: expected numbers separated by commas, got {text!r}; "
      "write them as 0.21,0.75"
    ) from None


def update_mentor(
  model: MentoredModel,
  batches: Iterable[tuple[Any, Any, Any]],
  updates: MentorUpdates,
) -> UpdateReport:
  """Lets the mentor of `model` learn from its student as it stands.

  Neither the student nor the curriculum's state changes. A fifth of the
  examples is kept aside, and the mentor ends where it did best on these: at
  some point of its learning, or where it was before. What it has learned then
  is the chance that a label is right. As a weight that is fair for one step; in
  many, a wrong label of weight 0.3 is memorised, too, its loss falls, and its
  weight rises. So the mentor goes on learning its own decisions.

  Args:
    model: its curriculum is a `MentorCurriculum`.
    batches: a finite number of (images, labels, is_clean) as in training: what
      the student takes, what the loss takes, and [B] bool, whether the labels
      are right.
    updates: how; the step of `model` tells which update this is.

  Returns:
    The report on the mentor as it ends.

  Raises:
    UserError: another curriculum, or no labels of one of both kinds.
  """
  check_has_mentor(model.curriculum)
  step = int(model.step)
  epochs = _epochs_ahead(step, updates, model.total_steps)
  rng = np.random.default_rng([updates.seed, step])
  examples = gather_examples(model, batches, epochs, rng)
  mentor = model.curriculum.mentor
  report = _learn_and_keep_best(mentor, examples, updates)
  decisions = _decisions(mentor, examples, updates.decision_threshold)
  if updates.decision_threshold and decisions.binary:
    _learn_and_keep_best(mentor, decisions, updates)
  return _update_report(mentor, examples, report)


def _learn_and_keep_best(
  mentor: keras.Model, examples: MentorExamples, updates: MentorUpdates
) -> LearningReport:
  """Learns, and goes to the state that did best on the examples kept aside."""
  recipe = updates.recipe
  measure = MentorMeasure(mentor, examples, recipe.loss_kind(examples.binary))
  best = [(measure(0, 0.0), mentor.get_weights())]

  def keep_if_better(report: LearningReport) -> None:
    if report.test_loss < best[0][0].test_loss:
      best[0] = report, mentor.get_weights()

  learn_mentor(
    mentor, examples, recipe, seed=updates.seed, on_report=keep_if_better
  )
  report, weights = best[0]
  mentor.set_weights(weights)
  if report.step:
    fill_unseen_epochs(mentor, examples.train_features)
  return report


def _epochs_ahead(step: int, updates: MentorUpdates, total_steps: int) -> range:
  """The percentages of training from `step` to the next update, or the end."""
  end = (*updates.steps_after(step, total_steps), total_steps)[0]
  return range(
    int(training_percent(step, total_steps)),
    int(training_percent(end - 1, total_steps)) + 1,
  )


def _decisions(
  mentor: keras.Model, examples: MentorExamples, threshold: float
) -> MentorExamples:
  """The examples, with target 1 where the weight is above the threshold."""
  train, test = (
    (_weights(mentor, features) > threshold).astype(np.float64)
    for features in (examples.train_features, examples.test_features)
  )
  return dataclasses.replace(examples, train_targets=train, test_targets=test)


def _update_report(
  mentor: keras.Model, examples: MentorExamples, learning: LearningReport
) -> UpdateReport:
  features = np.concatenate([examples.train_features, examples.test_features])
  is_clean = np.concatenate([examples.train_targets, examples.test_targets]) > 0
  weights = _weights(mentor, features)
  quality = weight_quality(weights, is_clean)
  return UpdateReport(
    train_loss=learning.train_loss,
    test_loss=learning.test_loss,
    selected=float(np.mean(weights > SELECTED_ABOVE)),
    label_precision=quality["label_precision"],
    label_recall=quality["label_recall"],
  )


def _weights(mentor: keras.Model, features: np.ndarray) -> np.ndarray:
  logits = mentor(features.astype(np.float32))
  return ops.convert_to_numpy(ops.sigmoid(logits))[:, 0]


def gather_examples(
  model: MentoredModel,
  batches: Iterable[tuple[Any, Any, Any]],
  epochs: Sequence[int],
  rng: np.random.Generator,
) -> MentorExamples:
  """What the mentor would see of these batches in training, with right answers.

  The student computes as in a training step (dropout on, batch statistics; or
  its average does, where the model judges by that), and the percentile's moving
  average goes on from the curriculum's; all are left as they were.

  Args:
    model: student, curriculum and loss.
    batches: see `update_mentor`.
    epochs: percentages of training until the next update. Each example gets one
      of them, since the mentor will have to answer at all of them.
    rng: draws the epochs and the split.

  Raises:
    UserError: labels of one kind only.
  """
  student, curriculum = model.student, model.curriculum
  trainable = student.trainable_variables

  # Not a graph: tracing one at each update takes longer than the few batches.
  def losses(images, labels, state):
    logits, state = student.stateless_call(
      trainable, state, images, training=True
    )
    loss = model.per_example_loss(labels, logits)
    return model.seen_loss(
      images, loss, lambda logits: model.per_example_loss(labels, logits)
    ), state

  state = [variable.value for variable in student.non_trainable_variables]
  average = curriculum.loss_moving_average.value
  columns = []
  for images, labels, is_clean in batches:
    loss, state = losses(
      ops.convert_to_tensor(images), ops.convert_to_tensor(labels), state
    )
    average = loss_statistics.update_moving_average(
      average,
      loss_statistics.nearest_percentile(
        loss, 100.0 * curriculum.loss_p_percentile
      ),
      curriculum.loss_moving_average_decay,
    )
    columns.append(
      np.stack([loss, loss - average, np.asarray(is_clean, np.float32)], axis=1)
    )
  loss, difference, is_clean = np.concatenate(columns).astype(np.float64).T
  if is_clean.all() or not is_clean.any():
    raise UserError(
      "clean-labelled subset: expected right and wrong labels, got "
      f"{len(is_clean)} {'right' if is_clean.all() else 'wrong'} ones only; "
      "give a set whose noisy labels stand beside its true ones"
    )
  epoch = ops.convert_to_numpy(
    curriculum.look_up_epoch(rng.choice(epochs, len(loss)).astype(np.int32))
  )
  features = np.stack([loss, difference, np.zeros_like(loss), epoch], axis=1)
  order = rng.permutation(len(features))
  return split_examples(features[order], is_clean[order], {"source": "joint"})


def check_has_mentor(curriculum: Curriculum) -> None:
  """Raises UserError unless a learned mentor weighs the examples."""
  if not isinstance(curriculum, MentorCurriculum):
    raise UserError(
      "update_mentor_at: expected a curriculum with a mentor to update, got "
      f"{type(curriculum).__name__}; give --trained_mentornet_dir (a "
      "MentorCurriculum), or update nothing"
    )
