"""How every command line starts, fails and ends.

`run` wraps `absl.app.run`: a user's mistake prints one line on standard error
and exits with status 1; anything else keeps its traceback, since it is a defect
of this package.
"""

import math
import os
import sys
import tempfile
from collections.abc import Callable

from absl import app, flags, logging

from mentornet_tf.errors import UserError

# Flags defined here belong to the program that asks for them, and to its help.
flags.disclaim_key_flags()

# What NumPy and Keras take as a seed.
LARGEST_SEED = 2**32 - 1


def run(main: Callable[..., None], arguments: str | None = None) -> None:
  """Parses the flags, calls `main` and turns user errors into one line.

  Args:
    main: called without arguments, or with the list of the words beside the
      flags where the program takes such.
    arguments: what those words are, for instance "RUN_FOLDER…"; at least one is
      then required. None refuses them.
  """

  def guarded(argv) -> None:
    logging.set_verbosity(logging.WARNING)
    try:
      main() if arguments is None else main(argv[1:])
    except (UserError, OSError) as error:
      fail(describe(error))
    except KeyboardInterrupt:
      fail("stopped by the user", status=130)

  app.run(guarded, flags_parser=lambda argv: _parse_flags(argv, arguments))


def define_seed(help_text: str) -> None:
  """Defines the flag --seed: 0 by default, within what generators take."""
  flags.DEFINE_integer(
    "seed", 0, help_text, lower_bound=0, upper_bound=LARGEST_SEED
  )


def require_finite(*names: str, above_zero: bool = False) -> None:
  """Makes the float flags `names` refuse nan and infinity, which bounds pass.

  Args:
    *names: flags that are defined already; those without a value are left be.
    above_zero: whether 0 and negative numbers are refused, too.
  """

  def holds(value: float | None) -> bool:
    return value is None or (
      math.isfinite(value) and (value > 0 or not above_zero)
    )

  expected = "a finite number > 0" if above_zero else "a finite number"
  for name in names:
    flags.register_validator(name, holds, f"expected {expected}")


def start_tensorflow(device_id: str = "") -> None:
  """Imports TensorFlow without its start-up notes.

  They would bury the program's own lines, and part of them no log level stops.
  They are shown if TensorFlow does not start.

  Args:
    device_id: the GPU to use, as CUDA numbers them; an environment that names
      one already goes first.
  """
  if device_id:
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", device_id)
  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
  sys.stderr.flush()
  standard_error = os.dup(2)
  with tempfile.TemporaryFile() as notes:
    os.dup2(notes.fileno(), 2)
    try:
      import tensorflow as tf

      tf.config.list_physical_devices()
    except BaseException:
      notes.seek(0)
      os.write(standard_error, notes.read())
      raise
    finally:
      os.dup2(standard_error, 2)
      os.close(standard_error)


def fail(message: str, status: int = 1) -> None:
  """Prints `error: message` as one line on standard error and exits."""
  print(f"error: {message}", file=sys.stderr, flush=True)
  sys.exit(status)


def describe(error: Exception) -> str:
  """One line for `error`; operating-system errors gain path and reason."""
  if isinstance(error, OSError) and error.filename is not None:
    return f"{error.filename}: {error.strerror} (check the path and its rights)"
  return " ".join(str(error).split())


def _parse_flags(argv: list[str], arguments: str | None) -> list[str]:
  try:
    rest = flags.FLAGS(argv, known_only=False)
  except flags.Error as error:
    fail(f"{describe(error)} (--help lists every flag)")
  except SystemExit:
    # absl has shown the help that was asked for, and would leave with 1.
    sys.exit(0)
  if arguments is None and len(rest) > 1:
    fail(
      f"expected only flags, got the argument {rest[1]!r}; write it as "
      "--name=value (--help lists every flag)"
    )
  if arguments and len(rest) == 1:
    fail(f"expected {arguments}, got none (--help shows an example)")
  return rest
