"""Files of mentor examples: this project's, and the original's pickles."""

import json
from pathlib import Path

import numpy as np

from mentornet_tf.errors import UserError
from mentornet_tf.internal import restricted_pickle
from mentornet_tf.internal.damaged_archives import DAMAGED_ARCHIVE
from mentornet_tf.internal.reasons import reason
from mentornet_tf.mentor_training.examples import (
  ARRAYS,
  EXAMPLES_FILE,
  MentorExamples,
)

# What the original names its two pickles.
_ORIGINAL_FILES = ("tr.p", "ts.p")


def load_examples(path: str | Path) -> MentorExamples:
  """Loads examples from a folder or file.

  Args:
    path: the file that `MentorExamples.save` wrote, its folder, or a folder
      with the original's pickles `tr.p` and `ts.p`.

  Raises:
    UserError: there are no examples at the path, or the file is damaged.
  """
  path = Path(path)
  if path.is_dir():
    if (path / EXAMPLES_FILE).is_file():
      return _load_npz(path / EXAMPLES_FILE)
    if all((path / name).is_file() for name in _ORIGINAL_FILES):
      return _load_pickles(path)
    below = sorted(file.parent.name for file in path.glob(f"*/{EXAMPLES_FILE}"))
    found = f"one with {', '.join(below)}" if below else "one without"
    raise UserError(
      f"{path}: expected a folder with {EXAMPLES_FILE} (or tr.p and ts.p), got "
      f"{found}; generate the examples first"
      + (", or give one of those folders" if below else "")
    )
  if path.is_file():
    return _load_npz(path)
  raise UserError(
    f"{path}: expected a folder with {EXAMPLES_FILE}, got no such path; check "
    "it"
  )


def _load_npz(path: Path) -> MentorExamples:
  try:
    with np.load(path, allow_pickle=False) as file:
      arrays = {name: file[name].astype(np.float64) for name in ARRAYS}
      origin = json.loads(str(file["origin"])) if "origin" in file else {}
  except (
    *DAMAGED_ARCHIVE,
    # On pickled objects.
    ArithmeticError,
    MemoryError,
    SyntaxError,
  ) as error:
    raise UserError(
      f"{path}: expected an .npz file with {', '.join(ARRAYS)}, got one that "
      f"does not load ({reason(error)}); generate the examples "
      "again"
    ) from error
  return MentorExamples(**arrays, origin=origin)


def _load_pickles(folder: Path) -> MentorExamples:
  arrays = []
  for name in _ORIGINAL_FILES:
    path = folder / name
    try:
      rows = np.asarray(restricted_pickle.load(path), np.float64)
    except (TypeError, ValueError) as error:
      if isinstance(error, UserError):
        raise
      rows = np.empty(0)
    if rows.ndim != 2 or rows.shape[1] != 5:
      raise UserError(
        f"{path}: expected an array [N, 5] of four features and the target, "
        f"got {list(rows.shape) if rows.size else 'something else'}; generate "
        "the examples again"
      )
    arrays += [rows[:, :4], rows[:, 4]]
  return MentorExamples(
    **dict(zip(ARRAYS, arrays, strict=True)), origin={"pickles": folder.name}
  )
