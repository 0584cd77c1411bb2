"""Flags that are made from the fields of settings, and read back as such."""

import re
from typing import Any

from absl import flags

from mentornet_tf.commands.help_page import put_in_group
from mentornet_tf.errors import UserError
from mentornet_tf.internal.setting_fields import (
  Setting,
  SettingsGroup,
  describe,
)


class _NumberOr(flags.FloatParser):
  """A number, or another value for one text."""

  def __init__(self, text: str, value: str | None, **bounds: Any):
    super().__init__(**bounds)
    self._text, self._value = text, value
    comma = "," if bounds else ""
    self.syntactic_help += f"{comma} or {text or 'nothing'}"

  def parse(  # type: ignore[override]
    self, argument: str | float
  ) -> float | str | None:
    if argument == self._text:
      return self._value
    return super().parse(argument)


def define_setting_flags(*groups: type[SettingsGroup]) -> None:
  """Defines a flag for each field of `groups`, and for its further names."""
  for group in groups:
    for setting in describe(group):
      _define(setting)
      put_in_group(flags.FLAGS[setting.name], group.title)
      for alias in setting.rules.aliases:
        flags.DEFINE_alias(alias, setting.name)


def _define(setting: Setting) -> None:
  rules = setting.rules
  default = None if rules.derived else setting.default
  text = re.sub(r"`(\w+)`", r"--\1", rules.help)
  bounds: dict[str, Any] = {
    "lower_bound": rules.lower,
    "upper_bound": rules.upper,
  }
  if setting.type is bool:
    flags.DEFINE_bool(setting.name, default, text)
  elif setting.type is int:
    flags.DEFINE_integer(setting.name, default, text, **bounds)
  elif setting.type is float and (setting.optional or rules.word):
    # An empty text, as in the original, is no value.
    flags.DEFINE(
      _NumberOr(rules.word or "", rules.word, **bounds),
      setting.name,
      default,
      text,
      serializer=flags.ArgumentSerializer(),
    )
  elif setting.type is float:
    flags.DEFINE_float(setting.name, default, text, **bounds)
  elif rules.choices:
    flags.DEFINE_enum(setting.name, default, list(rules.choices), text)
  else:
    flags.DEFINE_string(setting.name, default, text)

  def check(value: Any) -> bool:
    if value is None:  # absl asks for it if the flag is not given
      return True
    try:
      setting.checked(value)
    except UserError as error:
      raise flags.ValidationError(
        str(error).removeprefix(f"{setting.name}: ")
      ) from None
    return True

  flags.register_validator(setting.name, check)


def given_settings(*groups: type[SettingsGroup]) -> dict[str, Any]:
  """Value by name of the flags of `groups` that stand on the command line."""
  flag = flags.FLAGS
  names = [each.name for group in groups for each in describe(group)]
  return {name: flag[name].value for name in names if flag[name].present}
