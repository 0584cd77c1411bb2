"""The folder of a training run: settings, metrics, events.

Holds `run.json` (all settings, versions, seeds and the summary of the data),
`metrics.csv` (a row per reported step), TensorBoard events and the checkpoints.
"""

import csv
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from mentornet_tf.errors import UserError
from mentornet_tf.internal import atomic_files
from mentornet_tf.internal.csv_files import read_rows
from mentornet_tf.internal.json_files import read_json, write_json
from mentornet_tf.internal.setting_fields import shown
from mentornet_tf.internal.versions import versions
from mentornet_tf.runs.run_checks import check_run
from mentornet_tf.settings import TrainingSettings, with_current_names

_RUN_FILE = "run.json"
_METRICS_FILE = "metrics.csv"


class RunFolder:
  """Creates or reopens a training folder.

  Args:
    path: the folder; created if it does not exist.
    settings: all that shapes the run's numbers.
    data: summary of the training data.
    defaults: values of the settings that a run of an older version does not
      name.
    warn: takes a line where an older version's run.json cannot tell whether
      the data are the same.

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
    warn: Callable[[str], Any] = print,
  ):
    self.path = atomic_files.writable_folder(path)
    content = {"settings": dict(settings), "data": dict(data)}
    content = json.loads(json.dumps(content))
    if self.json_path.exists():
      before = require_run(self.path)
      _refuse_other_settings(self.path, before, content, defaults or {})
      if "digest" in data and "digest" not in before["data"]:
        warn(
          f"note: {self.json_path} is an older version's and holds no digest "
          "of the images; these are taken for those trained on, and compared "
          "from now on"
        )
        noted = _with_digests(before["data"], content["data"])
        write_json(self.json_path, {**before, "data": noted})
    else:
      write_json(self.json_path, {**content, "versions": versions()})

  @property
  def json_path(self) -> Path:
    """Where the settings are written."""
    return self.path / _RUN_FILE

  @property
  def metrics_path(self) -> Path:
    """Where the metrics are written."""
    return self.path / _METRICS_FILE


def read_run(path: str | os.PathLike) -> dict[str, Any] | None:
  """The content of a folder's `run.json`, None when there is no such file.

  Settings that an older version wrote have the names of this one.

  Raises:
    UserError: the file is damaged, is something else, or holds a value of
      another type than training writes.
  """
  file = Path(path) / _RUN_FILE
  if not file.exists():
    return None
  content = read_json(
    file,
    written_by="a training run",
    advice="restore the file, or give another folder",
    parts=("settings", "data"),
  )
  content["settings"] = with_current_names(content["settings"])
  check_run(file, content)
  return content


def settings_of_run(
  folder: str | os.PathLike, run: Mapping[str, Any]
) -> TrainingSettings:
  """The settings in what `read_run` gives; the defaults of those it lacks.

  Raises:
    UserError: they are not the settings of a training run.
  """
  try:
    return TrainingSettings.of(**run["settings"])
  except UserError as error:
    raise UserError(
      f"{Path(folder) / 'run.json'}: expected the settings of a training "
      f"run of this version, got something else ({error}); train again"
    ) from error


def require_run(path: str | os.PathLike) -> dict[str, Any]:
  """The content of a folder's `run.json`.

  Raises:
    UserError: there is no such file, or `read_run` refuses it.
  """
  run = read_run(path)
  if run is None:
    got = "a folder without" if Path(path).is_dir() else "no such folder"
    raise UserError(
      f"{path}: expected a training folder with {_RUN_FILE}, got {got}; give "
      "the folder that a run was trained in"
    )
  return run


def _refuse_other_settings(
  folder: Path,
  before: Mapping[str, Any],
  content: Mapping[str, Any],
  defaults: Mapping[str, Any],
) -> None:
  settings = {**defaults, **before["settings"]}
  # What an older version did not note about its data is no difference.
  data = {
    **content["data"],
    **_with_digests(before["data"], content["data"]),
  }
  differences = _differences("settings", settings, content["settings"])
  differences += _differences("data", data, content["data"])
  if differences:
    raise UserError(
      f"{folder}: expected a new folder or one of the same run, got a run "
      f"with other settings: {'; '.join(differences)}; choose another folder, "
      "or the settings and data of that run to continue it"
    )


def _differences(
  part: str, old: Mapping[str, Any], new: Mapping[str, Any]
) -> list[str]:
  differences = []
  for key in sorted(old.keys() | new.keys()):
    before, now = old.get(key), new.get(key)
    if before == now:
      continue
    if key == "digest":
      differences.append(
        f"other images, labels or ids in the {part} ({key} was "
        f"{str(before)[:8]}…, now {str(now)[:8]}…)"
      )
    elif key == "class_names" and before and now and len(before) == len(now):
      label = next(k for k, name in enumerate(before) if name != now[k])
      differences.append(
        f"class {label} in the {part} was {before[label]!r}, now {now[label]!r}"
      )
    elif isinstance(before, dict) and isinstance(now, dict):
      differences += _differences(f"{part}.{key}", before, now)
    else:
      differences.append(f"{part}.{key} was {shown(before)}, now {shown(now)}")
  return differences


def _with_digests(
  before: Mapping[str, Any], now: Mapping[str, Any]
) -> dict[str, Any]:
  """A summary of data, with the digests of another where it has none."""
  noted = dict(before)
  if "digest" in now:
    noted.setdefault("digest", now["digest"])
  for key, part in before.items():
    if isinstance(part, dict) and isinstance(now.get(key), dict):
      noted[key] = _with_digests(part, now[key])
  return noted


class MetricsWriter:
  """Appends rows to `metrics.csv` and scalars to TensorBoard's events.

  Args:
    folder: the training folder.
    columns: names of the columns after `step`.
    start_step: rows after this step, left by a run that was interrupted later
      than its last checkpoint, are removed.
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
    """Writes a row; None and NaN become empty fields."""
    known = {
      name: value
      for name, value in row.items()
      if value is not None and not math.isnan(value)
    }
    with (
      atomic_files.naming(self._path),
      self._path.open("a", newline="") as file,
    ):
      csv.DictWriter(file, self._columns).writerow(
        {"step": step} | {name: f"{v:.7g}" for name, v in known.items()}
      )
    with self._writing_events(), self._events.as_default(step):
      for name, value in (known | dict(events_only or {})).items():
        tf.summary.scalar(name, value)
      for name, values in (histograms or {}).items():
        tf.summary.histogram(name, values)

  def write_picture(self, step: int, name: str, png: bytes) -> None:
    """Writes a picture to TensorBoard's events."""
    with self._writing_events(), self._events.as_default(step):
      tf.summary.image(name, tf.io.decode_png(png, channels=3)[tf.newaxis])

  def close(self) -> None:
    """Flushes TensorBoard's events."""
    with self._writing_events():
      self._events.close()

  @contextmanager
  def _writing_events(self) -> Iterator[None]:
    try:
      yield
    except tf.errors.OpError as error:
      reason = " ".join(str(error).split())
      raise UserError(
        f"{self._path.parent}: cannot write TensorBoard's events ({reason}); "
        "check free space and permissions, then start again: training "
        "continues from its last checkpoint"
      ) from error


def read_metrics(path: str | os.PathLike) -> list[dict[str, str]]:
  """Rows of a folder's `metrics.csv` as text; [] if there is no such file.

  A last row that was not written to its end is left out.

  Raises:
    UserError: the file is damaged; names the line.
  """
  file = Path(path) / _METRICS_FILE
  if not file.exists():
    return []
  return list(
    read_rows(
      file,
      ("step",),
      integers=("step",),
      appended=True,
      advice="correct or remove the line; the file holds the history of the "
      "run, not its state",
    )
  )
