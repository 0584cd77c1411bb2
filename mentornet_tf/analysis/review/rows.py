"""The rows of a review page: a ranking, as compactly as a page can hold it."""

import dataclasses
import functools
import hashlib
import json
import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from mentornet_tf.analysis.label_scores import SuspectLabels
from mentornet_tf.analysis.written_ranking import iter_suspect_table
from mentornet_tf.errors import UserError

# Larger whole numbers are not exact in JavaScript.
_LARGEST_EXACT = 2**53 - 1


@dataclasses.dataclass(frozen=True)
class ReviewRows:
  """N labels to review, most suspect first.

  Attributes:
    ranks: [N] int64, from 1.
    ids: [N] int64, of the examples.
    given: [N] int64, positions in `class_names`.
    suggested: [N] int64, likewise.
    given_probability: [N] float64 in 0..1.
    suggested_probability: [N] float64 in 0..1.
    class_names: names of the classes, all different.
    class_words: how corrections name them; numbers where names are the same.
    paths: N paths of the examples' files; None where they are not known.
  """

  ranks: np.ndarray
  ids: np.ndarray
  given: np.ndarray
  suggested: np.ndarray
  given_probability: np.ndarray
  suggested_probability: np.ndarray
  class_names: tuple[str, ...]
  class_words: tuple[str, ...]
  paths: Sequence[str] | None = None

  def __len__(self) -> int:
    return len(self.ids)

  def every(self, number: int) -> "ReviewRows":
    """The first row and each `number`-th after it, with the ranks they had."""
    part = slice(None, None, number)
    return dataclasses.replace(
      self,
      ranks=self.ranks[part],
      ids=self.ids[part],
      given=self.given[part],
      suggested=self.suggested[part],
      given_probability=self.given_probability[part],
      suggested_probability=self.suggested_probability[part],
      paths=None if self.paths is None else self.paths[part],
    )

  @functools.cached_property
  def columns(self) -> dict[str, Any]:
    """Values for JSON, by name; what the page can infer is left out."""
    columns: dict[str, Any] = {
      "classes": list(self.class_names),
      "ids": _exact(self.ids),
      "given": self.given.tolist(),
      "suggested": self.suggested.tolist(),
      "givenPercent": _percent(self.given_probability),
      "suggestedPercent": _percent(self.suggested_probability),
    }
    if self.class_words != self.class_names:
      columns["words"] = list(self.class_words)
    if not np.array_equal(self.ranks, np.arange(1, len(self) + 1)):
      columns["ranks"] = _exact(self.ranks)
    if self.paths is not None:
      # A folder is often a class, and then holds many files.
      numbers: dict[str, int] = {}
      columns["folder"], columns["files"] = [], []
      for path in self.paths:
        cut = path.rfind("/") + 1
        folder, file = path[:cut], path[cut:]
        if folder not in numbers:
          numbers[folder] = len(numbers)
        columns["folder"].append(numbers[folder])
        columns["files"].append(file)
      columns["folders"] = list(numbers)
    return columns

  @functools.cached_property
  def digest(self) -> str:
    """Tells this ranking from others: who has the same shows the same rows."""
    content = json.dumps(self.columns).encode()
    return hashlib.sha256(content).hexdigest()[:16]


def rows_of_suspects(
  suspects: SuspectLabels,
  class_names: Sequence[str] | None,
  paths: Sequence[str] | None,
) -> ReviewRows:
  """The rows of a ranking in memory.

  Args:
    suspects: the ranking.
    class_names: a name per class; None takes the ranking's, or numbers.
    paths: N paths in the order of `suspects`; None takes those that it holds.

  Raises:
    UserError: there are other numbers of names or paths.
  """
  num_rows, num_classes = suspects.pred_probs.shape
  names = tuple(
    map(str, class_names or suspects.class_names or range(num_classes))
  )
  for name, values, expected in (
    ("class_names", names, num_classes),
    ("paths", paths, num_rows),
  ):
    if values is not None and len(values) != expected:
      raise UserError(
        f"{name}: expected {expected}, got {len(values)}; pass those of the "
        "data that were ranked"
      )
  if paths is None and suspects.names_files:
    paths = [suspects.path(i) for i in range(num_rows)]
  shown, words = _told_apart(names, range(num_classes))
  order = suspects.order
  given, suggested = suspects.labels[order], suspects.predicted_labels[order]
  return ReviewRows(
    ranks=np.arange(1, num_rows + 1),
    ids=suspects.ids[order],
    given=given,
    suggested=suggested,
    given_probability=suspects.pred_probs[order, given],
    suggested_probability=suspects.pred_probs[order, suggested],
    class_names=shown,
    class_words=words,
    paths=None if paths is None else [os.fspath(paths[i]) for i in order],
  )


def read_review_rows(
  table: str | os.PathLike, class_names: Sequence[str] | None = None
) -> ReviewRows:
  """The rows of a `suspect_labels.csv`, in the order of the file.

  Args:
    table: the file. One of an older version has no paths.
    class_names: all classes by their number; None takes those that the file
      names, of which classes that occur nowhere in it are missing.

  Raises:
    UserError: the file is damaged, holds something else or no row, or names
      other classes.
  """
  numbers: dict[str, list[int]] = {name: [] for name in _INTEGERS}
  shares: dict[str, list[float]] = {name: [] for name in _SHARES}
  paths: list[str] = []
  named: dict[int, str] = {}
  for row in iter_suspect_table(table):
    for name, whole in numbers.items():
      whole.append(int(row[name]))
    for name, share in shares.items():
      share.append(float(row[name]))
    paths.append(row.get("path", ""))
    for kind in ("given", "predicted"):
      named[int(row[f"{kind}_label"])] = row[f"{kind}_class"]
  if not paths:
    raise UserError(
      f"{table}: expected a row per label, got none; rank the labels again"
    )
  labels = sorted(named)
  if class_names is not None:
    _refuse_other_classes(table, named, class_names)
    labels = list(range(len(class_names)))
  names = class_names or [named[label] for label in labels]
  shown, words = _told_apart(names, labels)
  place = {label: position for position, label in enumerate(labels)}
  return ReviewRows(
    ranks=np.array(numbers["rank"]),
    ids=np.array(numbers["id"]),
    given=np.array([place[label] for label in numbers["given_label"]]),
    suggested=np.array([place[label] for label in numbers["predicted_label"]]),
    given_probability=np.array(shares["given_probability"]),
    suggested_probability=np.array(shares["predicted_probability"]),
    class_names=shown,
    class_words=words,
    paths=paths if any(paths) else None,
  )


_INTEGERS = ("rank", "id", "given_label", "predicted_label")
_SHARES = ("given_probability", "predicted_probability")


def _told_apart(
  names: Sequence[str], numbers: Sequence[int]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
  """Names that all differ, and words for corrections.

  ImageNet has two classes "crane": they become "crane (134)" with the word
  "134", and "crane (517)".
  """
  counts = Counter(names)
  shown, words = [], []
  for name, number in zip(names, numbers, strict=True):
    is_unique = counts[name] == 1
    shown.append(name if is_unique else f"{name} ({number})")
    words.append(name if is_unique else str(number))
  if len({*shown}) < len(shown) or len({*words}) < len(words):
    twice = next(name for name in names if counts[name] > 1)
    raise UserError(
      f"class_names: expected names that differ, got {twice!r} more than once; "
      "rename the classes"
    )
  return tuple(shown), tuple(words)


def _refuse_other_classes(
  table: str | os.PathLike, named: dict[int, str], class_names: Sequence[str]
) -> None:
  for label, name in sorted(named.items()):
    expected = class_names[label] if label < len(class_names) else None
    if name != expected:
      raise UserError(
        f"class_names: expected {name!r} for class {label}, as {table} names "
        f"it, got {'none' if expected is None else repr(expected)}; pass those "
        "of the data that were ranked"
      )


def _exact(numbers: np.ndarray) -> list[int] | list[str]:
  if np.abs(numbers).max(initial=0) <= _LARGEST_EXACT:
    return numbers.tolist()
  return [str(number) for number in numbers]


def _percent(shares: np.ndarray) -> list[int]:
  return np.rint(100 * shares).astype(int).tolist()
