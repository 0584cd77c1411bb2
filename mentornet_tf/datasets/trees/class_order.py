"""The order of the classes, which numbers them."""

import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from mentornet_tf.errors import UserError
from mentornet_tf.internal.regular_files import check_regular


def composed(name: str) -> str:
  """A class's name in one form of Unicode, whichever it is written in."""
  return unicodedata.normalize("NFC", name)


def in_order(names: Collection[str]) -> list[str]:
  """Class names in the order of their labels: numbers by value, else as text.

  A folder for each of the classes 0 to 11 and a table of the same numbers thus
  give every image the same label.
  """
  if all(name.isascii() and name.isdecimal() for name in names):
    return sorted(names, key=_value)
  return sorted(names)


def _value(digits: str) -> tuple[int, str, str]:
  """Orders digits by the number they are, of whatever length."""
  significant = digits.lstrip("0")
  return len(significant), significant, digits


def describe_classes(names: Sequence[str]) -> str:
  """How many they are and the first, such as "12 classes (0, 1, 2, …)"."""
  # WordNet's names go on with synonyms.
  shown = [name.split(",")[0] or name for name in names[:3]]
  more = ["…"] if len(names) > len(shown) else []
  count = "1 class" if len(names) == 1 else f"{len(names)} classes"
  return f"{count} ({', '.join(shown + more)})"


def read_class_names(path: str | Path) -> tuple[str, ...]:
  """Reads a text file with a class name per line, in the order of the labels.

  Returns:
    The names, `composed`.

  Raises:
    UserError: the file is missing, is no text, or names fewer than two classes
      or one of them twice.
  """
  try:
    text = check_regular(path).read_text(encoding="utf-8-sig")
  except (OSError, UnicodeDecodeError) as error:
    got = getattr(error, "strerror", None) or "other bytes"
    raise UserError(
      "class_names: expected a text file with a class name per line at "
      f"{path}, got {got}; correct the path, or write one"
    ) from error
  lines = map(str.strip, text.splitlines())
  names = tuple(composed(line) for line in lines if line)
  if len(names) < 2:
    raise UserError(
      f"class_names: expected two or more classes in {path}, got {len(names)}; "
      "write each on a line of its own"
    )
  (name, count), *_ = Counter(names).most_common(1)
  if count > 1:
    raise UserError(
      f"class_names: expected each class once in {path}, got {name!r} "
      f"{count} times; remove the others"
    )
  return names
