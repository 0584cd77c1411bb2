"""How every command line starts, fails and ends.

`run` wraps `absl.app.run`: a user's mistake prints one line on standard error
and exits with status 1; anything else keeps its traceback, since it is a defect
of this package.
"""

import os
import sys
from collections.abc import Callable

from absl import app, flags

from mentornet_tf.errors import UserError


def run(main: Callable[[], None]) -> None:
  """Parses the flags, calls `main()` and turns user errors into one line."""
  # TensorFlow's start-up notes would bury the program's own lines.
  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

  def guarded(_) -> None:
    try:
      main()
    except (UserError, OSError) as error:
      fail(describe(error))
    except KeyboardInterrupt:
      fail("stopped by the user", status=130)

  app.run(guarded, flags_parser=_parse_flags)


def fail(message: str, status: int = 1) -> None:
  """Prints `error: message` as one line on standard error and exits."""
  print(f"error: {message}", file=sys.stderr, flush=True)
  sys.exit(status)


def describe(error: Exception) -> str:
  """One line for `error`; operating-system errors gain path and reason."""
  if isinstance(error, OSError) and error.filename is not None:
    return f"{error.filename}: {error.strerror} (check the path and its rights)"
  return " ".join(str(error).split())


def _parse_flags(argv: list[str]) -> list[str]:
  try:
    rest = flags.FLAGS(argv, known_only=False)
  except flags.Error as error:
    fail(f"{describe(error)} (--help lists every flag)")
  if len(rest) > 1:
    fail(
      f"expected only flags, got the argument {rest[1]!r}; write it as "
      "--name=value (--help lists every flag)"
    )
  if flags.FLAGS["help"].value:
    _print_help()
  return rest


def _print_help() -> None:
  main = sys.modules["__main__"]
  print((main.__doc__ or "").strip())
  print(flags.FLAGS.main_module_help())
  sys.exit(0)
