"""What a run.json may hold: the settings' own rules, and those of its data."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mentornet_tf.errors import UserError
from mentornet_tf.internal.json_values import (
  is_list,
  is_object,
  is_share,
  is_text,
  is_whole,
)
from mentornet_tf.internal.setting_fields import shown
from mentornet_tf.settings import settings_by_name

_ADVICE = "restore the file, or train again in another folder"
_MOST_CLASSES = 10**6


def _is_size(value: Any) -> bool:
  return is_whole(value, 1)


def _or_none(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
  return lambda value: value is None or holds(value)


# Entry of the data -> what it may be, in words and as a check.
_DATA: dict[str, tuple[str, Callable[[Any], bool]]] = {
  "name": ("a name", is_text),
  "num_examples": ("a whole number >= 0", is_whole),
  "num_classes": (
    f"a whole number from 1 to {_MOST_CLASSES}",
    lambda v: is_whole(v, 1, _MOST_CLASSES),
  ),
  "class_names": ("a list of names", lambda v: is_list(v, is_text)),
  "image_shape": (
    "three whole numbers",
    lambda v: is_list(v, _is_size) and len(v) == 3,
  ),
  "measured_noise_rate": ("a share or null", _or_none(is_share)),
  "noise": ("an object or null", _or_none(is_object)),
  "shorter_side": ("a whole number or null", _or_none(_is_size)),
  "square_side": ("a whole number or null", _or_none(_is_size)),
  "digest": ("a text", is_text),
  "clean_subset": ("an object", is_object),
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
