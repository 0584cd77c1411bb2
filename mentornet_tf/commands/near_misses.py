"""What somebody who mistyped a name may have meant."""

import difflib
from collections.abc import Mapping


def did_you_mean(typed: str, names: Mapping[str, str]) -> str:
  """The end of a message, "; did you mean --seed?"; empty if nothing is near.

  Args:
    typed: what was typed.
    names: what could be meant, each with how the question shows it.
  """
  nearest = near_misses(typed, names)
  if not nearest:
    return ""
  *others, last = dict.fromkeys(names[name] for name in nearest)
  shown = f"{', '.join(others)} or {last}" if others else last
  return f"; did you mean {shown}?"


def near_misses(typed: str, names: Mapping[str, str]) -> list[str]:
  """The name that is spelled most like `typed`, else up to three that hold it.

  Capitals count as small letters, and dashes as underscores.
  """
  plain = {_plain(name): name for name in names}
  closest = difflib.get_close_matches(_plain(typed), plain, n=1)
  if not closest:
    closest = [each for each in plain if _plain(typed) in each.split("_")][:3]
  return [plain[each] for each in closest]


def _plain(name: str) -> str:
  return name.lower().replace("-", "_")
