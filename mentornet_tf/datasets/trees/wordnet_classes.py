"""Classes that are synsets of WordNet, and choosing some of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mentornet_tf.errors import UserError
from mentornet_tf.internal.reasons import shortened

_WORDNET_ID = re.compile(r"n\d{8}")


@dataclass(frozen=True)
class WordNetClasses:
  """K classes of a source in the order of its labels.

  Attributes:
    wordnet_ids: K ids such as "n01440764".
    names: K names such as "tench, Tinca tinca".
  """

  wordnet_ids: tuple[str, ...]
  names: tuple[str, ...]

  def __len__(self) -> int:
    return len(self.wordnet_ids)

  def find(self, chosen: Sequence[str]) -> list[int]:
    """The labels of the chosen classes, ascending.

    Args:
      chosen: labels (0-based numbers) or WordNet ids, in any order; duplicates
        count once.

    Raises:
      UserError: one of them is unknown.
    """
    labels = set()
    for each in chosen:
      found = [i for i, known in enumerate(self.wordnet_ids) if known == each]
      if each.isdecimal() and int(each) < len(self):
        found = [int(each)]
      if not found:
        raise UserError(
          f"classes: expected labels from 0 to {len(self) - 1} or WordNet ids "
          f"such as {self.wordnet_ids[0]}, got {each!r}; correct it"
        )
      labels.update(found)
    return sorted(labels)


def read_synsets(path: str | Path) -> WordNetClasses:
  """Reads a list of synsets: line i is the id and the names of label i - 1.

  Raises:
    UserError: the file is missing, empty or has a line of another form.
  """
  path = Path(path)
  if not path.is_file():
    raise UserError(
      f"expected the list of classes in {path}, got no such file; correct "
      "the folder, or put the list there"
    )
  wordnet_ids, names = [], []
  text = path.read_text(encoding="utf-8-sig", errors="backslashreplace")
  for number, line in enumerate(text.splitlines(), start=1):
    # The first nine characters are the id, whatever follows them.
    if not _WORDNET_ID.fullmatch(line[:9]):
      raise UserError(
        f"{path}: line {number}: expected a WordNet id (n and 8 digits) and "
        f"names, got {shortened(line)!r}; correct the line or get the "
        "list again"
      )
    wordnet_ids.append(line[:9])
    names.append(line[9:].strip() or line[:9])
  if not wordnet_ids:
    raise UserError(
      f"{path}: expected a line for each class, got an empty file; get the "
      "list again"
    )
  return WordNetClasses(tuple(wordnet_ids), tuple(names))


def read_class_choice(text: str) -> list[str]:
  """The classes that a user names: separated by commas, or in a file.

  Args:
    text: such as "0,7,n01440764", or the path of a file that holds such words
      separated by commas, spaces or lines.

  Raises:
    UserError: nothing is listed.
  """
  path = Path(text)
  try:
    content = path.read_text(encoding="utf-8-sig") if path.is_file() else text
  except UnicodeDecodeError as error:
    raise UserError(
      f"classes: expected labels or WordNet ids as text in {path}, got other "
      "bytes; correct the path"
    ) from error
  words = content.replace(",", " ").split()
  if not words:
    raise UserError(
      f"classes: expected at least one in {text!r}, got none; list labels or "
      "WordNet ids"
    )
  return words
