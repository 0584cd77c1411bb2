"""Evaluating a student on one or more sets, as columns of a run's metrics."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import keras

from mentornet_tf.datasets.reading.dataset import (
  EvaluationBatches,
  TrainingData,
)
from mentornet_tf.datasets.reading.open import open_data
from mentornet_tf.errors import UserError
from mentornet_tf.evaluation.evaluator import TOP, Evaluator
from mentornet_tf.training.recipes import TrainingSettings


@dataclass(frozen=True)
class SetName:
  """Where a record set is found.

  Attributes:
    data_dir: folder of its shards.
    dataset_name: name in the shards' file names.
    split: likewise.
  """

  data_dir: str
  dataset_name: str
  split: str

  def __str__(self) -> str:
    return f"{self.dataset_name}_{self.split}"


def parse_set_names(
  texts: Sequence[str], data_dir: str, flag: str = "--eval_sets"
) -> list[SetName]:
  """Reads names of the form `[folder/]dataset:split`.

  Args:
    texts: for instance ["webvision_mini:val", "records/other/imagenet:val"].
    data_dir: the folder of those without one.
    flag: what messages call the texts.

  Raises:
    UserError: one is not of that form, or two name the same data and split.
  """
  names = []
  for text in texts:
    place, _, split = text.strip().rpartition(":")
    folder, slash, dataset_name = place.rpartition("/")
    if not dataset_name or not split or "/" in split:
      raise UserError(
        f"{flag}: expected names like webvision_mini:val or "
        f"folder/imagenet_mini:val, got {text!r}; write dataset:split"
      )
    # A folder that is named by the slash alone is the topmost one.
    folder = (folder or slash) if slash else data_dir
    names.append(SetName(folder, dataset_name, split))
  titles = [str(name) for name in names]
  twice = sorted({title for title in titles if titles.count(title) > 1})
  if twice:
    raise UserError(
      f"{flag}: expected each data set and split once, got {twice[0]} more "
      "often; leave out the others"
    )
  return names


def open_evaluation_data(
  names: Sequence[SetName], settings: TrainingSettings
) -> dict[str, TrainingData]:
  """Opens the sets as a run with `settings` reads them, by their names."""
  return {
    str(name): open_data(name.data_dir, name.dataset_name, name.split, settings)
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
    self._single = not isinstance(data, Mapping)
    sets = {"test": data} if self._single else dict(data)
    self._evaluators = {
      name: Evaluator(student, EvaluationBatches(each, batch_size))
      for name, each in sets.items()
    }
    self._columns = {
      name: self._columns_of(name, each.num_classes)
      for name, each in sets.items()
    }

  def _columns_of(self, name: str, num_classes: int) -> dict[str, str]:
    """Attribute of an evaluation -> column."""
    if self._single:
      return {"accuracy": "test_accuracy", "loss": "test_loss"}
    attributes = ["accuracy", "loss"]
    if num_classes > TOP:
      attributes.insert(1, "top5_accuracy")
    return {each: f"{name}/{each}" for each in attributes}

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
  sets: Mapping[str, TrainingData], num_classes: int, trained_on: str
) -> None:
  """Raises UserError unless all sets have `num_classes` classes."""
  for name, each in sets.items():
    if each.num_classes != num_classes:
      raise UserError(
        f"{name}: expected data of {num_classes} classes, as {trained_on} has, "
        f"got data of {each.num_classes}; choose another set"
      )
