"""The one exception class for mistakes that a user can mend."""


class UserError(ValueError):
  """What the user gave cannot be used.

  The message is one line: what was expected, what was received and what to do.
  Command lines print it without a traceback and exit with a non-zero status.
  """
