"""Whether runs were trained under the mentors that ship today."""

import functools
from pathlib import Path

import numpy as np

from mentornet_tf.curricula.mentors import MENTOR_FILE, load_mentor
from mentornet_tf.errors import UserError


def check_kept_mentor(folder: Path, name: str | None) -> None:
  """Raises UserError if a run keeps another mentor than ships under a name.

  A version may ship a better mentor under the name of an older one. A run goes
  on under the mentor that it began with, and would be compared as the new one.

  Args:
    folder: of the run, which may have begun or not.
    name: the shipped mentor that its settings name; None for none.
  """
  path = folder / MENTOR_FILE
  if name is None or not path.exists():
    return
  kept, shipped = load_mentor(path).get_weights(), _shipped_weights(name)
  if len(kept) != len(shipped) or not all(map(np.array_equal, kept, shipped)):
    raise UserError(
      f"{path}: expected {name} as it ships today, got another mentor, under "
      "which the run has begun; move the run's folder away, or compare in "
      "another folder"
    )


@functools.cache
def _shipped_weights(name: str) -> list[np.ndarray]:
  return load_mentor(name).get_weights()
