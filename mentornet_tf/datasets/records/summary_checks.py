"""Whether the JSON beside a record set says what such a file can say.

Checked once, as it is read, so that whoever uses an entry may rely on its type.
"""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mentornet_tf.errors import UserError

# Far beyond any set, and small enough to allocate something for each.
_MOST_CLASSES = 10**6
_MOST_RECORDS = 10**12
_MOST_PIXELS = 10**6

# What would break a line; class names may hold spaces of any width.
_CONTROLS = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029]")


def check_summary(path: Path, summary: dict[str, Any]) -> None:
  """Checks every entry that is used; any of them may be missing or null.

  Args:
    path: the file, for messages.
    summary: its content.

  Raises:
    UserError: an entry has another type, or is out of bounds.
  """
  for name, expected, holds in _ENTRIES:
    value: Any = summary
    for part in name.split("."):
      value = value.get(part) if isinstance(value, dict) else None
    if value is not None and not holds(value):
      raise _unexpected(path, name, expected, value)
  _check_consistent(path, summary)


def _check_consistent(path: Path, summary: dict[str, Any]) -> None:
  names, num_classes = summary.get("class_names"), summary.get("num_classes")
  if names and num_classes is not None and len(names) != num_classes:
    raise _unexpected(
      path, "class_names", f"{num_classes} names", f"{len(names)} of them"
    )
  shards, total = summary.get("shards"), summary.get("num_examples")
  if shards is None:
    return
  if len({each["name"] for each in shards}) < len(shards):
    raise _unexpected(path, "shards", "each file once", "one several times")
  counted = sum(each["num_examples"] for each in shards)
  if total is not None and total != counted:
    raise _unexpected(path, "num_examples", f"{counted}, as in shards,", total)


def _unexpected(path: Path, name: str, expected: str, value: Any) -> UserError:
  printable = isinstance(value, str) and value.isprintable()
  shown = value if printable else _shown(value)
  return UserError(
    f"{path}: expected {expected} as {name}, got {shown[:60]}; correct the "
    "file, or write the set again"
  )


def _shown(value: Any) -> str:
  if isinstance(value, (dict, list)):
    return f"{type(value).__name__} of {len(value)}"
  # Numbers of some thousand digits cannot be printed.
  if isinstance(value, int) and abs(value) > 10**18:
    return "a huge number"
  return repr(value)


def _is_text(value: Any) -> bool:
  return isinstance(value, str) and not _CONTROLS.search(value)


def _is_text_list(value: Any) -> bool:
  return isinstance(value, list) and all(map(_is_text, value))


def _is_count(value: Any) -> bool:
  return type(value) is int and 0 <= value <= _MOST_RECORDS


def _within(least: int, most: int) -> Callable[[Any], bool]:
  return lambda value: type(value) is int and least <= value <= most


def _is_share(value: Any) -> bool:
  # Comparisons are false of NaN.
  return type(value) in (int, float) and 0 <= value <= 1


def _is_number(value: Any) -> bool:
  return type(value) is int or (type(value) is float and math.isfinite(value))


def _is_object(value: Any) -> bool:
  return isinstance(value, dict)


def _are_counts(value: Any) -> bool:
  return isinstance(value, dict) and all(map(_is_count, value.values()))


def _are_shards(value: Any) -> bool:
  return isinstance(value, list) and all(
    isinstance(each, dict)
    and _is_text(each.get("name"))
    and _is_count(each.get("num_examples"))
    for each in value
  )


def _are_files(value: Any) -> bool:
  return isinstance(value, dict) and all(
    isinstance(each, dict)
    and _is_count(each.get("bytes"))
    and _is_text(each.get("checksum"))
    for each in value.values()
  )


# (name, what is expected, the check), in which a dot stands between the name of
# an object and one within it.
_ENTRIES: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
  ("dataset", "a text", _is_text),
  ("split", "a text", _is_text),
  (
    "num_classes",
    f"an integer of 1 to {_MOST_CLASSES}",
    _within(1, _MOST_CLASSES),
  ),
  ("num_examples", "a count", _is_count),
  ("class_names", "a list of texts", _is_text_list),
  ("shards", "a list of files with name and num_examples", _are_shards),
  ("files", "an object of files with bytes and checksum", _are_files),
  ("noise", "an object", _is_object),
  ("noise.kind", "a text", _is_text),
  ("noise.rate", "a number of 0 to 1", _is_share),
  ("noise.measured_rate", "a number of 0 to 1", _is_share),
  ("noise.unknown_true_labels", "a count", _is_count),
  ("noise.known_wrong_labels", "a count", _is_count),
  ("noise.seed", "a number", _is_number),
  ("images", "an object", _is_object),
  ("images.listed", "a count", _is_count),
  ("images.kept", "a count", _is_count),
  ("images.repaired", "an object of counts", _are_counts),
  ("images.skipped", "an object of counts", _are_counts),
  (
    "shorter_side",
    f"an integer of 1 to {_MOST_PIXELS}",
    _within(1, _MOST_PIXELS),
  ),
  (
    "square_side",
    f"an integer of 1 to {_MOST_PIXELS}",
    _within(1, _MOST_PIXELS),
  ),
)
