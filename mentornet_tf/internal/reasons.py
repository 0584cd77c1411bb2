"""What other libraries say of a failure, as part of a message of one line."""

_LONGEST = 200


def shortened(text: str) -> str:
  """Part of a file for a message: printable characters, not too many."""
  line = "".join(each if each.isprintable() else "?" for each in text[:1000])
  return line if len(line) <= _LONGEST else line[:_LONGEST] + "…"


def reason(error: BaseException) -> str:
  """An error's text on one line; its kind where it has none.

  Errors may quote bytes of the file, of any length.
  """
  return shortened(" ".join(str(error).split())) or type(error).__name__
