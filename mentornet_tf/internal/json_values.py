"""What a value in a JSON file is, told before it is used."""

import math
import re
from collections.abc import Callable
from typing import Any

_LARGEST = 10**12

# What would break a line; spaces of any width and joined characters may stand.
_CONTROLS = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029]")


def is_whole(value: Any, least: int = 0, most: int = _LARGEST) -> bool:
  """Whether it is an integer within bounds; true and false are none."""
  return type(value) is int and least <= value <= most


def is_number(value: Any) -> bool:
  """Whether it is a finite number."""
  return type(value) is int or (type(value) is float and math.isfinite(value))


def is_share(value: Any) -> bool:
  """Whether it is a number from 0 to 1."""
  return is_number(value) and 0 <= value <= 1


def is_text(value: Any) -> bool:
  """Whether it is a text without control characters."""
  return isinstance(value, str) and not _CONTROLS.search(value)


def is_object(value: Any) -> bool:
  """Whether it is an object."""
  return isinstance(value, dict)


def is_list(value: Any, holds: Callable[[Any], bool]) -> bool:
  """Whether it is a list of values of which `holds` is true."""
  return isinstance(value, list) and all(map(holds, value))
