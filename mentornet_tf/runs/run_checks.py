"""What a run.json may hold: the settings' own rules, and those of its data."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mentornet_tf.errors import UserError
from mentornet_tf.internal.setting_fields import shown
from mentornet_tf.settings import settings_by_name

_ADVICE = "restore the file, or train again in another folder"
_LARGEST_NUMBER = 10**12
_MOST_CLASSES = 10**6


def _is_whole(value: Any, least: int = 1, most: int = _LARGEST_NUMBER) -> bool:
  return (
    isinstance(value, int)
    and not isinstance(value, bool)
    and least <= value <= most
  )


def _is_text(value: Any) -> bool:
  return isinstance(value, str) and "\0" not in value


def _is_list(value: Any, holds: Callable[[Any], bool]) -> bool:
  return isinstance(value, list) and all(map(holds, value))


def _is_share(value: Any) -> bool:
  return (
    isinstance(value, (int, float))
    and not isinstance(value, bool)
    and math.isfinite(value)
    and 0 <= value <= 1
  )


def _or_none(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
  return lambda value: value is None or holds(value)


def _is_object(value: Any) -> bool:
  return isinstance(value, dict)


# Entry of the data -> what it may be, in words and as a check.
_DATA: dict[str, tuple[str, Callable[[Any], bool]]] = {
  "name": ("a name", _is_text),
  "num_examples": ("a whole number >= 0", lambda v: _is_whole(v, 0)),
  "num_classes": (
    f"a whole number from 1 to {_MOST_CLASSES}",
    lambda v: _is_whole(v, 1, _MOST_CLASSES),
  ),
  "class_names": ("a list of names", lambda v: _is_list(v, _is_text)),
  "image_shape": (
    "three whole numbers",
    lambda v: _is_list(v, _is_whole) and len(v) == 3,
  ),
  "measured_noise_rate": ("a share or null", _or_none(_is_share)),
  "noise": ("an object or null", _or_none(_is_object)),
  "shorter_side": ("a whole number or null", _or_none(_is_whole)),
  "square_side": ("a whole number or null", _or_none(_is_whole)),
  "digest": ("a text", _is_text),
  "clean_subset": ("an object", _is_object),
}


def check_run(file: Path, run: Mapping[str, Any]) -> None:
  """Checks the values of a run.json that this version knows.

  Args:
    file: the file, for messages.
    run: its content, an object with the objects "settings" and "data".

  Raises:
    UserError: names the entry, what was expected and what was received.
  """
  known = settings_by_name()
  for name, value in run["settings"].items():
    if name in known:
      try:
        known[name].checked(value)
      except UserError as error:
        problem = str(error).rpartition("; ")[0] or str(error)
        raise UserError(
          f"{file}: expected the settings of a training run of this version, "
          f"got something else ({problem}); {_ADVICE}"
        ) from error
  _check_data(file, run["data"], "data")


def _check_data(file: Path, data: Mapping[str, Any], part: str) -> None:
  for name, value in data.items():
    expected, holds = _DATA.get(name, ("", lambda value: True))
    if not holds(value):
      raise UserError(
        f"{file}: {part}.{name}: expected {expected}, got {shown(value)}; "
        f"{_ADVICE}"
      )
  names, count = data.get("class_names"), data.get("num_classes")
  if names is not None and count is not None and len(names) != count:
    raise UserError(
      f"{file}: {part}.class_names: expected {count} names, as many as "
      f"{part}.num_classes says, got {len(names)}; {_ADVICE}"
    )
  if "clean_subset" in data:
    _check_data(file, data["clean_subset"], f"{part}.clean_subset")
