"""A console on which notes of the library name flags."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from mentornet_tf.commands import command_line


class FlagConsole(Console):
  """Prints notes with flags in place of the parameters that they name.

  Args:
    parameter_flags: parameters whose flags have other names.
  """

  def __init__(self, parameter_flags: Mapping[str, str]):
    super().__init__(highlight=False, markup=False, soft_wrap=True)
    self._parameter_flags = parameter_flags

  def print(self, *objects: Any, **kwargs: Any) -> None:
    super().print(
      *(
        command_line.with_flags(each, self._parameter_flags)
        if isinstance(each, str) and each.startswith("note: ")
        else each
        for each in objects
      ),
      **kwargs,
    )
