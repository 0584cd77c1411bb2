"""How many processor cores there are."""

import os


def num_cores() -> int:
  """Those that this process may use, where the system tells; at least 1."""
  if hasattr(os, "sched_getaffinity"):
    return len(os.sched_getaffinity(0))
  return os.cpu_count() or 1
