"""Evaluating a student on one or more sets, as columns of a run's metrics."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

import keras

from mentornet_tf.datasets.reading.dataset import (
  EvaluationBatches,
  TrainingData,
)
from mentornet_tf.datasets.reading.open import open_data
from mentornet_tf.datasets.reading.preparation import Crop
from mentornet_tf.datasets.records.class_agreement import check_class_names
from mentornet_tf.datasets.records.set_names import SetName
from mentornet_tf.errors import UserError
from mentornet_tf.evaluation.evaluator import Evaluator
from mentornet_tf.settings.metric_columns import evaluation_columns


def open_evaluation_data(
  names: Sequence[SetName], crop: Crop | None, max_damaged: int = 0
) -> dict[str, TrainingData]:
  """Opens the sets by their names.

  Args:
    names: where they are.
    crop: how images are cut; None where they are small and of one size.
    max_damaged: how many damaged records of each may be passed over.
  """
  return {
    str(name): open_data(
      name.data_dir,
      name.dataset_name,
      name.split,
      crop,
      max_damaged=max_damaged,
    )
    for name in names
  }


class EvaluationSets:
  """Evaluates a student and returns the results as columns.

  A single set without a name gives "test_accuracy" and "test_loss"; a set with
  a name gives "<name>/accuracy", "<name>/loss" and, if there are more than five
  classes, "<name>/top5_accuracy".

  Args:
    student: maps images to logits.
    data: the set, or name -> set.
    batch_size: images per batch.
    weights: makes the context in which the student has the weights to evaluate;
      by default its own.
  """

  def __init__(
    self,
    student: keras.Model,
    data: TrainingData | Mapping[str, TrainingData],
    batch_size: int,
    weights: Callable[[], AbstractContextManager] = nullcontext,
  ):
    self._weights = weights
    sets = dict(data) if isinstance(data, Mapping) else {"test": data}
    has_names = isinstance(data, Mapping)
    self._evaluators = {
      name: Evaluator(student, EvaluationBatches(each, batch_size))
      for name, each in sets.items()
    }
    self._columns = {
      name: evaluation_columns(name if has_names else None, each.num_classes)
      for name, each in sets.items()
    }

  @property
  def columns(self) -> list[str]:
    """The columns of all sets."""
    return [c for columns in self._columns.values() for c in columns.values()]

  def __call__(self) -> dict[str, float]:
    """Column -> value, for the current student."""
    with self._weights():
      evaluations = {name: each() for name, each in self._evaluators.items()}
    row = {}
    for name, evaluation in evaluations.items():
      for attribute, column in self._columns[name].items():
        row[column] = getattr(evaluation, attribute)
    return row


def readable_evaluations(row: Mapping[str, float]) -> list[str]:
  """The accuracies in a row of metrics, as parts of a line."""
  parts = []
  if "test_accuracy" in row:
    parts.append(f"test accuracy {row['test_accuracy']:.4f}")
  for column, value in row.items():
    name, _, attribute = column.rpartition("/")
    if attribute == "accuracy":
      text = f"{name} accuracy {value:.4f}"
      if (top5 := row.get(f"{name}/top5_accuracy")) is not None:
        text += f" top-5 {top5:.4f}"
      parts.append(text)
  return parts


def check_classes(
  sets: Mapping[str, TrainingData],
  num_classes: int,
  class_names: Sequence[str],
  trained_on: str,
) -> None:
  """Raises UserError unless all sets have the classes of another.

  Args:
    sets: by their names.
    num_classes: K of the other set.
    class_names: its K names.
    trained_on: what messages call it.
  """
  for name, each in sets.items():
    if each.num_classes != num_classes:
      raise UserError(
        f"{name}: expected data of {num_classes} classes, as {trained_on} has, "
        f"got data of {each.num_classes}; choose another set"
      )
    check_class_names(name, each.class_names, class_names, trained_on)


def check_cut_alike(
  name: str, crop: Crop | None, expected: Crop | None, run: str
) -> None:
  """Raises UserError unless evaluation cuts a set as it cuts a run's images.

  Args:
    name: of the set.
    crop: how its images are cut; None where they are small and in memory.
    expected: how those of the run are.
    run: what messages call it.
  """
  wanted, got = _evaluated(expected), _evaluated(crop)
  if wanted != got:
    raise UserError(
      f"{name}: expected {wanted}, as in {run}, got {got}; open the set with "
      "the run's settings"
    )


def _evaluated(crop: Crop | None) -> str:
  """What of `crop` evaluation depends on."""
  if crop is None:
    return "small images in memory"
  return (
    f"streamed images of image_size {crop.size} and resize_shorter_side "
    f"{crop.shorter_side}"
  )
