"""A training folder opened for use: its student with a checkpoint's weights."""

import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras

from mentornet_tf.datasets.records.class_agreement import check_class_names
from mentornet_tf.errors import UserError
from mentornet_tf.internal.dtype_policy import dtype_policy
from mentornet_tf.internal.tf1_files import is_tf1_checkpoint
from mentornet_tf.runs.checkpointing import (
  DamagedCheckpointError,
  checkpoint_step,
  kept_checkpoints,
  latest_checkpoint,
  open_checkpoint,
  restore,
)
from mentornet_tf.runs.run_folder import read_run, settings_of_run
from mentornet_tf.settings import TrainingSettings
from mentornet_tf.students.registry import build_student
from mentornet_tf.students.tf1_checkpoint import (
  load_tf1_student,
  tf1_num_classes,
)


@dataclasses.dataclass(frozen=True)
class TrainedRun:
  """A training folder, of this package or of the original TensorFlow 1 code.

  Attributes:
    folder: the training folder.
    student: the student; `load` and `load_newest` set its weights.
    total_steps: length of the training; None if unknown.
    chosen: prefix of the requested checkpoint; None uses the newest.
    settings: of run.json; None if there is no such file.
    data: the summary of the training data in run.json, {} likewise.
  """

  folder: Path
  student: keras.Model
  total_steps: int | None
  chosen: str | None = None
  settings: TrainingSettings | None = None
  data: dict[str, Any] = dataclasses.field(default_factory=dict)

  @property
  def dataset_name(self) -> str | None:
    """Of the training data; None where run.json does not tell."""
    return self.settings.data.dataset_name if self.settings else None

  def load(self, checkpoint: str) -> int:
    """Loads the student of a checkpoint and returns the checkpoint's step.

    If the run keeps an average of its weights, the average is loaded.
    """
    open_checkpoint(checkpoint)
    if is_tf1_checkpoint(checkpoint):
      load_tf1_student(self.student, checkpoint)
    else:
      restore(checkpoint, {"student": self.student.variables})
      if self.settings and self.settings.optimizer.ema_decay:
        restore(checkpoint, {"average": self.student.trainable_variables})
    return checkpoint_step(checkpoint)

  def newest(self) -> str:
    """Prefix of the newest checkpoint, or of the chosen one.

    Raises:
      UserError: there is none.
    """
    checkpoint = self.chosen or latest_checkpoint(self.folder)
    if checkpoint is None:
      raise UserError(_no_checkpoint(self.folder))
    return checkpoint

  def load_newest(self, warn: Callable[[str], Any] = print) -> int:
    """Loads the newest checkpoint that can be read and returns its step.

    Args:
      warn: takes a line per damaged checkpoint that is skipped.

    Raises:
      UserError: there is none that can be read, or one does not fit.
    """
    newest = self.newest()
    older = [] if self.chosen else kept_checkpoints(self.folder)
    candidates = [newest, *(c for c in reversed(older) if c != newest)]
    for checkpoint in candidates[:-1]:
      try:
        return self.load(checkpoint)
      except DamagedCheckpointError as error:
        warn(f"warning: {error}")
    return self.load(candidates[-1])


def open_run(
  path: str | os.PathLike,
  studentnet: str = "resnet101",
  num_classes: int | None = None,
  class_names: Sequence[str] | None = None,
) -> TrainedRun:
  """Builds the student of a training folder, without loading its weights.

  Args:
    path: a training folder, or the prefix of one of its checkpoints.
    studentnet: the student's name if the folder holds no run.json, as in the
      original's training folders.
    num_classes: the number of classes that the student must have. None takes it
      from run.json, or from the original's checkpoint.
    class_names: names of the classes, which must be those of run.json where it
      names them.

  Raises:
    UserError: there is no such folder, the student has other classes, or the
      folder does not tell which student it is.
  """
  folder, chosen = _folder_and_checkpoint(path)
  run = read_run(folder)
  settings = settings_of_run(folder, run) if run else None
  data = run["data"] if run else {}
  trained = data.get("num_classes")
  if trained is None:
    trained = num_classes or tf1_num_classes(_tf1_checkpoint(folder, chosen))
  elif num_classes and trained != num_classes:
    raise UserError(
      f"{folder}: expected data of {trained} classes, as the student was "
      f"trained on, got data of {num_classes}; use a dataset with the same "
      "classes"
    )
  if class_names and data.get("class_names"):
    check_class_names(
      str(folder), class_names, data["class_names"], "the student's images"
    )
  built = settings or TrainingSettings.of(studentnet=studentnet)
  with dtype_policy(built.student.mixed_precision):
    student = build_student(
      built.student.studentnet, trained, **built.student_options
    )
  total_steps = settings.run.max_number_of_steps if settings else None
  return TrainedRun(folder, student, total_steps, chosen, settings, data)


def settings_or_defaults(path: str | os.PathLike) -> TrainingSettings:
  """The settings of a training folder; the defaults if it holds none.

  Args:
    path: a training folder, or the prefix of one of its checkpoints.

  Raises:
    UserError: there is no such folder, or its run.json holds something else.
  """
  folder, _ = _folder_and_checkpoint(path)
  run = read_run(folder)
  return settings_of_run(folder, run) if run else TrainingSettings()


def _folder_and_checkpoint(
  path: str | os.PathLike,
) -> tuple[Path, str | None]:
  if Path(path).is_dir():
    return Path(path), None
  prefix = str(path).removesuffix(".index")
  if Path(prefix + ".index").is_file():
    return Path(prefix).parent, prefix
  raise UserError(
    f"{path}: expected a training folder or the prefix of a checkpoint, got no "
    "such folder or checkpoint; check the path"
  )


def _tf1_checkpoint(folder: Path, chosen: str | None) -> str:
  """The checkpoint that identifies the student of a folder without run.json."""
  prefix = chosen or latest_checkpoint(folder)
  if prefix is None:
    raise UserError(_no_checkpoint(folder))
  open_checkpoint(prefix)
  if not is_tf1_checkpoint(prefix):
    raise UserError(
      f"{folder}: expected the run.json that training wrote, got none, so that "
      "the student is unknown; copy the whole training folder"
    )
  return prefix


def _no_checkpoint(folder: Path) -> str:
  return (
    f"{folder}: expected a training folder with a checkpoint, got none; train "
    "first, or give the folder that a run was trained in"
  )
