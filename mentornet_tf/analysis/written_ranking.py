"""The files of a ranking of labels, read back for a report."""

import itertools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from mentornet_tf.analysis.ranking import COLUMNS, METRICS_FILE
from mentornet_tf.errors import UserError
from mentornet_tf.internal.csv_files import read_rows
from mentornet_tf.internal.json_files import read_json
from mentornet_tf.internal.json_values import (
  is_list,
  is_number,
  is_object,
  is_text,
  is_whole,
)
from mentornet_tf.internal.reasons import reason
from mentornet_tf.internal.setting_fields import shown

_WRITTEN_BY = "a ranking of labels"
_ADVICE = "rank the labels again"

_INTEGERS = ("num_disagreeing", "num_examples")
_TEXTS = ("data", "rank_by")
_DETECTION = ("roc_auc", "average_precision", "precision_at_num_wrong")
_TABLE_INTEGERS = ("rank", "id", "given_label", "predicted_label")
_TABLE_TEXTS = ("given_class", "predicted_class", "clean_class", "path")
# Version 0.1 wrote no clean class, and the next one no path.
_REQUIRED_COLUMNS = [
  name for name in COLUMNS if name not in ("clean_class", "path")
]


def read_ranking_metrics(folder: str | os.PathLike) -> dict[str, Any] | None:
  """The `metrics.json` of a ranking; None if there is no such file.

  Raises:
    UserError: the file is damaged or holds something else.
  """
  file = Path(folder) / METRICS_FILE
  if not file.exists():
    return None
  metrics = read_json(file, written_by=_WRITTEN_BY, advice=_ADVICE)
  expected = {"checkpoint_steps", "quality", *_INTEGERS, *_TEXTS}
  missing = expected - metrics.keys()
  if missing:
    raise UserError(
      f"{file}: expected {', '.join(sorted(missing))} as written by "
      f"{_WRITTEN_BY}, got none; {_ADVICE}"
    )
  for name in _INTEGERS:
    _require(file, name, is_whole(metrics[name]), "a whole number", metrics)
  for name in _TEXTS:
    _require(file, name, is_text(metrics[name]), "a text", metrics)
  if metrics.get("digest") is not None:
    _require(file, "digest", is_text(metrics["digest"]), "a text", metrics)
  steps = metrics["checkpoint_steps"]
  _require(
    file,
    "checkpoint_steps",
    is_list(steps, is_whole),
    "a list of steps",
    metrics,
  )
  quality = metrics["quality"]
  _require(
    file,
    "quality",
    quality is None or (is_object(quality) and _is_quality(quality)),
    "null or the quality of a detection",
    metrics,
  )
  return metrics


def read_suspect_table(
  path: str | os.PathLike, num_rows: int
) -> list[dict[str, str]]:
  """The first rows of a `suspect_labels.csv` as text.

  Raises:
    UserError: the file is damaged or holds something else.
  """
  return list(itertools.islice(iter_suspect_table(path), num_rows))


def iter_suspect_table(path: str | os.PathLike) -> Iterator[dict[str, str]]:
  """The rows of a `suspect_labels.csv` as text, one after the other.

  Raises:
    UserError: the file is damaged or holds something else.
  """
  return read_rows(
    path,
    _REQUIRED_COLUMNS,
    integers=_TABLE_INTEGERS,
    texts=_TABLE_TEXTS,
    advice=_ADVICE,
  )


def read_suspect_images(
  path: str | os.PathLike,
) -> dict[int, np.ndarray]:
  """The images of an `images.npz`, [height, width, 3] uint8 each, by id.

  Raises:
    UserError: the file is damaged or holds something else.
  """
  try:
    with np.load(path, allow_pickle=False) as arrays:
      images, ids = arrays["images"], arrays["ids"]
  except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
    raise UserError(
      f"{path}: expected images and ids written by {_WRITTEN_BY}, got "
      f"something else ({reason(error)}); {_ADVICE}"
    ) from error
  is_image = images.dtype == np.uint8 and images.shape[-1:] == (3,)
  if images.ndim != 4 or not is_image or ids.shape != images.shape[:1]:
    raise UserError(
      f"{path}: expected images [M, height, width, 3] of bytes and M ids, got "
      f"shapes {images.shape} and {ids.shape}; {_ADVICE}"
    )
  return dict(zip(ids.tolist(), images, strict=True))


def _is_quality(quality: Mapping[str, Any]) -> bool:
  rankings: list[Any] = [quality.get(n) for n in ("by_loss", "by_weight")]
  if not is_whole(quality.get("num_wrong")) or not all(
    map(is_object, rankings)
  ):
    return False
  values = [each.get(name) for each in rankings for name in _DETECTION]
  accuracy = quality.get("suggestion_accuracy")
  if accuracy is not None:  # None where no noisy label's clean one is known
    values.append(accuracy)
  # All are known, or none: where all labels are clean or all are noisy.
  return all(map(is_number, values)) or rankings[0].get("roc_auc") is None


def _require(
  file: Path, name: str, holds: bool, expected: str, metrics: Mapping[str, Any]
) -> None:
  if not holds:
    raise UserError(
      f"{file}: {name}: expected {expected}, got {shown(metrics[name])}; "
      f"{_ADVICE}"
    )
