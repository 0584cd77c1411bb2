"""Command modules in this process, each with nothing but its own flags."""

import contextlib
import importlib
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType

import pytest
from absl import flags

# Imports what of absl defines flags, which are to stay.
from mentornet_tf.commands import command_line  # noqa: F401
from mentornet_tf.errors import UserError

_PACKAGE = "mentornet_tf.commands"


@contextlib.contextmanager
def fresh_flags() -> Iterator[None]:
  """Forgets the flags that are defined within, and what they were set to."""
  before = set(flags.FLAGS)
  flags.FLAGS.unparse_flags()
  try:
    yield
  finally:
    for name in set(flags.FLAGS) - before:
      delattr(flags.FLAGS, name)
    flags.FLAGS.unparse_flags()


@contextlib.contextmanager
def imported_command(module: str) -> Iterator[ModuleType]:
  """The module of a command, imported anew; its flags end with the context."""
  with fresh_flags():
    sys.modules.pop(f"{_PACKAGE}.{module}", None)
    try:
      yield importlib.import_module(f"{_PACKAGE}.{module}")
    finally:
      sys.modules.pop(f"{_PACKAGE}.{module}", None)


def run_without_data(command: ModuleType, line: Sequence[str]) -> None:
  """Runs `main` with these flags alone, as far as missing the data."""
  for name in flags.FLAGS:
    flags.FLAGS[name].unparse()
  flags.FLAGS(
    ["program", *line, "--data_dir=no/such", "--train_log_dir=no/run"]
  )
  with pytest.raises(UserError, match="no/such does not exist"):
    command.main()
