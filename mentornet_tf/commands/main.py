"""`mentornet COMMAND …`: every command by name.

A command is a module beside this one: its docstring is the help, importing it
defines its flags, and `main()` runs it. Where the module has `ARGUMENTS`, those
are the words that it takes beside its flags, and `PARAMETER_FLAGS` maps
parameters of the library to the flags that set them under another name.

Nothing but the standard library is imported at first, so that a missing
environment ends in one line.
"""

import importlib
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from mentornet_tf import __version__
from mentornet_tf.commands.near_misses import did_you_mean
from mentornet_tf.commands.output import fail, write


class Command(NamedTuple):
  """One command.

  Attributes:
    module: its module in `mentornet_tf.commands`.
    summary: what it does; the first line of the module's docstring.
    folder: where a checkout has a script of the module's name, which keeps the
      original's command lines working; empty for none.
  """

  module: str
  summary: str
  folder: str = ""

  @property
  def script(self) -> str:
    """The script in a checkout, such as "bin/train_student.py"."""
    return f"{self.folder}/{self.module}.py" if self.folder else ""


COMMANDS = {
  "train": Command(
    "train_student",
    "Trains a student network on images with noisy labels.",
    "bin",
  ),
  "evaluate": Command(
    "eval_student", "Evaluates the checkpoints of a training folder.", "bin"
  ),
  "rank": Command(
    "rank_labels", "Ranks the labels of a data set, most suspect first.", "bin"
  ),
  "review": Command(
    "review",
    "Writes a page to review suspect labels on.",
  ),
  "correct": Command(
    "correct", "Writes a table of your images with corrected labels."
  ),
  "report": Command(
    "report", "Writes a report of training runs as a single HTML file.", "bin"
  ),
  "export": Command(
    "export_saved_model",
    "Exports a student or a mentor for use elsewhere.",
    "bin",
  ),
  "convert-cifar": Command(
    "create_cifar_tf_record",
    "Writes digits, CIFAR-10 or CIFAR-100 as TFRecords.",
    "data",
  ),
  "convert-webvision": Command(
    "create_webvision_tf_record",
    "Writes WebVision 1.0, or a part of it, as TFRecords.",
    "data",
  ),
  "convert-imagenet": Command(
    "create_imagenet_tf_record",
    "Writes ImageNet's validation set by WebVision's labels.",
    "data",
  ),
  "convert-images": Command(
    "create_image_folder_tf_record",
    "Writes your own images as TFRecords.",
    "data",
  ),
  "convert-clothing1m": Command(
    "convert_clothing1m", "Writes Clothing1M as TFRecords."
  ),
  "convert-food101n": Command(
    "convert_food101n", "Writes Food-101N as TFRecords."
  ),
  "convert-animal10n": Command(
    "convert_animal10n", "Writes ANIMAL-10N as TFRecords."
  ),
  "convert-cnwl": Command(
    "convert_cnwl", "Writes Controlled Noisy Web Labels as TFRecords."
  ),
  "convert-tiny-imagenet": Command(
    "convert_tiny_imagenet",
    "Writes Tiny-ImageNet as TFRecords, noisy on request.",
  ),
  "mentor-data": Command(
    "generate_mentor_data",
    "Writes examples to train a mentor on.",
    "bin",
  ),
  "train-mentor": Command(
    "train_mentor", "Trains a mentor on the examples of mentor-data.", "bin"
  ),
  "plot-mentor": Command(
    "plot_mentor", "Plots the weights of a mentor over the loss.", "bin"
  ),
  "reproduce": Command(
    "reproduce", "Compares the curricula on CIFAR-10 with noisy labels.", "bin"
  ),
  "quickstart": Command(
    "quickstart",
    "Trains a baseline and a MentorNet on digits.",
    "bin",
  ),
}

_HELP = ("--help", "-h", "help")


def main(argv: Sequence[str] | None = None) -> None:
  """Runs the command that the first word names; without one, lists them.

  Args:
    argv: the words after `mentornet`; by default those of this process.
  """
  words = list(sys.argv[1:] if argv is None else argv) or ["--help"]
  if words[0] in _HELP and len(words) > 1:
    words = [words[1], "--help"]
  name, *arguments = words
  if name in _HELP:
    write(_overview())
  elif name == "--version":
    write(f"mentornet-tf {__version__}")
  elif name in COMMANDS:
    _run(
      COMMANDS[name],
      [f"mentornet {name}", *arguments],
      "pip install mentornet-tf",
    )
  else:
    fail(_unknown(name))


def run_script(path: str) -> None:
  """Runs the command whose script in a checkout lies at `path`.

  Help and messages then call every command by its script.
  """
  command = next(
    each for each in COMMANDS.values() if each.module == Path(path).stem
  )
  _run(
    command,
    [command.script, *sys.argv[1:]],
    "bin/quickstart once, then source .venv/bin/activate",
    call_by_script,
  )


def call_by_script(text: str) -> str:
  """`text` with scripts for commands: bin/report.py for `mentornet report`."""

  def script(match: re.Match) -> str:
    command = COMMANDS.get(match[1])
    return command.script if command and command.script else match[0]

  return re.sub(r"\bmentornet\s+([a-z]+(?:-[a-z]+)*)", script, text)


def _run(
  command: Command,
  argv: list[str],
  remedy: str,
  wording: Callable[[str], str] = str,
) -> None:
  try:
    module = importlib.import_module(f"mentornet_tf.commands.{command.module}")
    from mentornet_tf.commands import command_line

    command_line.run(
      module.main,
      getattr(module, "ARGUMENTS", None),
      argv=argv,
      parameter_flags=getattr(module, "PARAMETER_FLAGS", {}),
      wording=wording,
    )
  except ModuleNotFoundError as error:
    package = (error.name or "").partition(".")[0]
    if package in ("", "mentornet_tf"):
      raise
    fail(
      f"expected the Python package {package} to be installed, got none in "
      f"{sys.executable}; run {remedy}"
    )


def _overview() -> str:
  width = max(map(len, COMMANDS))
  return "\n".join(
    [
      "MentorNet: trains image classifiers on noisy labels.",
      "",
      "Usage: mentornet COMMAND [flags]",
      "",
      "Commands:",
      *(f"  {name:{width}}  {each.summary}" for name, each in COMMANDS.items()),
      "",
      "mentornet COMMAND --help lists a command's flags.",
    ]
  )


def _unknown(name: str) -> str:
  if name.startswith("-"):
    return (
      f"expected a command before the flags, got {name} (mentornet --help "
      "lists the commands)"
    )
  # The scripts' names are near misses, too.
  names = {each: each for each in COMMANDS}
  names |= {each.module: name for name, each in COMMANDS.items()}
  return (
    f"expected a command, got {name!r}{did_you_mean(name, names)} (mentornet "
    "--help lists the commands)"
  )
