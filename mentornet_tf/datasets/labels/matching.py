"""Matches the labels of a file to images, or refuses where in doubt.

The CIFAR images come in two orders, so a bare list of labels says nothing by
itself. Labels are matched by image id; a list without ids is taken only where
its own clean labels agree with the images', or where its order is stated.
"""

from collections.abc import Mapping

import numpy as np

from mentornet_tf.datasets.sources.base import SourceImages
from mentornet_tf.errors import UserError

_ID_NAMES = ("id", "ids")
_CLEAN_NAMES = ("clean_label", "clean_labels")
_LABEL_NAMES = ("label", "labels")
# In the names of CIFAR-100N's columns of superclasses.
_COARSE = "coarse"


def match_labels(
  columns: Mapping[str, np.ndarray],
  source: SourceImages,
  *,
  origin: str,
  label_key: str | None = None,
  label_order: str | None = None,
) -> np.ndarray:
  """One label for each image of `source`.

  Args:
    columns: name -> [M] integers. Columns "id" and "clean_label" are used for
      matching where they are there.
    source: the images.
    origin: where the columns came from, for messages.
    label_key: the column of labels; needed where there are several.
    label_order: for labels without ids, the order they are in; must be
      `source.ordering`.

  Returns:
    [N] int64, in the images' order.

  Raises:
    UserError: there is no such column, not one label within the classes for
      every image, or no match beyond doubt.
  """
  labels = columns[label_column(columns, origin, label_key)]
  ids = _first_of(columns, _ID_NAMES)
  clean = _first_of(columns, _CLEAN_NAMES)
  if label_order not in (None, source.ordering):
    raise UserError(
      f"label_order: expected {source.ordering}, the order of the images, got "
      f"{label_order} for {origin}; read the images from the {label_order} "
      "version of the archive, or use labels with ids"
    )
  if ids is not None:
    rows = _rows_by_id(origin, ids, source)
  else:
    has_evidence = can_be_matched(columns) or label_order is not None
    _check_bare_labels(origin, len(labels), has_evidence, source)
    rows = np.arange(len(source))
  if clean is not None:
    _check_clean(origin, clean[rows], source)
  labels = labels[rows]
  outside = (labels < 0) | (labels >= source.num_classes)
  if outside.any():
    position = int(np.argmax(outside))
    raise UserError(
      f"{origin}: expected labels between 0 and {source.num_classes - 1}, got "
      f"{labels[position]} for image {source.ids[position]}; correct the file"
    )
  return labels


def can_be_matched(columns: Mapping[str, np.ndarray]) -> bool:
  """Whether columns say which image each label belongs to.

  They do so by ids or clean labels.

  Args:
    columns: name -> [M] integers.
  """
  return any(
    _first_of(columns, names) is not None for names in (_ID_NAMES, _CLEAN_NAMES)
  )


def label_column(
  columns: Mapping[str, np.ndarray], origin: str, label_key: str | None = None
) -> str:
  """The name of the column of labels.

  Args:
    columns: name -> [M] integers.
    origin: where they came from, for messages.
    label_key: the name, where there are several such columns.

  Raises:
    UserError: there is no such column, several of them, or it holds
      superclasses.
  """
  candidates = [
    name
    for name in columns
    if name not in (*_ID_NAMES, *_CLEAN_NAMES) and _COARSE not in name
  ]
  if label_key is not None and label_key not in columns:
    raise UserError(
      f"label_key: expected a column of {origin}, which has "
      f"{', '.join(columns) or 'no column of integers'}, got {label_key!r}; "
      "choose one of its columns"
    )
  if label_key is not None and _COARSE in label_key:
    raise UserError(
      f"label_key: expected labels of the images' classes, got {label_key!r} "
      f"of {origin}, which counts superclasses; choose "
      f"{' or '.join(candidates) or 'another file'}"
    )
  if label_key is not None:
    return label_key
  for name in _LABEL_NAMES:
    if name in columns:
      return name
  if len(candidates) == 1:
    return candidates[0]
  raise UserError(
    f"label_key: expected one column of labels in {origin}, got "
    f"{', '.join(candidates) or 'no column of integers'}; choose one of them"
  )


def _first_of(
  columns: Mapping[str, np.ndarray], names: tuple[str, ...]
) -> np.ndarray | None:
  return next((columns[name] for name in names if name in columns), None)


def _rows_by_id(
  origin: str, ids: np.ndarray, source: SourceImages
) -> np.ndarray:
  """The file's row for each image."""
  unique, first_rows = np.unique(ids, return_index=True)
  if len(unique) != len(ids):
    repeated = np.setdiff1d(np.arange(len(ids)), first_rows)[0]
    raise UserError(
      f"{origin}: expected every id once, got id {ids[repeated]} again; "
      "correct the file"
    )
  missing = np.setdiff1d(source.ids, unique)
  extra = np.setdiff1d(unique, source.ids)
  if len(missing) or len(extra):
    what = (
      f"none for id {missing[0]}"
      if len(missing)
      else (f"one for id {extra[0]}, which no image has")
    )
    raise UserError(
      f"{origin}: expected a label for each of {len(source)} image ids, got "
      f"{what} ({len(missing)} missing, {len(extra)} too many); correct them"
    )
  return first_rows[np.searchsorted(unique, source.ids)]


def _check_bare_labels(
  origin: str, count: int, has_evidence: bool, source: SourceImages
) -> None:
  if count != len(source):
    raise UserError(
      f"{origin}: expected one label for each of the {len(source)} images, got "
      f"{count} without ids; add ids or correct the file"
    )
  if not has_evidence:
    raise UserError(
      f"label_order: expected ids, clean labels or a stated order for the "
      f"labels of {origin}, since CIFAR images come in two orders, got bare "
      "labels; add an id column, or state the order (these images are in "
      f"{source.ordering} order)"
    )


def _check_clean(origin: str, clean: np.ndarray, source: SourceImages) -> None:
  different = clean != source.labels
  if different.any():
    position = int(np.argmax(different))
    raise UserError(
      f"{origin}: expected clean labels equal to the images' own, got "
      f"{int(different.sum())} of {len(source)} different (the first at image "
      f"{source.ids[position]}: {clean[position]} instead of "
      f"{source.labels[position]}); the file is in another order or for "
      "another data set: use the archive's version it was made for, or a file "
      "with ids"
    )
