"""Mentors by name or path."""

import zipfile
from pathlib import Path

import keras

from mentornet_tf.curricula import (
  memory_columns,
  mentor_base,
  mentor_input,
  tf1_checkpoint,
)
from mentornet_tf.errors import UserError
from mentornet_tf.internal.reasons import reason

# What learning a mentor leaves in its folder, and a training run in its own:
# there it is the mentor that the run began with.
MENTOR_FILE = "mentor.keras"

_PRETRAINED = Path(__file__).parent / "pretrained"


def list_mentors() -> list[str]:
  """The names of the mentors that ship with this package, sorted."""
  return sorted(path.stem for path in _PRETRAINED.glob("*.keras"))


def load_mentor(name_or_path: str | Path) -> keras.Model:
  """Loads a mentor.

  Args:
    name_or_path: a name of `list_mentors()`; a folder or prefix of a TensorFlow
      1 checkpoint of the original code; a `.keras` file; or a folder in which
      `mentornet train-mentor` has trained one.

  Returns:
    A model from features [B, 4] float32 (loss in nats, loss difference, label,
    epoch percentage) to logits [B, 1]; or from the features [B, 8] of a mentor
    that sees the memory of training (`curricula.memory_features`).

  Raises:
    UserError: an unknown name, or files that hold no mentor.
  """
  text = str(name_or_path)
  if not text.strip():
    raise UserError(
      f"mentor: expected a name or a path, got {text!r}; {_KINDS}"
    )
  if text in list_mentors():
    return _load_keras(_PRETRAINED / f"{text}.keras")
  path = Path(text)
  if path.is_dir():
    return _load_folder(path)
  if path.suffix == ".keras" and path.is_file():
    return _load_keras(path)
  if Path(text.removesuffix(".index") + ".index").is_file():
    return tf1_checkpoint.load_tf1_mentor(path)
  found = "a file of another kind" if path.exists() else "no such name or path"
  raise UserError(
    f"mentor: expected a shipped mentor ({', '.join(list_mentors()) or 'none'})"
    f" or a path, got {text!r}, {found}; {_KINDS}"
  )


_KINDS = (
  "give a shipped name, a TensorFlow 1 checkpoint (folder or prefix), a .keras "
  "file or a folder of mentornet train-mentor"
)


def _load_folder(folder: Path) -> keras.Model:
  if (folder / "run.json").is_file():
    raise UserError(
      "mentor: expected a folder of mentornet train-mentor, got that of a "
      f"student's training, {folder}; give a file in it, {MENTOR_FILE} for its "
      "first mentor, or mentor-at-<step>.keras after an update"
    )
  if (folder / MENTOR_FILE).is_file():
    return _load_keras(folder / MENTOR_FILE)
  if (folder / "checkpoint").is_file():
    return tf1_checkpoint.load_tf1_mentor(folder)
  prefixes = sorted(path.with_suffix("") for path in folder.glob("*.index"))
  if len(prefixes) == 1:
    return tf1_checkpoint.load_tf1_mentor(prefixes[0])
  several = f"{len(prefixes)} checkpoints and no file 'checkpoint'"
  raise UserError(
    f"mentor: expected a folder with {MENTOR_FILE} or a TensorFlow 1 "
    f"checkpoint, got {several if prefixes else 'neither'} in {folder}; "
    f"{_KINDS}"
  )


def _load_keras(path: Path) -> keras.Model:
  try:
    mentor = keras.saving.load_model(path, compile=False)
  except (
    # What Keras raises on damaged archives and on unknown classes.
    zipfile.BadZipFile,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    TypeError,
    ValueError,
  ) as error:
    raise UserError(
      f"{path}: expected a Keras file with a mentor, got one that does not "
      f"load ({type(error).__name__}: {reason(error)}); copy it anew, and "
      "import the module that defines its classes"
    ) from error
  _check_mentor(path, mentor)
  return mentor


def _check_mentor(path: Path, mentor: keras.Model) -> None:
  columns = mentor_base.NUM_FEATURES
  if mentor_input.takes_memory(mentor):
    columns = len(memory_columns.NAMES)
  refused = mentor_input.refusal(mentor, columns)
  if refused is not None:
    raise UserError(
      f"{path}: expected a mentor that takes features [B, {columns}], got a "
      f"{type(mentor).__name__} that refuses them ({refused}); give a mentor's "
      "file"
    )
  shape = mentor(keras.KerasTensor((None, columns), "float32")).shape
  if shape[1:] != (1,):
    raise UserError(
      f"{path}: expected a mentor with logits [B, 1], got a "
      f"{type(mentor).__name__} with output {list(shape)}; give a mentor's file"
    )
