"""Joint training with `fit`."""

from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mentornet_tf.errors import UserError
from mentornet_tf.mentor_learning.recipes import MentorRecipe
from mentornet_tf.training.mentor_updates import (
  DECISION_THRESHOLD,
  UPDATE_RECIPE,
  MentorUpdates,
  UpdateReport,
  check_has_mentor,
  update_mentor,
)


class MentorUpdate(keras.callbacks.Callback):
  """Lets the mentor of a `MentoredModel` learn from its student during `fit`.

  At each time the student's losses on a clean-labelled subset become examples,
  from which the mentor goes on learning (paper, Algorithm 1, line 6). With
  `steps_per_execution` an update waits for the end of the execution.

  Args:
    clean_subset: (images, labels, is_clean) as arrays, or a finite
      `tf.data.Dataset` of batches of them: images and labels as the model is
      fitted on, noisy like those, and [B] bool, whether each label is right.
    at: fractions of training, rising, each in (0, 1).
    batch_size: of arrays; the batch size of training.
    recipe: how the mentor learns.
    decision_threshold: see `MentorUpdates`.
    seed: seed of the examples' split and order.
    on_update: called with the step and the report of each update.

  Raises:
    UserError: times or a subset that cannot be used; on the beginning of `fit`,
      a model without a mentor.
  """

  def __init__(
    self,
    clean_subset: tf.data.Dataset | tuple[Any, Any, Any],
    at: Iterable[float] = (0.21, 0.75),
    *,
    batch_size: int = 128,
    recipe: MentorRecipe = UPDATE_RECIPE,
    decision_threshold: float = DECISION_THRESHOLD,
    seed: int = 0,
    on_update: Callable[[int, UpdateReport], Any] | None = None,
  ):
    super().__init__()
    self._batches = _as_batches(clean_subset, batch_size)
    self._updates = MentorUpdates(
      tuple(at), recipe, decision_threshold=decision_threshold, seed=seed
    )
    self._on_update = on_update
    self._due: list[int] = []
    self._first_step = self._step = 0

  def on_train_begin(self, logs=None):
    """Checks the model, and where a continued training stands."""
    check_has_mentor(self.model.curriculum)
    self._due = self._updates.steps(self.model.total_steps)

  def on_epoch_begin(self, epoch, logs=None):
    """Notes the step, once an epoch: asking at every step would slow it."""
    self._first_step = self._step = int(self.model.optimizer.iterations)

  def on_train_batch_end(self, batch, logs=None):
    """Updates the mentor where the last steps have passed a time for it."""
    before, self._step = self._step, self._first_step + batch + 1
    if any(before < step <= self._step for step in self._due):
      report = update_mentor(self.model, self._batches, self._updates)
      if self._on_update is not None:
        self._on_update(self._step, report)


def _as_batches(subset, batch_size: int) -> Iterable[tuple]:
  if isinstance(subset, tf.data.Dataset):
    return subset
  if not isinstance(subset, tuple) or len(subset) != 3:
    raise UserError(
      "clean_subset: expected arrays (images, labels, is_clean) or a "
      f"tf.data.Dataset of them, got {type(subset).__name__}; give those three"
    )
  images, labels, is_clean = map(np.asarray, subset)
  if not len(images) == len(labels) == len(is_clean) or not len(images):
    raise UserError(
      "clean_subset: expected as many images as labels and is_clean, got "
      f"{len(images)}, {len(labels)} and {len(is_clean)}; give one of each"
    )
  batch_size = min(batch_size, len(images))
  parts = [
    slice(start, start + batch_size)
    for start in range(0, len(images) - batch_size + 1, batch_size)
  ]
  return [(images[part], labels[part], is_clean[part]) for part in parts]
