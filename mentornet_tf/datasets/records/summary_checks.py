"""Whether the JSON beside a record set says what such a file can say.

Checked once, as it is read, so that whoever uses an entry may rely on its type.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mentornet_tf.errors import UserError
from mentornet_tf.internal.json_values import (
  is_list,
  is_number,
  is_object,
  is_share,
  is_text,
  is_whole,
)

# Far beyond any set, and small enough to allocate something for each.
_MOST_CLASSES = 10**6
_MOST_PIXELS = 10**6


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
      raise _unexpected(path, name, expected, _shown(value))
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
    raise _unexpected(
      path, "num_examples", f"{counted}, as in shards,", str(total)
    )


def _unexpected(path: Path, name: str, expected: str, got: str) -> UserError:
  return UserError(
    f"{path}: expected {expected} as {name}, got {got[:60]}; correct the "
    "file, or write the set again"
  )


def _shown(value: Any) -> str:
  if isinstance(value, (dict, list)):
    return f"{type(value).__name__} of {len(value)}"
  # Numbers of some thousand digits cannot be printed.
  if isinstance(value, int) and abs(value) > 10**18:
    return "a huge number"
  return repr(value)


def _within(least: int, most: int) -> Callable[[Any], bool]:
  return lambda value: is_whole(value, least, most)


def _are_texts(value: Any) -> bool:
  return is_list(value, is_text)


def _are_counts(value: Any) -> bool:
  return is_object(value) and all(map(is_whole, value.values()))


def _are_shards(value: Any) -> bool:
  return is_list(value, _is_shard)


def _is_shard(value: Any) -> bool:
  return (
    is_object(value)
    and is_text(value.get("name"))
    and is_whole(value.get("num_examples"))
  )


def _are_files(value: Any) -> bool:
  return is_object(value) and all(map(_is_file, value.values()))


def _is_file(value: Any) -> bool:
  return (
    is_object(value)
    and is_whole(value.get("bytes"))
    and is_text(value.get("checksum"))
  )


# (name, what is expected, the check), in which a dot stands between the name of
# an object and one within it.
_ENTRIES: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
  ("dataset", "a text", is_text),
  ("split", "a text", is_text),
  (
    "num_classes",
    f"an integer of 1 to {_MOST_CLASSES}",
    _within(1, _MOST_CLASSES),
  ),
  ("num_examples", "a count", is_whole),
  ("class_names", "a list of texts", _are_texts),
  ("shards", "a list of files with name and num_examples", _are_shards),
  ("files", "an object of files with bytes and checksum", _are_files),
  ("noise", "an object", is_object),
  ("noise.kind", "a text", is_text),
  ("noise.rate", "a number of 0 to 1", is_share),
  ("noise.measured_rate", "a number of 0 to 1", is_share),
  ("noise.unknown_true_labels", "a count", is_whole),
  ("noise.known_wrong_labels", "a count", is_whole),
  ("noise.seed", "a number", is_number),
  ("images", "an object", is_object),
  ("images.listed", "a count", is_whole),
  ("images.kept", "a count", is_whole),
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
