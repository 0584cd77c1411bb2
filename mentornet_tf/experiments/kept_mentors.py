"""Whether runs began under the mentors that ship today."""

from pathlib import Path

import numpy as np

from mentornet_tf.curricula.mentors import MENTOR_FILE, load_mentor
from mentornet_tf.errors import UserError
from mentornet_tf.experiments.protocols import Protocol, method_and_seed


def check_kept_mentors(folder: Path, protocol: Protocol) -> None:
  """Raises UserError if a run keeps another mentor than its method names.

  A version may ship a better mentor under the name of an older one. A run goes
  on under the mentor that it began with, and would be compared as the new one.

  Args:
    folder: of the protocol's runs, which may have begun or not.
    protocol: whose methods name shipped mentors, or none.
  """
  shipped: dict[str, list[np.ndarray]] = {}
  for path in sorted(folder.glob(f"*-*/{MENTOR_FILE}")):
    parsed = method_and_seed(path.parent.name)
    name = protocol.shipped_mentor(parsed[0]) if parsed else None
    if name is None:
      continue
    if name not in shipped:
      shipped[name] = load_mentor(name).get_weights()
    kept = load_mentor(path).get_weights()
    if not _equal(kept, shipped[name]):
      raise UserError(
        f"{path}: expected {name} as it ships today, got another mentor, under "
        "which the run has begun; move the run's folder away, or compare in "
        "another folder"
      )


def _equal(kept: list[np.ndarray], shipped: list[np.ndarray]) -> bool:
  return len(kept) == len(shipped) and all(map(np.array_equal, kept, shipped))
