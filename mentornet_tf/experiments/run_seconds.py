"""The wall time of a run over all its parts, in its training folder."""

import time
from pathlib import Path
from typing import Any

from mentornet_tf.errors import UserError
from mentornet_tf.internal.json_files import read_json, write_json
from mentornet_tf.internal.json_values import is_number
from mentornet_tf.internal.setting_fields import shown

SECONDS_FILE = "seconds.json"
_NAMES = ("step", "seconds")


def add_seconds(run_folder: Path, start: float, step: int) -> None:
  """Adds the wall time of a part of a run; a killed part does not count.

  Args:
    run_folder: the training folder.
    start: when the part began, by `time.perf_counter`.
    step: the step that it reached.
  """
  record = read_seconds(run_folder)
  if step > record["step"]:
    seconds = record["seconds"] + time.perf_counter() - start
    write_json(run_folder / SECONDS_FILE, {"step": step, "seconds": seconds})


def read_seconds(run_folder: Path) -> dict[str, Any]:
  """The "step" that a run has reached, and its "seconds" so far.

  Raises:
    UserError: the file holds something else.
  """
  path = run_folder / SECONDS_FILE
  if not path.exists():
    return {"step": 0, "seconds": 0.0}
  record = read_json(path, written_by="an earlier run", advice="remove it")
  if not all(is_number(record.get(name)) for name in _NAMES):
    raise UserError(
      f"{path}: expected the numbers {' and '.join(_NAMES)}, got "
      f"{shown(record)}; remove it"
    )
  return record
