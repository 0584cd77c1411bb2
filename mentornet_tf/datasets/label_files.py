"""Given labels, such as the human labels of CIFAR-10N and CIFAR-100N.

The CIFAR images come in two orders, so a bare list of labels says nothing by
itself. Labels are matched by image id; a list without ids is taken only where
its own clean labels agree with the images', or where its order is stated.
"""

import csv
import zipfile
from pathlib import Path

import numpy as np

from mentornet_tf import restricted_pickle
from mentornet_tf.datasets.source_images import SourceImages
from mentornet_tf.errors import UserError

_ID_NAMES = ("id", "ids")
_CLEAN_NAMES = ("clean_label", "clean_labels")
_LABEL_NAMES = ("label", "labels")
_NPY_HEADER_READERS = {
  (1, 0): np.lib.format.read_array_header_1_0,
  (2, 0): np.lib.format.read_array_header_2_0,
}


def load_label_file(
  path: str | Path,
  source: SourceImages,
  *,
  label_key: str | None = None,
  label_order: str | None = None,
) -> np.ndarray:
  """Reads one label for each image of `source`.

  Args:
    path: .csv with a header line naming its columns, .npz, or .npy (a list of
      integers, or CIFAR-N's pickled dict of lists, which is read without
      running what it says). Columns "id" and "clean_label" are used for
      matching where they are there.
    source: the images.
    label_key: the column of labels; needed where there are several.
    label_order: for labels without ids, the order they are in; must be
      `source.ordering`.

  Returns:
    [N] int64, in the images' order.

  Raises:
    UserError: the file cannot be read, has no such column, does not hold one
      label within the classes for every image, or cannot be matched to the
      images beyond doubt.
  """
  path = Path(path)
  columns = _read_columns(path)
  labels = _choose_labels(path, columns, label_key)
  ids = _first_of(columns, _ID_NAMES)
  clean = _first_of(columns, _CLEAN_NAMES)
  if ids is not None:
    rows = _rows_by_id(path, ids, source)
  else:
    _check_order(path, len(labels), clean is not None, source, label_order)
    rows = np.arange(len(source))
  if clean is not None:
    _check_clean(path, clean[rows], source)
  labels = labels[rows]
  outside = (labels < 0) | (labels >= source.num_classes)
  if outside.any():
    position = int(np.argmax(outside))
    raise UserError(
      f"{path}: expected labels between 0 and {source.num_classes - 1}, got "
      f"{labels[position]} for image {source.ids[position]}; correct the file"
    )
  return labels


def _read_columns(path: Path) -> dict[str, np.ndarray]:
  readers = {".csv": _read_csv, ".npz": _read_npz, ".npy": _read_npy}
  if path.suffix not in readers:
    raise UserError(
      f"expected a label file as .csv, .npz or .npy, got {path}; convert it"
    )
  if not path.is_file():
    raise UserError(
      f"expected a label file at {path}, but there is no such file; correct "
      "the path"
    )
  try:
    columns = readers[path.suffix](path)
  except UserError:
    raise
  except (ValueError, EOFError, zipfile.BadZipFile) as error:
    raise UserError(
      f"{path}: expected a readable {path.suffix} label file, got a damaged "
      f"or another one ({error}); correct the file"
    ) from error
  integers = {
    name: column.astype(np.int64)
    for name, column in columns.items()
    if column.ndim == 1 and column.dtype.kind in "iu"
  }
  if len({len(column) for column in integers.values()}) > 1:
    sizes = ", ".join(
      f"{name} {len(column)}" for name, column in integers.items()
    )
    raise UserError(
      f"{path}: expected columns of one length, got {sizes}; correct the file"
    )
  return integers


def _read_csv(path: Path) -> dict[str, np.ndarray]:
  with path.open(newline="", encoding="utf-8-sig") as file:
    rows = [row for row in csv.reader(file) if any(row)]
  header = [name.strip() for name in rows[0]] if rows else []
  if not header or any(_is_number(name) for name in header):
    raise UserError(
      f"{path}: expected a first line that names the columns, such as "
      f"'id,label', got {','.join(header) or 'an empty file'!r}; add that line"
    )
  for number, row in enumerate(rows[1:], start=2):
    if len(row) != len(header):
      raise UserError(
        f"{path}: line {number}: expected {len(header)} fields, got "
        f"{len(row)}; correct the line"
      )
  columns = {}
  for name, cells in zip(header, zip(*rows[1:], strict=True), strict=False):
    # Columns of text or times are none of our business.
    if all(cell.strip().lstrip("+-").isdigit() for cell in cells):
      columns[name] = np.array([int(cell) for cell in cells], np.int64)
  return columns


def _is_number(text: str) -> bool:
  try:
    float(text)
  except ValueError:
    return False
  return True


def _read_npz(path: Path) -> dict[str, np.ndarray]:
  with np.load(path, allow_pickle=False) as file:
    return {name: file[name] for name in file.files}


def _read_npy(path: Path) -> dict[str, np.ndarray]:
  with path.open("rb") as file:
    version = np.lib.format.read_magic(file)
    if version not in _NPY_HEADER_READERS:
      raise ValueError(f"format version {version}")
    _, _, dtype = _NPY_HEADER_READERS[version](file)
    if not dtype.hasobject:
      return {"label": np.load(path, allow_pickle=False)}
    value = restricted_pickle.load(file)
  if isinstance(value, np.ndarray) and value.shape == ():
    value = value.item()
  if not isinstance(value, dict):
    raise UserError(
      f"{path}: expected a list of integers or a dict of them, got a pickled "
      f"{type(value).__name__}; convert the file"
    )
  return {str(key): np.asarray(column) for key, column in value.items()}


def _choose_labels(
  path: Path, columns: dict[str, np.ndarray], label_key: str | None
) -> np.ndarray:
  helpers = (*_ID_NAMES, *_CLEAN_NAMES)
  candidates = [name for name in columns if name not in helpers]
  if label_key is not None:
    if label_key in columns:
      return columns[label_key]
    raise UserError(
      f"{path}: expected labels named {label_key!r}, found "
      f"{', '.join(columns) or 'no column of integers'}; choose one of them "
      "with --label_key"
    )
  for name in _LABEL_NAMES:
    if name in columns:
      return columns[name]
  if len(candidates) == 1:
    return columns[candidates[0]]
  raise UserError(
    f"{path}: expected one column of labels, found "
    f"{', '.join(candidates) or 'no column of integers'}; choose one with "
    "--label_key"
  )


def _first_of(
  columns: dict[str, np.ndarray], names: tuple[str, ...]
) -> np.ndarray | None:
  return next((columns[name] for name in names if name in columns), None)


def _rows_by_id(
  path: Path, ids: np.ndarray, source: SourceImages
) -> np.ndarray:
  """The file's row for each image."""
  unique, first_rows = np.unique(ids, return_index=True)
  if len(unique) != len(ids):
    repeated = np.setdiff1d(np.arange(len(ids)), first_rows)[0]
    raise UserError(
      f"{path}: expected every id once, got id {ids[repeated]} again; correct "
      "the file"
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
      f"{path}: expected labels for the ids of the {len(source)} images, got "
      f"{what} ({len(missing)} missing, {len(extra)} too many); correct the "
      "file"
    )
  return first_rows[np.searchsorted(unique, source.ids)]


def _check_order(
  path: Path,
  count: int,
  has_clean: bool,
  source: SourceImages,
  label_order: str | None,
) -> None:
  if count != len(source):
    raise UserError(
      f"{path}: expected one label for each of the {len(source)} images, got "
      f"{count} without ids; add ids or correct the file"
    )
  if label_order is None:
    if not has_clean:
      raise UserError(
        f"{path}: expected ids, clean labels or a stated order beside the "
        "labels, since CIFAR images come in two orders, got bare labels; add "
        "an id column, or state the order with --label_order (these images "
        f"are in {source.ordering} order)"
      )
  elif label_order != source.ordering:
    raise UserError(
      f"{path}: expected labels in {source.ordering} order like the images, "
      f"got --label_order={label_order}; read the images from the "
      f"{label_order} version of the archive, or use labels with ids"
    )


def _check_clean(path: Path, clean: np.ndarray, source: SourceImages) -> None:
  different = clean != source.labels
  if different.any():
    position = int(np.argmax(different))
    raise UserError(
      f"{path}: expected clean labels equal to the images' own, got "
      f"{int(different.sum())} of {len(source)} different (the first at image "
      f"{source.ids[position]}: {clean[position]} instead of "
      f"{source.labels[position]}); the file is in another order or for "
      "another data set: use the archive's version it was made for, or a file "
      "with ids"
    )
