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
  """The name spelled most like `typed`, or up to three that share its words.

  Names that share most words win over the spelling if they share two or more:
  --max_steps means --max_number_of_steps, not --master. Where no spelling is
  near, they must share all words of `typed`. Case is ignored, and dashes equal
  underscores.
  """
  plain = {_plain(name): name for name in names}
  closest = difflib.get_close_matches(_plain(typed), plain, n=1)
  words = {*_plain(typed).split("_")}
  shared = {each: len(words & {*each.split("_")}) for each in plain}
  most = max(shared.values(), default=0)
  by_words = [each for each, number in shared.items() if number == most]
  if most >= (2 if closest else len(words)) and not {*closest} & {*by_words}:
    closest = by_words[:3]
  return [plain[each] for each in closest]


def _plain(name: str) -> str:
  return name.lower().replace("-", "_")
