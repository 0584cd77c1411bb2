"""Fields of settings that carry their meaning and their bounds.

A field that `setting` makes is said once: `SettingsGroup` checks its value when
a group is made, and the commands make a flag of it, with its help, default and
bounds.
"""

import dataclasses
import math
import numbers
import typing
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from mentornet_tf.errors import UserError

# What NumPy and Keras take as a seed.
LARGEST_SEED = 2**32 - 1

_KEY = "setting"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rules:
  """What is said of a field beside its name, type and default.

  Attributes:
    help: for people. Other settings stand in backticks.
    lower: least value.
    upper: greatest value.
    above: value that all have to exceed.
    below: value that none may reach.
    choices: the values that are known.
    word: a text that a number's field takes, too.
    check: raises UserError for a value that cannot be used.
    derived: whether a command tells the value from others if it is not given;
      its flag then has no default.
    aliases: further names, earlier or misspelt ones.
  """

  help: str
  lower: float | None = None
  upper: float | None = None
  above: float | None = None
  below: float | None = None
  choices: Sequence[str] = ()
  word: str | None = None
  check: Callable[[Any], Any] | None = None
  derived: bool = False
  aliases: Sequence[str] = ()

  def admits(self, value: float) -> bool:
    """Whether a number lies within the bounds, as nan and infinity never do."""
    return (
      math.isfinite(value)
      and (self.lower is None or value >= self.lower)
      and (self.upper is None or value <= self.upper)
      and (self.above is None or value > self.above)
      and (self.below is None or value < self.below)
    )

  @property
  def bounds(self) -> str:
    """The bounds in words, to follow "a finite number"."""
    least = self.lower if self.above is None else self.above
    greatest = self.upper if self.below is None else self.below
    if least is None:
      return ""
    if greatest is None:
      return f" > {least}" if self.lower is None else f" >= {least}"
    opening = "[" if self.above is None else "("
    closing = "]" if self.below is None else ")"
    return f" in the range {opening}{least}, {greatest}{closing}"


def setting(default: Any, help: str, **rules: Any) -> Any:
  """A field of a `SettingsGroup`; see `Rules`."""
  return dataclasses.field(
    default=default, metadata={_KEY: Rules(help=help, **rules)}
  )


@dataclasses.dataclass(frozen=True)
class Setting:
  """One field of a `SettingsGroup`.

  Attributes:
    name: of the field, of its flag and in run.json.
    type: bool, int, float or str.
    optional: whether None is a value.
    default: value where none is given.
    rules: what else is said of it.
  """

  name: str
  type: type
  optional: bool
  default: Any
  rules: Rules

  @property
  def expected(self) -> str:
    """The values that it takes, in words."""
    if self.rules.choices:
      return f"one of {', '.join(self.rules.choices)}"
    kinds = {bool: "True or False", int: "an integer", str: "text"}
    expected = kinds.get(self.type, "a finite number") + self.rules.bounds
    return f"{expected} or {self.rules.word}" if self.rules.word else expected

  def checked(self, value: Any) -> Any:
    """The value as its type.

    Raises:
      UserError: it is of another type, out of bounds or no known choice.
    """
    if value is None and self.optional:
      return None
    if value is not None and value == self.rules.word:
      return value
    if not self._fits(value):
      raise UserError(
        f"{self.name}: expected {self.expected}, got {shown(value)}; choose "
        "another"
      )
    if self.rules.check is not None:
      self.rules.check(value)
    return self.type(value)

  def _fits(self, value: Any) -> bool:
    if self.type in (int, float):
      kind = numbers.Integral if self.type is int else numbers.Real
      return (
        isinstance(value, kind)
        and not isinstance(value, bool)
        and self.rules.admits(_as_float(value))
      )
    if isinstance(value, str) and "\0" in value:
      return False  # in no name of a file or a function
    return isinstance(value, self.type) and (
      not self.rules.choices or value in self.rules.choices
    )


def _as_float(value: Any) -> float:
  try:
    return float(value)
  except OverflowError:
    return math.inf


def shown(value: Any) -> str:
  """A value as messages show it: as Python writes it, but not pages of it."""
  text = repr(value)
  return text if len(text) <= 100 else f"{text[:97]}..."


class SettingsGroup:
  """Base of the groups: frozen dataclasses whose fields `setting` makes.

  Attributes:
    title: heading of the group's settings in a help.
  """

  title: ClassVar[str]

  def __post_init__(self) -> None:
    for each in describe(type(self)):
      value = each.checked(getattr(self, each.name))
      object.__setattr__(self, each.name, value)


def describe(group: type[SettingsGroup]) -> list[Setting]:
  """The settings of a group, in order."""
  return [
    _described(field)
    for field in dataclasses.fields(group)  # type: ignore[arg-type]
  ]


def _described(field: dataclasses.Field[Any]) -> Setting:
  kinds = typing.get_args(field.type) or (field.type,)
  # Of a number that may be a word, the first.
  kind = next(each for each in kinds if each is not type(None))
  optional = type(None) in kinds
  return Setting(
    field.name, kind, optional, field.default, field.metadata[_KEY]
  )
