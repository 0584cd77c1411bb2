"""What commands write on standard output and standard error."""

import os
import sys
from typing import NoReturn


def write(text: str) -> None:
  """Prints `text`; ends the program quietly if nobody reads it any more."""
  try:
    print(text, flush=True)
  except BrokenPipeError:
    leave_quietly()
  except OSError as error:
    _fail_unwritten(error)


def fail(message: str, status: int = 1) -> NoReturn:
  """Prints `error: message` as one line on standard error and exits."""
  print(f"error: {message}", file=sys.stderr, flush=True)
  sys.exit(status)


def is_output_closed() -> bool:
  """Whether the reader of standard output has left, as `head` does.

  Fails with one line if it cannot be written to, on a full disk for instance.
  """
  try:
    sys.stdout.flush()
  except BrokenPipeError:
    return True
  except OSError as error:
    _fail_unwritten(error)
  return False


def leave_quietly() -> NoReturn:
  """Exits without the traceback of an output that could not be written."""
  _drop_output()
  sys.exit(1)


def _fail_unwritten(error: OSError) -> NoReturn:
  _drop_output()
  fail(f"standard output: {error.strerror} (free some space, or redirect it)")


def _drop_output() -> None:
  # Python would try once more to write as it ends.
  os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
