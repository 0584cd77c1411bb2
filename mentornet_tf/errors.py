"""The exception for mistakes that a user can correct."""


class UserError(ValueError):
  """An argument, flag or file of the user cannot be used.

  The message is one line: what was expected, what was received and what to do.
  Commands print it without a traceback and exit with a non-zero status.
  """
