"""What a command's help says, as Markdown for the documentation site."""

import re
from collections.abc import Iterator

from command_modules import imported_command

from mentornet_tf.commands.help_page import FlagEntry, flag_entries
from mentornet_tf.commands.main import COMMANDS

_CODE = re.compile(
  r"--(?:\[no\])?[a-z]\w*(?:=[^\s,;)]+)?"  # flags
  r"|\bmentornet [a-z]+(?:-[a-z]+)*"  # commands
  r"|[\w<>{}*]+(?:/[\w<>{}*.]+)+|\b\w+\.(?:csv|json|npz|npy|txt|keras|html|png)"
  r"|<?\b[a-z]+(?:_[a-z0-9]+)+>?(?::\w+)?"
)
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|$~])")


def command_section(name: str) -> str:
  """The reference of one command in MyST's Markdown.

  Args:
    name: of the command, such as "train".
  """
  with imported_command(COMMANDS[name].module) as module:
    groups = flag_entries()
    arguments = getattr(module, "ARGUMENTS", None)
    documentation = module.__doc__ or ""
  required = [entry.usage for entry in groups.get("Required flags", [])]
  usage = " ".join(
    [f"mentornet {name}", *filter(None, [arguments]), *required, "[flags]"]
  )
  summary, *details = documentation.strip("\n").split("\n\n")
  blocks = [
    f"## mentornet {name}",
    _paragraph(summary),
    f"```text\n{usage}\n```",
    *map(_paragraph, details),
    f"```{{program}} mentornet {name}\n```",
  ]
  for title, entries in groups.items():
    blocks += [f"### {title} of {name}", *map(_option, entries)]
  return "\n\n".join(blocks)


def _option(entry: FlagEntry) -> str:
  usage = entry.usage
  if usage.startswith("--[no]"):
    usage = f"--{entry.name}, --no{entry.name}"
  text = _markdown(entry.text)
  if entry.notes:
    text += f" ({_markdown('; '.join(entry.notes))})"
  return f"````{{option}} {usage}\n{text}\n````"


def _paragraph(text: str) -> str:
  """Markdown of a paragraph of a docstring; indented ones are examples."""
  lines = text.strip("\n").splitlines()
  if lines and lines[0].startswith(" "):
    code = "\n".join(line.removeprefix("  ") for line in lines)
    return f"```sh\n{code}\n```"
  return _markdown(" ".join(lines))


def _markdown(text: str) -> str:
  return "".join(_spans(text))


def _spans(text: str) -> Iterator[str]:
  """Pieces of `text`: flags, commands and files as code, the rest escaped."""
  end = 0
  for match in _CODE.finditer(text):
    yield _SPECIAL.sub(r"\\\1", text[end : match.start()])
    yield f"`{match[0].rstrip('.')}`" + "." * match[0].endswith(".")
    end = match.end()
  yield _SPECIAL.sub(r"\\\1", text[end:])
