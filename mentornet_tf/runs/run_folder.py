"""The folder a training run leaves behind: settings, metrics, events.

Holds `run.json` (all settings, versions, seeds and the data's summary),
`metrics.csv` (one row for each reported step), TensorBoard events and the
checkpoints.
"""

import csv
import json
import math
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import mentornet_tf
from mentornet_tf.errors import UserError
from mentornet_tf.internal import atomic_files


def write_json(path: Path, content: Mapping[str, Any]) -> None:
  """Writes `content` as a whole."""
  text = json.dumps(content, indent=2, sort_keys=True) + "\n"
  atomic_files.write_bytes(path, text.encode())


def versions() -> dict[str, str]:
  """Versions of all that shapes the numbers of a run."""
  return {
    "python": platform.python_version(),
    "tensorflow": tf.__version__,
    "keras": keras.__version__,
    "numpy": np.__version__,
    "mentornet_tf": mentornet_tf.__version__,
  }


class RunFolder:
  """Creates or reopens a training folder.

  Args:
    path: the folder; made when it does not exist.
    settings: all that shapes the run's numbers.
    data: summary of the training data.
    defaults: settings that a run of an older version does not name, with the
      values that it ran with.

  Raises:
    UserError: if the folder cannot be written to, or belongs to a run with
      other settings (the differences are listed).
  """

  def __init__(
    self,
    path: str | os.PathLike,
    settings: Mapping[str, Any],
    data: Mapping[str, Any],
    defaults: Mapping[str, Any] | None = None,
  ):
    self.path = Path(path)
    try:
      self.path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
      raise UserError(
        f"{self.path}: expected a folder that can be created and written to, "
        f"got: {error.strerror}; choose another training folder"
      ) from error
    if not os.access(self.path, os.W_OK):
      raise UserError(
        f"{self.path}: expected a folder that can be written to, got no write "
        "permission; choose another training folder or change its rights"
      )
    content = {"settings": dict(settings), "data": dict(data)}
    content = json.loads(json.dumps(content))
    if self.json_path.exists():
      _refuse_other_settings(self.json_path, content, defaults or {})
    else:
      write_json(self.json_path, {**content, "versions": versions()})

  @property
  def json_path(self) -> Path:
    """Where the settings are written."""
    return self.path / "run.json"

  @property
  def metrics_path(self) -> Path:
    """Where the metrics are written."""
    return self.path / "metrics.csv"


def read_run(path: str | os.PathLike) -> dict[str, Any] | None:
  """The content of a folder's `run.json`, None when there is no such file.

  Raises:
    UserError: the file is damaged, or is something else.
  """
  file = Path(path) / "run.json"
  if not file.exists():
    return None
  try:
    content = json.loads(file.read_text())
  except ValueError as error:
    raise _not_a_run(file, str(error)) from error
  if not isinstance(content, dict):
    raise _not_a_run(file, f"a JSON {type(content).__name__}")
  for part in ("settings", "data"):
    if not isinstance(content.get(part), dict):
      raise _not_a_run(file, f"none with the part {part!r}")
  return content


def _not_a_run(file: Path, got: str) -> UserError:
  return UserError(
    f"{file}: expected JSON written by a training run, got {got}; restore the "
    "file, or give another folder"
  )


def _refuse_other_settings(
  path: Path, content: Mapping[str, Any], defaults: Mapping[str, Any]
) -> None:
  before = read_run(path.parent)
  before["settings"] = {**defaults, **before["settings"]}
  # What an older version did not note about its data is no difference.
  before["data"] = {**content["data"], **before["data"]}
  differences = []
  for part in ("settings", "data"):
    old, new = before[part], content[part]
    differences += [
      f"{part}.{key} was {old.get(key)!r}, now {new.get(key)!r}"
      for key in sorted(old.keys() | new.keys())
      if old.get(key) != new.get(key)
    ]
  if differences:
    raise UserError(
      f"{path.parent}: expected a new folder or one of the same run, got a run "
      f"with other settings: {'; '.join(differences)}; choose another folder, "
      "or the settings of that run to continue it"
    )


class MetricsWriter:
  """Appends rows to `metrics.csv` and scalars to TensorBoard's events.

  Args:
    folder: the training folder.
    columns: names of the columns after `step`.
    start_step: rows after this step, left by a run that was interrupted later
      than its last checkpoint, are dropped.
    flush_seconds: how often TensorBoard's events are flushed to disk.
  """

  def __init__(
    self,
    folder: RunFolder,
    columns: list[str],
    start_step: int = 0,
    flush_seconds: float = 120.0,
  ):
    self._path = folder.metrics_path
    self._columns = ["step", *columns]
    rows = [
      row for row in read_metrics(folder.path) if int(row["step"]) <= start_step
    ]
    with (
      atomic_files.replacing(self._path) as partial,
      partial.open("w", newline="") as file,
    ):
      writer = csv.DictWriter(file, self._columns, extrasaction="ignore")
      writer.writeheader()
      writer.writerows(rows)
    self._events = tf.summary.create_file_writer(
      str(folder.path), flush_millis=int(1000 * flush_seconds)
    )

  def write(
    self,
    step: int,
    row: Mapping[str, float | None],
    histograms: Mapping[str, np.ndarray] | None = None,
    events_only: Mapping[str, float] | None = None,
  ) -> None:
    """Writes one row; None and NaN are left empty."""
    known = {
      name: value
      for name, value in row.items()
      if value is not None and not math.isnan(value)
    }
    with self._path.open("a", newline="") as file:
      csv.DictWriter(file, self._columns).writerow(
        {"step": step} | {name: f"{v:.7g}" for name, v in known.items()}
      )
    with self._events.as_default(step):
      for name, value in (known | dict(events_only or {})).items():
        tf.summary.scalar(name, value)
      for name, values in (histograms or {}).items():
        tf.summary.histogram(name, values)

  def write_picture(self, step: int, name: str, png: bytes) -> None:
    """Writes a picture to TensorBoard's events."""
    with self._events.as_default(step):
      tf.summary.image(name, tf.io.decode_png(png, channels=3)[tf.newaxis])

  def close(self) -> None:
    """Flushes TensorBoard's events."""
    self._events.close()


def read_metrics(path: str | os.PathLike) -> list[dict[str, str]]:
  """Rows of a folder's `metrics.csv` as text; empty when there is none."""
  file = Path(path) / "metrics.csv"
  if not file.exists():
    return []
  with file.open(newline="") as stream:
    return list(csv.DictReader(stream))
