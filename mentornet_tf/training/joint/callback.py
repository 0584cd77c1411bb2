"""Joint training with `fit`."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf

from mentornet_tf.errors import UserError
from mentornet_tf.internal.tensorflow_startup import require_tensorflow
from mentornet_tf.mentor_training.recipes import MentorRecipe
from mentornet_tf.training.joint.schedule import (
  DECISION_THRESHOLD,
  UPDATE_RECIPE,
  UpdateSchedule,
)
from mentornet_tf.training.joint.update import (
  UpdateReport,
  check_has_mentor,
  update_mentor,
)
from mentornet_tf.training.memory.indexed_inputs import is_indexed

# (images, labels, is_clean), as arrays or in batches.
CleanSubset: TypeAlias = tf.data.Dataset | tuple[Any, Any, Any]
Logs: TypeAlias = dict[str, Any] | None


class UpdateMentor(keras.callbacks.Callback):
  """Callback that updates the mentor of a `MentoredModel` during `fit`.

  At each of the given times the student's losses on a clean-labeled subset
  become examples, on which the mentor is trained further (paper, Algorithm 1,
  line 6). With `steps_per_execution` an update waits for the end of the
  execution.

  Args:
    clean_subset: (images, labels, is_clean) as arrays, or a finite
      `tf.data.Dataset` of batches of them: images and labels as the model is
      fitted on, with the same noise, and [B] bool, whether each label is clean.
      For a mentor that sees the memory, images of the training data with their
      index there, as `with_index(images, index)` returns them.
      Arrays are shuffled once; a dataset must come shuffled, and augmented if
      the training images are.
    at: increasing fractions of the model's `total_steps`, each in (0, 1).
    batch_size: batch size for arrays; use that of training.
    recipe: how the mentor is trained.
    decision_threshold: see `UpdateSchedule`.
    seed: seed of the arrays' order, and of the examples' split and order.
    on_update: called with the step and the report of each update; `print`
      shows them.

  Raises:
    UserError: times or a subset that cannot be used; when `fit` begins, a model
      without a mentor, or images without the index that it needs.
  """

  def __init__(
    self,
    clean_subset: CleanSubset,
    at: float | Sequence[float] = (0.21, 0.75),
    *,
    batch_size: int = 128,
    recipe: MentorRecipe = UPDATE_RECIPE,
    decision_threshold: float = DECISION_THRESHOLD,
    seed: int = 0,
    on_update: Callable[[int, UpdateReport], Any] | None = None,
  ):
    super().__init__()
    self._batches = _as_batches(clean_subset, batch_size, seed)
    self._schedule = UpdateSchedule(
      tuple(np.ravel(at)),
      recipe,
      decision_threshold=decision_threshold,
      seed=seed,
    )
    self._on_update = on_update
    self._epoch_start = 0
    self._due: list[int] = []  # the steps of later updates

  def on_train_begin(self, logs: Logs = None) -> None:
    """Checks that the model has a mentor, and that it can be updated."""
    require_tensorflow("updates of the mentor")
    check_has_mentor(getattr(self.model, "curriculum", None))
    needs_index = self.model.curriculum.uses_memory
    if needs_index and not is_indexed(_first_images(self._batches)):
      raise UserError(
        "clean_subset: expected images with their index in the training data, "
        "since the mentor sees what training remembers of them, got images "
        "alone; give with_index(images, index) in their place"
      )

  def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
    """Finds the updates that are still due; training may be a continued one."""
    self._epoch_start = self._step()
    self._due = self._schedule.steps_after(
      self._epoch_start, self.model.total_steps
    )

  def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
    """Updates the mentor if one of its times has passed."""
    # Reading the model's step waits for the device, so it is only read when
    # the batches so far, of which steps are never more, could reach the update.
    if not self._due or self._epoch_start + batch + 1 < self._due[0]:
      return
    step = self._step()
    if step < self._due[0]:
      return
    self._due = self._schedule.steps_after(step, self.model.total_steps)
    report = update_mentor(self.model, self._batches, self._schedule)
    if self._on_update is not None:
      self._on_update(step, report)

  def on_train_end(self, logs: Logs = None) -> None:
    """Warns of updates that were not reached."""
    if self._due:
      warnings.warn(
        f"UpdateMentor: fit ended at step {self._step()} of the "
        f"model's total_steps, {self.model.total_steps}, before the updates at "
        f"{', '.join(map(str, self._due))}",
        stacklevel=2,
      )

  def _step(self) -> int:
    return int(self.model.step)


def _as_batches(
  subset: CleanSubset, batch_size: int, seed: int
) -> Iterable[tuple[Any, Any, Any]]:
  if isinstance(subset, tf.data.Dataset):
    if subset.cardinality() == tf.data.INFINITE_CARDINALITY:
      raise UserError(
        "clean_subset: expected a finite tf.data.Dataset, got one that never "
        "ends; remove its repeat()"
      )
    return subset
  if not isinstance(subset, tuple) or len(subset) != 3:
    raise UserError(
      "clean_subset: expected arrays (images, labels, is_clean) or a "
      f"tf.data.Dataset of them, got {type(subset).__name__}; pass these three"
    )
  images, labels, is_clean = subset
  images = images if is_indexed(images) else np.asarray(images)
  labels, is_clean = np.asarray(labels), np.asarray(is_clean)
  # Beside the images there may be their index.
  lengths = {len(each) for each in keras.tree.flatten(images)}
  count = len(labels)
  if lengths | {len(is_clean)} != {count} or not count:
    raise UserError(
      "clean_subset: expected as many images as labels and is_clean, got "
      f"{', '.join(map(str, sorted(lengths)))}, {count} and {len(is_clean)}; "
      "pass one of each per example"
    )
  is_clean = is_clean.reshape(len(is_clean), -1)[:, 0]
  if not np.array_equal(np.unique(is_clean), [0, 1]):
    raise UserError(
      "clean_subset: expected is_clean to be true for some labels, false for "
      f"others, got values from {is_clean.min()} to {is_clean.max()}; pass "
      "labels of both kinds, and is_clean = labels == clean_labels"
    )
  if batch_size < 1:
    raise UserError(
      f"batch_size: expected at least 1, got {batch_size}; pass that of "
      "training"
    )

  def rows(positions: np.ndarray) -> tuple[Any, Any, Any]:
    return keras.tree.map_structure(
      lambda each: np.asarray(each)[positions], (images, labels, is_clean)
    )

  order = np.random.default_rng(seed).permutation(count)
  batch_size = min(batch_size, count)
  num_batches = count // batch_size
  whole_batches = order[: num_batches * batch_size]
  return [rows(part) for part in np.split(whole_batches, num_batches)]


def _first_images(batches: Iterable) -> Any:
  if isinstance(batches, tf.data.Dataset):
    return batches.element_spec[0]
  return next(iter(batches))[0]
