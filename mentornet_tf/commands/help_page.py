"""What `--help` prints: the command's docstring, its usage and its flags."""

import re
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from absl import flags

_COLUMNS = 80
_REQUIRED = "Required flags"
# Heading of those that old command lines may have, and that nothing reads.
IGNORED = "Flags of TensorFlow 1, ignored"
# Packages that define flags of their own.
_DEPENDENCIES = {"absl", "tensorflow", "tensorflow_datasets"}
# The type of a flag's value -> what stands for the value.
_PLACEHOLDERS = {"int": "N", "float": "X"}
# The help that absl gives to a further name of a flag.
_ALIAS = re.compile(r"Alias for --(\w+)\.")
# What absl says of values that are not bounded.
_UNBOUNDED = {"", "an integer", "a number", "a comma separated list"}


class FlagEntry(NamedTuple):
  """What help says of one flag.

  Attributes:
    name: such as "seed".
    usage: how it is typed, such as "--seed=N".
    is_required: whether the command does not run without it.
    text: what it is for.
    notes: bounds, default and further names, in a few words each.
  """

  name: str
  usage: str
  is_required: bool
  text: str
  notes: list[str]


@contextmanager
def flag_group(title: str) -> Iterator[None]:
  """Lists the flags that are defined within under a heading of their own."""
  before = set(flags.FLAGS)
  yield
  for name in set(flags.FLAGS) - before:
    put_in_group(flags.FLAGS[name], title)


def put_in_group(flag: flags.Flag, title: str) -> None:
  """Lists a flag under a heading of its own."""
  setattr(flag, "group", title)  # noqa: B010 (absl declares no such attribute)


def is_ignored(flag: flags.Flag) -> bool:
  """Whether nothing reads the flag, so that nobody can have meant it."""
  return getattr(flag, "group", None) == IGNORED


def own_flags() -> dict[str, flags.Flag]:
  """The running command's flags in the order of their definition.

  All of them are, from whatever module, but those that dependencies bring.
  """
  brought = {
    flag.name
    for module, defined in flags.FLAGS.flags_by_module_dict().items()
    if module.partition(".")[0] in _DEPENDENCIES
    for flag in defined
  }
  return {
    name: flags.FLAGS[name]
    for name in flags.FLAGS
    if name not in brought and len(name) > 1
  }


def is_required(flag: flags.Flag) -> bool:
  """Whether `flag` has no default and a validator that refuses None."""
  return flag.default is None and not all(
    validator.checker(None)
    for validator in flag.validators
    if validator.get_flags_names() == [flag.name]
  )


def render(
  command: str,
  documentation: str,
  arguments: str | None,
  wording: Callable[[str], str] = str,
) -> str:
  """The help of a command in 80 columns.

  Args:
    command: how it is called, such as "mentornet train".
    documentation: its module's docstring.
    arguments: the words beside its flags; None for none.
    wording: applied to the docstring and the flags' help.
  """
  groups = flag_entries(wording)
  required = groups.get(_REQUIRED, [])
  usage = " ".join(
    [
      f"Usage: {command}",
      *filter(None, [arguments]),
      *(entry.usage for entry in required),
      "[flags]",
    ]
  )
  summary, *details = map(_paragraph, wording(documentation).split("\n\n"))
  parts = [summary, _wrapped(usage, "", " " * 4), *details]
  for title, entries in groups.items():
    parts.append("\n".join([f"{title}:", *map(_description, entries)]))
  return "\n\n".join(parts)


def flag_entries(
  wording: Callable[[str], str] = str,
) -> dict[str, list[FlagEntry]]:
  """The running command's flags by the headings that they are listed under.

  Args:
    wording: applied to the flags' help.
  """
  groups: dict[str, list[FlagEntry]] = {_REQUIRED: []}
  for flag in own_flags().values():
    if not _ALIAS.match(flag.help):
      entry = _entry(flag, wording)
      group = getattr(flag, "group", "Flags")
      title = _REQUIRED if entry.is_required else group
      groups.setdefault(title, []).append(entry)
  return {title: entries for title, entries in groups.items() if entries}


def _paragraph(text: str) -> str:
  """Fills the lines anew, but for examples, which are indented."""
  text = text.strip("\n")
  return text if text.startswith(" ") else _wrapped(text, "", "")


def _entry(flag: flags.Flag, wording: Callable[[str], str]) -> FlagEntry:
  notes = []
  if (bounds := flag.parser.syntactic_help) not in _UNBOUNDED:
    notes.append(bounds)
  default = (flag.default_as_str or "").strip("'")
  if default not in ("", "false"):
    notes.append(f"default: {default}")
  notes += [f"also --{name}" for name in _aliases(flag.name)]
  # absl writes the choices, which the usage shows, before the text.
  text = wording(re.sub(r"^<[^>]*>: ", "", flag.help))
  usage = _name_and_value(flag)
  return FlagEntry(flag.name, usage, is_required(flag), text, notes)


def _description(entry: FlagEntry) -> str:
  """Two lines or more: name and placeholder, and what the flag is for."""
  head = f"  {entry.usage}" + " (required)" * entry.is_required
  notes = f" ({'; '.join(entry.notes)})" if entry.notes else ""
  return f"{head}\n{_wrapped(entry.text + notes, ' ' * 6, ' ' * 6)}"


def _aliases(name: str) -> list[str]:
  """Further names of the flag `name`."""
  return [
    other.name
    for other in own_flags().values()
    if (match := _ALIAS.match(other.help)) and match[1] == name
  ]


def _name_and_value(flag: flags.Flag) -> str:
  if flag.boolean:
    return f"--[no]{flag.name}"
  if isinstance(flag.parser, flags.EnumParser):
    return f"--{flag.name}=<{'|'.join(flag.parser.enum_values)}>"
  kind = flag.flag_type()
  if "comma" in kind:
    return f"--{flag.name}=A,B,…"
  return f"--{flag.name}={_PLACEHOLDERS.get(kind, 'TEXT')}"


def _wrapped(text: str, first_indent: str, indent: str) -> str:
  return textwrap.fill(
    text,
    _COLUMNS,
    initial_indent=first_indent,
    subsequent_indent=indent,
    break_long_words=False,
    break_on_hyphens=False,
  )
