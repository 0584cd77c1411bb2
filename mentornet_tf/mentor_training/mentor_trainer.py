"""Trains a mentor on examples, with reports, saving and resuming."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from mentornet_tf.curricula.memory_mentor import MemoryMentor
from mentornet_tf.curricula.mentor_base import NUM_FEATURES
from mentornet_tf.curricula.mentor_input import takes_memory
from mentornet_tf.curricula.mentor_network import (
  LogisticMentor,
  MentorNet,
  MLPMentor,
)
from mentornet_tf.errors import UserError
from mentornet_tf.internal.tensorflow_startup import require_tensorflow
from mentornet_tf.mentor_training.examples import MentorExamples
from mentornet_tf.mentor_training.mentor_folder import (
  MentorFolder,
  MentorReport,
  mentor_settings,
)
from mentornet_tf.mentor_training.mentor_steps import (
  MentorSteps,
  loss_per_example,
)
from mentornet_tf.mentor_training.recipes import MentorRecipe

FORMS = ("mentornet", "logistic", "mlp", "memory")

_MAX_REPORTS = 50


def build_mentor(
  form: str, recipe: MentorRecipe, *, seed: int = 0
) -> keras.Model:
  """Builds a fresh mentor.

  Args:
    form: "mentornet", "logistic" or "mlp"; or "memory", which sees what
      training remembers of an example.
    recipe: says whether the epoch embedding is trainable.
    seed: seed of the initial weights.

  Raises:
    UserError: the form is unknown.
  """
  if form == "mentornet":
    return MentorNet(
      epoch_embedding_trainable=recipe.train_epoch_embedding, seed=seed
    )
  if form == "logistic":
    return LogisticMentor(seed=seed)
  if form == "mlp":
    return MLPMentor(seed=seed)
  if form == "memory":
    return MemoryMentor(seed=seed)
  raise UserError(
    f"form: expected {', '.join(FORMS)}, got {form!r}; choose one of them"
  )


def train_mentor(
  mentor: keras.Model,
  examples: MentorExamples,
  recipe: MentorRecipe | None = None,
  *,
  seed: int = 0,
  folder: str | Path | None = None,
  on_report: Callable[[MentorReport], None] | None = None,
) -> MentorReport:
  """Trains a mentor in place.

  Args:
    mentor: the network, fresh or trained before. A fresh `MemoryMentor`
      standardizes by the training examples from here on.
    examples: the training and test examples.
    recipe: how to train; None uses the default recipe.
    seed: seed of the order of the examples.
    folder: where to save the state after every report, from which an
      interrupted run continues to the same result, bit for bit on a CPU, and at
      the end `mentor.keras` and `training.json`. None saves nothing.
    on_report: called after every pass over the examples, or every few passes if
      the examples are few.

  Returns:
    The report on the finished mentor.

  Raises:
    UserError: the loss is no longer finite, the folder holds another run, the
      examples are not such as the mentor takes, or Keras runs on another back
      end than TensorFlow.
  """
  require_tensorflow("mentors in training")
  _check_features(mentor, examples)
  _adapt(mentor, examples)
  recipe = recipe or MentorRecipe()
  loss_kind = recipe.loss_kind(examples.binary)
  steps = MentorSteps(
    mentor, examples.train_features, examples.train_targets, recipe, loss_kind
  )
  measure = MentorMeasure(mentor, examples, loss_kind)
  saving = None
  if folder is not None:
    settings = mentor_settings(mentor, examples, recipe, seed)
    saving = MentorFolder(folder, settings)
  with saving.alone() if saving else nullcontext():
    reports = saving.resume(steps) if saving else []
    rows = len(examples.train_features)
    for batches, count in _batches(rows, recipe, steps.state.step, seed):
      losses = steps.run(batches, count)
      if not np.isfinite(losses).all():
        raise UserError(
          f"learning_rate: expected finite losses of the mentor, got "
          f"{losses[~np.isfinite(losses)][0]} in the steps up to "
          f"{steps.state.step}; choose a lower rate than {recipe.learning_rate}"
        )
      _assign(steps, mentor, examples, recipe)
      epoch = steps.state.step * min(recipe.batch_size, rows) / rows
      reports.append(measure(steps.state.step, epoch))
      if saving is not None:
        saving.save_state(steps.state, reports)
      if on_report is not None:
        on_report(reports[-1])
    if saving is not None:
      _assign(steps, mentor, examples, recipe)
      saving.finish(mentor, reports)
  return reports[-1]


def _check_features(mentor: keras.Model, examples: MentorExamples) -> None:
  """Raises UserError unless the mentor takes such features."""
  has_memory = examples.num_features > NUM_FEATURES
  if takes_memory(mentor) != has_memory:
    expected = "memory" if has_memory else ", ".join(FORMS[:-1])
    raise UserError(
      f"form: expected {expected} for examples of {examples.num_features} "
      f"features, got a {type(mentor).__name__}, which takes others; choose "
      "that form, or generate other examples"
    )


def _adapt(mentor: keras.Model, examples: MentorExamples) -> None:
  """Sets by what a fresh mentor standardizes; it is a part of a trained one."""
  if isinstance(mentor, MemoryMentor) and not mentor.is_adapted:
    mentor.adapt(examples.train_features)


def _assign(
  steps: MentorSteps,
  mentor: keras.Model,
  examples: MentorExamples,
  recipe: MentorRecipe,
) -> None:
  """Gives the mentor the weights that the steps have reached."""
  steps.assign()
  if steps.state.step == recipe.steps:
    fill_unseen_epochs(mentor, examples.train_features)


def _batches(
  rows: int, recipe: MentorRecipe, first_step: int, seed: int
) -> Iterator[tuple[np.ndarray, int]]:
  """Yields ([K, B] rows of the examples, count to use) between two reports.

  Every pass has its own order, from (seed, pass). Rows that do not fill the
  last batch are skipped in that pass, as in the original.
  """
  size = min(recipe.batch_size, rows)
  per_pass = rows // size
  passes = max(1, -(-recipe.steps // (_MAX_REPORTS * per_pass)))
  chunk = passes * per_pass
  for first in range(first_step, recipe.steps, chunk):
    order = [
      np.random.default_rng([seed, number]).permutation(rows)
      for number in range(first // per_pass, first // per_pass + passes)
    ]
    order = [one[: per_pass * size].reshape(per_pass, size) for one in order]
    yield np.concatenate(order), min(chunk, recipe.steps - first)


class MentorMeasure:
  """Measures the current state of a mentor on all examples at every call.

  Args:
    mentor: the network.
    examples: the training and test examples.
    loss_kind: "cross_entropy" or "squared_error", the kind of the losses.
  """

  def __init__(
    self, mentor: keras.Model, examples: MentorExamples, loss_kind: str
  ):
    self._mentor = mentor
    self._loss_kind = loss_kind
    self._parts = [
      (
        tf.constant(features, tf.float32),
        tf.constant(targets[:, None], tf.float32),
      )
      for features, targets in (
        (examples.train_features, examples.train_targets),
        (examples.test_features, examples.test_targets),
      )
    ]

  def __call__(self, step: int, epoch: float) -> MentorReport:
    """The report at `step`, after `epoch` passes over the examples."""
    train, test = self._parts
    train_loss, train_mse = self._losses(*train)
    test_loss, test_mse = self._losses(*test)
    return MentorReport(
      step=step,
      epoch=epoch,
      train_loss=train_loss,
      test_loss=test_loss,
      train_mse=train_mse,
      test_mse=test_mse,
    )

  def _losses(
    self, features: tf.Tensor, targets: tf.Tensor
  ) -> tuple[float, float]:
    """Mean loss of the requested kind, and mean squared error."""
    logits = self._mentor(features)
    loss, squared_error = (
      float(tf.reduce_mean(loss_per_example(kind, targets, logits)))
      for kind in (self._loss_kind, "squared_error")
    )
    return loss, squared_error


def fill_unseen_epochs(mentor: keras.Model, features: np.ndarray) -> None:
  """Interpolates the embedding of epochs that no example has.

  A loss dump has only the epochs at which it was taken; the other rows of the
  table would stay random.

  Args:
    mentor: changed in place if its epoch table is trainable.
    features: [N, F], the features that it was trained on.
  """
  if not getattr(mentor, "epoch_embedding_trainable", False):
    return
  table = keras.ops.convert_to_numpy(mentor.epoch_embedding)
  last = len(table) - 1
  seen = np.unique(np.minimum(features[:, 3].astype(int), last))
  columns = [np.interp(range(last + 1), seen, c[seen]) for c in table.T]
  mentor.epoch_embedding.assign(np.stack(columns, axis=1))
