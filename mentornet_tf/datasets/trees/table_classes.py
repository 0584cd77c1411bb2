"""The classes that a table's labels name, and their numbers."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from mentornet_tf.datasets.labels.clean_labels import UNKNOWN
from mentornet_tf.datasets.trees.class_order import (
  composed,
  describe_classes,
  in_order,
)
from mentornet_tf.datasets.trees.table_rows import TableRow, is_missing
from mentornet_tf.datasets.trees.table_text import line_error
from mentornet_tf.errors import UserError
from mentornet_tf.internal.reasons import shortened

# Larger numbers are identifiers, say, not labels.
_MOST_CLASSES = 100_000

# Programs that know of missing values write whole numbers as 3.0.
_WHOLE_NUMBER = re.compile(r"(-?[0-9]+)(?:\.0*)?")
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")


def table_classes(
  table: Path,
  rows: Sequence[TableRow],
  class_names: Sequence[str] | None = None,
  renumber: bool = False,
) -> tuple[tuple[str, ...], dict[str, int]]:
  """The classes' names, and the number of each label as it is written.

  Labels are numbers from 0, or names, whose order is that of `class_order`.
  Clean labels that are missing, or -1, are unknown.

  Args:
    table: where the rows come from, for messages.
    rows: at least one.
    class_names: names in the order of the labels. Labels may then be these
      names, or else numbers below their count.
    renumber: number the labels, which are numbers, anew from 0 in their order.
      Their classes' names are the numbers as they are written.

  Raises:
    UserError: labels are missing, negative, too large, no whole numbers, or
      numbers and names, there are fewer than two, or `class_names` or
      `renumber` do not fit.
  """
  if renumber and class_names is not None:
    raise UserError(
      "renumber: expected one of it and `class_names`, got both; leave one out"
    )
  lines = _first_lines(table, rows, class_names or ())
  if class_names is not None:
    names, numbers = _given_classes(table, lines, class_names)
  else:
    names, numbers = _found_classes(table, lines, renumber)
    if len({numbers[word] for word in lines}) < 2:
      raise UserError(
        f"{table}: expected labels of two or more classes, got "
        f"{shortened(next(iter(lines)))} throughout; correct the column label"
      )
  for row in rows:
    numbers.setdefault(row.clean_label, UNKNOWN)
  return names, numbers


def classes_without_images(
  labels: np.ndarray, class_names: Sequence[str]
) -> list[str]:
  """The names of the classes that no label is of, in their order."""
  counts = np.bincount(labels, minlength=len(class_names))
  return [
    name for name, count in zip(class_names, counts, strict=True) if not count
  ]


def empty_class_notes(
  labels: np.ndarray, class_names: Sequence[str]
) -> list[str]:
  """What the user should know of classes without images, if there are any."""
  empty = classes_without_images(labels, class_names)
  if not empty:
    return []
  note = f"no image in {describe_classes(empty)} of {len(class_names)}"
  if all(whole_number(name) is not None for name in class_names):
    note += "; `renumber=True` numbers the labels anew"
  return [note]


def _first_lines(
  table: Path, rows: Sequence[TableRow], class_names: Iterable[str]
) -> dict[str, int]:
  """The first line of each label, clean or not, without unknown ones."""
  known = {composed(name) for name in class_names}
  lines: dict[str, int] = {}
  for row in rows:
    if is_missing(row.label) and composed(row.label) not in known:
      raise line_error(
        table,
        row.line,
        "a label",
        f"{row.label!r}, which stands for a missing one",
        "remove the line, or name that class in `class_names`",
      )
    lines.setdefault(row.label, row.line)
  for row in rows:
    word = row.clean_label
    if composed(word) in known or not (
      is_missing(word) or whole_number(word) == -1
    ):
      lines.setdefault(word, row.line)
  return lines


def _given_classes(
  table: Path, lines: dict[str, int], class_names: Sequence[str]
) -> tuple[tuple[str, ...], dict[str, int]]:
  names = [composed(name) for name in class_names]
  label_of = {name: label for label, name in enumerate(names)}
  by_name = {word: label_of.get(composed(word)) for word in lines}
  by_number = {word: whole_number(word) for word in lines}
  # Names that are numbers would make numbers as labels ambiguous.
  if any(whole_number(name) is not None for name in names) or any(
    number is None or not 0 <= number < len(names)
    for number in by_number.values()
  ):
    by_number = by_name
  for word, number in by_number.items():
    if number is None:
      raise line_error(
        table,
        lines[word],
        f"one of the {len(names)} classes in `class_names`, such as {names[0]}",
        shortened(word),
        "correct one of the two",
      )
  return tuple(names), {
    word: number for word, number in by_number.items() if number is not None
  }


def _found_classes(
  table: Path, lines: dict[str, int], renumber: bool
) -> tuple[tuple[str, ...], dict[str, int]]:
  numbers = {
    word: number for word in lines if (number := whole_number(word)) is not None
  }
  for word in lines:
    if word not in numbers and _NUMBER.fullmatch(word):
      raise line_error(
        table, lines[word], "whole numbers or names as labels", shortened(word)
      )
  if not numbers:
    if renumber:
      raise UserError(
        f"renumber: expected labels that are numbers, got "
        f"{shortened(next(iter(lines)))} "
        f"in {table}; leave it out"
      )
    names = in_order({composed(word) for word in lines})
    label_of = {name: label for label, name in enumerate(names)}
    return tuple(names), {word: label_of[composed(word)] for word in lines}
  if len(numbers) < len(lines):
    name = next(word for word in lines if word not in numbers)
    other = next(iter(numbers))
    raise line_error(
      table,
      lines[name],
      "labels that are all numbers or all names",
      f"{shortened(name)}, beside {shortened(other)} on line {lines[other]}",
      "write all of one kind, or name every class in `class_names`",
    )
  return _numbered_classes(table, lines, numbers, renumber)


def _numbered_classes(
  table: Path, lines: dict[str, int], numbers: dict[str, int], renumber: bool
) -> tuple[tuple[str, ...], dict[str, int]]:
  for word, number in numbers.items():
    if number < 0 or (number >= _MOST_CLASSES and not renumber):
      raise line_error(
        table,
        lines[word],
        f"labels as numbers from 0 to {_MOST_CLASSES - 1}, or names",
        shortened(word),
        "correct the line, or remove it"
        if number < 0
        else "number them anew by `renumber=True`",
      )
  texts: dict[int, set[str]] = {}
  for word, number in numbers.items():
    texts.setdefault(number, set()).add(word.partition(".")[0])
  # As folders of the same names would be called, 007 for instance.
  written = {
    number: min(found) if len(found) == 1 else str(number)
    for number, found in texts.items()
  }
  if renumber:
    order = sorted(written)
    position = {number: label for label, number in enumerate(order)}
    names = tuple(written[number] for number in order)
    return names, {word: position[number] for word, number in numbers.items()}
  names = tuple(
    written.get(number, str(number)) for number in range(max(written) + 1)
  )
  return names, numbers


def whole_number(word: str) -> int | None:
  """The whole number that a word is, None for another word."""
  found = _WHOLE_NUMBER.fullmatch(word)
  # Python refuses to convert thousands of digits.
  return int(found[1]) if found and len(found[1]) <= 4000 else None
