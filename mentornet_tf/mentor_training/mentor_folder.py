"""The folder in which a mentor is trained: state, result and summary."""

import dataclasses
import hashlib
import io
import json
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mentornet_tf.curricula.mentors import MENTOR_FILE
from mentornet_tf.errors import UserError
from mentornet_tf.internal import atomic_files
from mentornet_tf.internal.damaged_archives import DAMAGED_ARCHIVE
from mentornet_tf.internal.folder_lock import locked
from mentornet_tf.internal.json_files import write_json
from mentornet_tf.internal.versions import versions
from mentornet_tf.mentor_training.examples import MentorExamples
from mentornet_tf.mentor_training.mentor_steps import AdamState, MentorSteps
from mentornet_tf.mentor_training.recipes import MentorRecipe
from mentornet_tf.mentor_training.trained_curriculum import SUMMARY_FILE

STATE_FILE = "learning_state.npz"

_STATE_ARRAYS = [field.name for field in dataclasses.fields(AdamState)]


@dataclasses.dataclass(frozen=True)
class MentorReport:
  """A mentor's errors at one step of its training.

  Attributes:
    step: steps done.
    epoch: passes over the training examples done, a fraction included.
    train_loss: mean of the minimized loss over the training examples.
    test_loss: the same over the test examples.
    train_mse: mean squared error of the weights over the training examples.
    test_mse: the same over the test examples.
  """

  step: int
  epoch: float
  train_loss: float
  test_loss: float
  train_mse: float
  test_mse: float


class MentorFolder:
  """Saves the training of a mentor so that an interrupted one can continue.

  Args:
    path: the folder; created if it does not exist.
    settings: all that shapes the outcome, as from `mentor_settings`.
  """

  def __init__(self, path: str | Path, settings: dict[str, Any]):
    self._path = atomic_files.writable_folder(path)
    self._settings = settings
    self._started = time.perf_counter()
    self._seconds_before = 0.0

  def alone(self) -> AbstractContextManager[None]:
    """Keeps other processes from training in the folder.

    Raises:
      UserError: another process is at it.
    """
    return locked(self._path, "train a mentor")

  def resume(self, steps: MentorSteps) -> list[MentorReport]:
    """Restores the state of an interrupted run, if there is one.

    Returns:
      The reports of that run so far.

    Raises:
      UserError: a damaged state, or that of another training.
    """
    path = self._path / STATE_FILE
    if not path.is_file():
      return []
    try:
      with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in _STATE_ARRAYS}
        record = json.loads(str(file["record"]))
      found = dict(record["settings"])
      seconds = float(record["seconds"])
      reports = [MentorReport(**report) for report in record["reports"]]
      state = AdamState(**{**arrays, "step": int(arrays["step"])})
    except DAMAGED_ARCHIVE as error:
      raise _damaged(path) from error
    self._check_settings(path, found)
    if not _fits(state, steps.state):
      raise _damaged(path)
    steps.state = state
    self._seconds_before = seconds
    return reports

  def save_state(self, state: AdamState, reports: list[MentorReport]) -> None:
    """Saves all that `resume` needs."""
    record = {
      "settings": self._settings,
      "seconds": self._seconds(),
      "reports": [dataclasses.asdict(report) for report in reports],
    }
    buffer = io.BytesIO()
    arrays = {name: getattr(state, name) for name in _STATE_ARRAYS}
    np.savez(buffer, record=json.dumps(record), **arrays)
    atomic_files.write_bytes(self._path / STATE_FILE, buffer.getvalue())

  def finish(self, mentor: keras.Model, reports: list[MentorReport]) -> None:
    """Saves the mentor and the summary of the run."""
    with atomic_files.replacing(self._path / MENTOR_FILE) as partial:
      mentor.save(partial)
    summary = {
      **self._settings,
      "seconds": round(self._seconds(), 3),
      "versions": versions(),
      "final": dataclasses.asdict(reports[-1]),
      "reports": [dataclasses.asdict(report) for report in reports],
    }
    write_json(self._path / SUMMARY_FILE, summary, sort_keys=False)

  def _seconds(self) -> float:
    return self._seconds_before + time.perf_counter() - self._started

  def _check_settings(self, path: Path, found: dict[str, Any]) -> None:
    # Through JSON, as the file's settings went: tuples become lists.
    wanted = json.loads(json.dumps(self._settings))
    differing = [key for key in wanted if wanted[key] != found.get(key)]
    if differing:
      key = differing[0]
      raise UserError(
        f"{path}: expected a run with {key} {wanted[key]}, got one with "
        f"{found.get(key)}; choose another folder, or remove that file to "
        "start over"
      )


def _damaged(path: Path) -> UserError:
  return UserError(
    f"{path}: expected the state of an interrupted run, got a damaged file; "
    "remove it to start over"
  )


def _fits(state: AdamState, fresh: AdamState) -> bool:
  """Whether the arrays are such as the training of this mentor saves."""
  pairs = [
    (np.asarray(getattr(state, name)), np.asarray(getattr(fresh, name)))
    for name in _STATE_ARRAYS
  ]
  return all(
    saved.shape == new.shape and saved.dtype.kind == new.dtype.kind
    for saved, new in pairs
  )


def mentor_settings(
  mentor: keras.Model, examples: MentorExamples, recipe: MentorRecipe, seed: int
) -> dict[str, Any]:
  """All that shapes the outcome of a run, as plain data."""
  digest = hashlib.sha256()
  for name in ("train_features", "train_targets"):
    digest.update(np.ascontiguousarray(getattr(examples, name)).tobytes())
  config = mentor.get_config()
  config.pop("name", None)
  return {
    "form": type(mentor).__name__,
    "form_settings": config,
    "recipe": dataclasses.asdict(recipe),
    "seed": seed,
    "examples": examples.origin,
    "train_rows": len(examples.train_features),
    "test_rows": len(examples.test_features),
    "train_sha256": digest.hexdigest(),
  }
