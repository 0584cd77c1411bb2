"""What a mentor learns from in an update: its features of the subset."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from mentornet_tf.curricula import loss_statistics
from mentornet_tf.curricula.curriculum import Curriculum
from mentornet_tf.curricula.memory_features import (
  RememberedBatch,
  memory_features,
)
from mentornet_tf.errors import UserError
from mentornet_tf.internal.typing import Tensor
from mentornet_tf.mentor_training.examples import MentorExamples, split_examples
from mentornet_tf.training.memory.remembering import visits_of
from mentornet_tf.training.memory.training_memory import TrainingMemory
from mentornet_tf.training.mentored_model import MentoredModel


def gather_examples(
  model: MentoredModel,
  batches: Iterable[tuple[Any, Any, Any]],
  percents: Sequence[int],
  rng: np.random.Generator,
) -> MentorExamples:
  """The features of these batches in training, with their target weights.

  The student computes as in a training step (dropout on, batch statistics), or
  the EMA student does, where the model weighs by its losses. The moving average
  of the percentile continues from the curriculum's. What is remembered of an
  example is what would be after a visit now. None of them is changed.

  Args:
    model: student, curriculum and loss.
    batches: see `update_mentor`.
    percents: percentages of training until the next update. Every example is
      assigned one at random, since the mentor will be used at all of them.
    rng: chooses the percentages and the split.

  Raises:
    UserError: all labels are clean, or all are noisy; or the memory is not of
      these images.
  """
  student, curriculum = model.student, model.curriculum
  trainable = student.trainable_variables

  # Not a graph: tracing one at each update takes longer than the few batches.
  def losses(images, labels, state):
    x = model.prepared(images)
    logits, state = student.stateless_call(trainable, state, x, training=True)
    loss, prediction = model.seen_by_curriculum(
      x,
      model.per_example_loss(labels, logits),
      logits,
      lambda logits: model.per_example_loss(labels, logits),
    )
    return loss, prediction, state

  state = [variable.value for variable in student.non_trainable_variables]
  difference_of = _Differences(curriculum, curriculum.loss_moving_average)
  memory = None
  if curriculum.uses_memory and model.memory is not None:
    memory = _SubsetMemory(model, model.memory)
  columns = []
  for images, labels, is_clean in batches:
    images = keras.tree.map_structure(ops.convert_to_tensor, images)
    labels = ops.convert_to_tensor(labels)
    loss, prediction, state = losses(images, labels, state)
    seen = [loss, difference_of(loss)]
    if memory is not None:
      seen += memory.seen(images, labels, prediction, loss)
    columns.append(np.stack([*seen, np.asarray(is_clean, np.float32)], axis=1))
  *seen, is_clean = np.concatenate(columns).astype(np.float64).T
  if is_clean.all() or not is_clean.any():
    raise UserError(
      "clean_subset: expected both clean and noisy labels, got "
      f"{len(is_clean)} {'clean' if is_clean.all() else 'noisy'} ones only; "
      "give images whose noisy labels come with their clean ones"
    )
  epoch = ops.convert_to_numpy(
    curriculum.look_up_epoch(
      rng.choice(percents, len(is_clean)).astype(np.int32)
    )
  )
  features = _features(seen, epoch)
  order = rng.permutation(len(features))
  return split_examples(features[order], is_clean[order], {"source": "joint"})


class _Differences:
  """Differences of losses from the moving average of their percentile.

  Args:
    curriculum: whose percentile and decay these are.
    average: of the curriculum, from which this one continues.
  """

  def __init__(self, curriculum: Curriculum, average: keras.Variable):
    self._curriculum = curriculum
    self._average = average.value

  def __call__(self, loss: Tensor) -> Tensor:
    """[B] differences of the losses [B] of the next batch."""
    _, self._average = loss_statistics.average_percentile(
      self._average,
      loss,
      self._curriculum.percentile,
      self._curriculum.loss_moving_average_decay,
    )
    return loss - self._average


class _SubsetMemory:
  """What a mentor sees of the memory of training, on a clean-labeled subset.

  Args:
    model: under a curriculum that uses its memory.
    memory: of the model.
  """

  def __init__(self, model: MentoredModel, memory: TrainingMemory):
    self._model, self._memory = model, memory
    self._labels = memory.labels
    self._difference_of = _Differences(
      model.curriculum, model.curriculum.mean_loss_moving_average
    )

  def seen(
    self, images: Any, labels: Tensor, prediction: Tensor, loss: Tensor
  ) -> list[Tensor]:
    """The columns of a `RememberedBatch`, and differences of the mean loss.

    Raises:
      UserError: images without an index, or with that of other examples.
    """
    visits = visits_of(self._model, images, labels, prediction, loss)
    self._check(ops.convert_to_numpy(visits["index"]), visits["labels"])
    remembered = self._memory.preview(**visits)
    return [*remembered, self._difference_of(remembered.mean_loss)]

  def _check(self, index: np.ndarray, labels: Tensor) -> None:
    count = len(self._labels)
    if index.min() < 0 or index.max() >= count:
      raise UserError(
        "clean_subset: expected the index of each image among the "
        f"{count} training images, got {index.min()} to {index.max()}; attach "
        "it by with_index(images, index)"
      )
    known = self._labels[index]
    others = (known >= 0) & (known != ops.convert_to_numpy(labels))
    if others.any():
      raise UserError(
        "clean_subset: expected the index of each image in the training data, "
        f"got {others.sum()} of {len(others)} at which training saw another "
        "label; attach that of the same images by with_index(images, index)"
      )


def _features(seen: list[np.ndarray], epoch: np.ndarray) -> np.ndarray:
  """[N, 4] or [N, 8] float64, of all that the mentor sees but the epoch."""
  loss, difference, *memory = seen
  if memory:
    *remembered, mean_difference = memory
    features = memory_features(
      loss, difference, RememberedBatch(*remembered), mean_difference, epoch
    )
    return ops.convert_to_numpy(features).astype(np.float64)
  return np.stack([loss, difference, np.zeros_like(loss), epoch], axis=1)
