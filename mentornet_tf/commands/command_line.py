"""How every command line starts, fails and ends.

`run` wraps `absl.app.run`: a user's mistake prints one line on standard error
and exits with status 1; anything else keeps its traceback, since it is a defect
of this package.
"""

import errno
import math
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence

from absl import app, flags, logging

from mentornet_tf.commands import help_page
from mentornet_tf.commands.near_misses import did_you_mean
from mentornet_tf.commands.output import (
  fail,
  is_output_closed,
  leave_quietly,
  write,
)
from mentornet_tf.errors import UserError
from mentornet_tf.internal.setting_fields import LARGEST_SEED

_FULL = "free some space or choose another folder; then start again"
# Number of an operating-system error -> what to do.
_ADVICE = {
  errno.ENOSPC: _FULL,
  errno.EDQUOT: _FULL,
  errno.EFBIG: "the file system, or a limit of this shell, allows no more",
  errno.EROFS: "choose a folder that can be written to",
  errno.EMFILE: "raise the number of open files, ulimit -n",
  errno.ENFILE: "close other programs, or raise the system's number of files",
  errno.ENAMETOOLONG: "choose shorter names",
  errno.EIO: "the disk or its network failed; check it, then start again",
  errno.ESTALE: "the disk or its network failed; check it, then start again",
}

_HELP = {"-h", "-help", "--help", "-?", "--helpshort"}


def run(
  main: Callable[..., None],
  arguments: str | None = None,
  *,
  argv: Sequence[str] | None = None,
  parameter_flags: Mapping[str, str] | None = None,
  wording: Callable[[str], str] = str,
) -> None:
  """Parses the flags, calls `main` and turns user errors into one line.

  Args:
    main: called without arguments, or with the list of the words beside the
      flags where the command takes such. Its module's docstring is the help.
    arguments: what those words are, for instance "RUN_FOLDER…"; at least one is
      then required. None refuses them.
    argv: how the command is called, such as "mentornet train", and the words
      after that; by default those of this process.
    parameter_flags: parameters that messages name, each with the flag that sets
      it under another name.
    wording: applied to help and messages.
  """
  argv = list(sys.argv if argv is None else argv)
  command = argv[0]

  def fail_with(error: Exception | str, status: int = 1) -> None:
    message = describe(error) if isinstance(error, Exception) else error
    fail(wording(with_flags(message, parameter_flags or {})), status)

  def parse(argv: list[str]) -> list[str]:
    if _HELP & set(_before_separator(argv[1:])):
      documentation = sys.modules[main.__module__].__doc__ or ""
      write(help_page.render(command, documentation, arguments, wording))
      sys.exit()
    try:
      return _parse_flags(argv, arguments)
    except UserError as error:
      fail(wording(describe(error)))

  def guarded(argv: list[str]) -> None:
    logging.set_verbosity(logging.WARNING)
    try:
      main() if arguments is None else main(argv[1:])
    except (UserError, OSError) as error:
      if not is_output_closed():
        fail_with(error)
    except KeyboardInterrupt:
      fail("stopped by the user", status=130)
    if is_output_closed():
      leave_quietly()

  app.run(guarded, argv=argv, flags_parser=parse)


def define_seed(help_text: str) -> None:
  """Defines the flag --seed: 0 by default, within what generators take."""
  flags.DEFINE_integer(
    "seed", 0, help_text, lower_bound=0, upper_bound=LARGEST_SEED
  )


def require_finite(*names: str, above_zero: bool = False) -> None:
  """Makes the float flags `names` refuse nan and infinity, which bounds pass.

  Args:
    *names: flags that are defined already; those without a value are skipped.
    above_zero: whether 0 and negative numbers are refused, too.
  """

  def holds(value: float | None) -> bool:
    return value is None or (
      math.isfinite(value) and (value > 0 or not above_zero)
    )

  expected = "a finite number > 0" if above_zero else "a finite number"
  for name in names:
    flags.register_validator(name, holds, f"expected {expected}")


def describe(error: Exception) -> str:
  """One line for `error`; operating-system errors gain path and advice."""
  if isinstance(error, OSError) and error.strerror:
    advice = _ADVICE.get(error.errno or 0, "check the path and its rights")
    place = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
    return f"{place}{error.strerror} ({advice})"
  return " ".join(str(error).split())


def with_flags(message: str, parameter_flags: Mapping[str, str]) -> str:
  """The message of the library, with flags for the parameters that it names.

  These are the names before the first colon, and those in backticks, with or
  without a value: "rate, `kind='file'`" become "--noise_rate, --noise=file".
  What is no flag of the running command stays as it is.

  Args:
    message: one line.
    parameter_flags: parameters whose flags have other names.
  """
  own = help_page.own_flags()

  def flag(name: str, value: str = "") -> str | None:
    name = parameter_flags.get(name, name)
    if name not in own:
      return None
    if value in ("=True", "=False") and own[name].boolean:
      return f"--{name}" if value == "=True" else f"--no{name}"
    return f"--{name}" + re.sub(r"""^=(['"])(.*)\1$""", r"=\2", value)

  def leading(match: re.Match) -> str:
    return ", ".join(flag(name) or name for name in match[0].split(", "))

  def quoted(match: re.Match) -> str:
    return flag(match[1], match[2] or "") or match[0]

  message = re.sub(r"^[a-z]\w*(, [a-z]\w*)*(?=: )", leading, message)
  return re.sub(r"`([a-z]\w*)(=[^`]*)?`", quoted, message)


def _before_separator(words: Sequence[str]) -> list[str]:
  """The words among which flags are looked for: those before "--"."""
  words = list(words)
  return words[: words.index("--")] if "--" in words else words


def _parse_flags(argv: list[str], arguments: str | None) -> list[str]:
  """Gives the command and the words beside the flags."""
  lists_all = f"({argv[0]} --help lists every flag)"
  try:
    rest = flags.FLAGS(argv)
  except flags.UnrecognizedFlagError:
    unknown = ", ".join(map(_unknown_flag, _unknown_flags(argv)))
    raise UserError(
      f"expected flags of {argv[0]}, got {unknown} {lists_all}"
    ) from None
  except flags.IllegalFlagValueError as error:
    missing = _missing_flags()
    # To absl, a missing flag is one with the illegal value None.
    if any(f"{flag}=None: " in str(error) for flag in missing):
      raise UserError(
        f"{', '.join(missing)}: expected a value, got none ({argv[0]} --help "
        "shows an example)"
      ) from None
    raise UserError(f"{_illegal_value(str(error))} {lists_all}") from None
  except (flags.Error, ValueError) as error:
    raise UserError(f"{error} {lists_all}") from None
  if missing := _missing_flags():
    raise UserError(
      f"{', '.join(missing)}: expected a value, got an empty one {lists_all}"
    )
  if arguments is None and len(rest) > 1:
    name = rest[1].lstrip("-–—").partition("=")[0]
    raise UserError(
      f"expected only flags, got the argument {rest[1]!r}"
      f"{did_you_mean(name, _shown_flags()) or '; write it as --name=value'} "
      f"{lists_all}"
    )
  if arguments and len(rest) == 1:
    raise UserError(
      f"expected {arguments}, got none ({argv[0]} --help shows an example)"
    )
  return rest


def _missing_flags() -> list[str]:
  return [
    f"--{name}"
    for name, flag in help_page.own_flags().items()
    if help_page.is_required(flag) and flag.value in (None, "")
  ]


def _shown_flags() -> dict[str, str]:
  """Every name that is of use, noaugment's too, each with its dashes."""
  shown = {}
  for name, flag in help_page.own_flags().items():
    if help_page.is_ignored(flag):
      continue
    shown[name] = f"--{name}"
    if flag.boolean:
      shown[f"no{name}"] = f"--no{name}"
  return shown


def _unknown_flags(argv: list[str]) -> list[str]:
  """Names of all flags in `argv` that are not defined."""
  names = [
    word.lstrip("-").partition("=")[0]
    for word in _before_separator(argv[1:])
    if re.match("--?[a-zA-Z]", word)
  ]
  known = {*flags.FLAGS, *_shown_flags()}
  return [name for name in names if name not in known]


def _unknown_flag(name: str) -> str:
  """The flag and, if one is near, what may have been meant."""
  question = did_you_mean(name, _shown_flags())
  return f"--{name}{question}"


def _illegal_value(message: str) -> str:
  """What absl says of a value, in the words of the other messages."""
  match = re.fullmatch(r"flag --(\w+)=(.*?): (.*)", message, re.DOTALL)
  if match is None:
    return message
  name, value, reason = match.groups()
  flag = flags.FLAGS[name]
  parser = flag.parser
  try:
    parser.parse(value)
  except (ValueError, TypeError):
    if isinstance(parser, flags.BooleanParser):
      reason = "expected true or false"
    elif isinstance(parser, flags.EnumParser):
      choices = {choice: choice for choice in parser.enum_values}
      reason = f"expected <{'|'.join(choices)}>{did_you_mean(value, choices)}"
    elif not reason.startswith("expected"):
      reason = f"expected {parser.syntactic_help}"
    return f"--{name}={value}: {reason}"
  return f"{flag.serialize()}: {reason}"  # lists as they were typed
