"""Which synset each ILSVRC2012 validation image shows.

The official devkit numbers the classes in its own order and names them in
`meta.mat`; other lists give WordNet ids, by image name or in the images' order.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mentornet_tf.errors import UserError
from mentornet_tf.internal.matlab_files import DamagedMatlabError, read_table
from mentornet_tf.internal.regular_files import check_regular

WORDNET_ID = re.compile(r"n\d{8}")

_DEVKIT_LIST = Path("data", "ILSVRC2012_validation_ground_truth.txt")
_META_FILE = "meta.mat"

_FORMS = (
  "one ILSVRC2012 id or WordNet id per line, or an image name and a WordNet id"
)


@dataclass(frozen=True)
class GroundTruth:
  """The synsets of the validation images; one of the two is empty.

  Attributes:
    path: the file they come from.
    in_order: WordNet ids, image 1 first.
    by_name: image name without ending -> WordNet id.
  """

  path: Path
  in_order: tuple[str, ...] = ()
  by_name: dict[str, str] = field(default_factory=dict)

  def synsets(self, numbers: np.ndarray, names: list[str]) -> list[str]:
    """The WordNet id of each image.

    Args:
      numbers: [N] the 1-based numbers in the images' names.
      names: N image names without ending.

    Raises:
      UserError: the list is not that of these images.
    """
    if self.by_name:
      return self._synsets_by_name(names)
    if len(numbers) != len(self.in_order) or not np.array_equal(
      np.sort(numbers), np.arange(1, len(numbers) + 1)
    ):
      raise UserError(
        f"{self.path}: expected a line for each image, got "
        f"{len(self.in_order)} lines for {len(numbers)} images numbered "
        f"{numbers.min()} to {numbers.max()}; take the list and the images "
        "whole, or a list that names the images"
      )
    return [self.in_order[number - 1] for number in numbers]

  def _synsets_by_name(self, names: list[str]) -> list[str]:
    unnamed = [name for name in names if name not in self.by_name]
    if unnamed:
      raise UserError(
        f"{self.path}: expected a line for each image, got none for "
        f"{len(unnamed)} of {len(names)}, such as {unnamed[0]}; take the list "
        "of the validation images"
      )
    return [self.by_name[name] for name in names]


def read_ground_truth(
  ground_truth: str | Path, meta_file: str | Path | None = None
) -> GroundTruth:
  """Reads a list of validation labels.

  Args:
    ground_truth: the devkit's folder, its list of ILSVRC2012 ids, a list of
      WordNet ids in the images' order, or lines (also .csv, with or without a
      header) whose first two words are an image name and a WordNet id.
    meta_file: the devkit's `meta.mat`, for ILSVRC2012 ids; by default that
      beside the list.

  Raises:
    UserError: a file is missing, or is none of these.
  """
  path = Path(ground_truth)
  if path.is_dir():
    path = path / _DEVKIT_LIST
  if not path.exists():
    raise UserError(
      f"ground_truth: expected the validation labels at {path}, got no such "
      "file; give the devkit's folder or a list of labels"
    )
  check_regular(path)
  try:
    text = path.read_text(encoding="utf-8-sig")
  except UnicodeDecodeError as error:
    raise UserError(
      f"{path}: expected a text file of labels, got something else ({error}); "
      "give the list of the validation labels"
    ) from error
  rows = [
    (number, re.split(r"[,\s]+", line.strip()))
    for number, line in enumerate(text.splitlines(), start=1)
    if line.strip()
  ]
  # Kaggle's lists begin with a header.
  if rows and rows[0][1][0] == "ImageId":
    rows = rows[1:]
  if not rows:
    raise UserError(f"{path}: expected {_FORMS}, got no line; correct the path")
  first = rows[0][1]
  if len(first) > 1:
    return GroundTruth(path, by_name=_named_rows(path, rows))
  if WORDNET_ID.fullmatch(first[0]):
    return GroundTruth(path, _single_words(path, rows, WORDNET_ID))
  identifiers = _single_words(path, rows, re.compile(r"\d{1,4}"))
  return GroundTruth(path, _by_identifier(path, identifiers, meta_file))


def _single_words(
  path: Path, rows: list[tuple[int, list[str]]], pattern: re.Pattern
) -> tuple[str, ...]:
  for number, words in rows:
    if len(words) != 1 or not pattern.fullmatch(words[0]):
      raise _unlike(path, number, words)
  return tuple(words[0] for _, words in rows)


def _named_rows(
  path: Path, rows: list[tuple[int, list[str]]]
) -> dict[str, str]:
  by_name: dict[str, str] = {}
  for number, words in rows:
    # Further words are bounding boxes.
    if len(words) < 2 or not WORDNET_ID.fullmatch(words[1]):
      raise _unlike(path, number, words)
    name = Path(words[0]).stem
    if by_name.setdefault(name, words[1]) != words[1]:
      raise UserError(
        f"{path}: line {number}: expected one synset per image, got "
        f"{by_name[name]} and {words[1]} for {name}; correct the file"
      )
  return by_name


def _unlike(path: Path, number: int, words: list[str]) -> UserError:
  return UserError(
    f"{path}: line {number}: expected {_FORMS}, as in the other lines, got "
    f"{' '.join(words)[:60]!r}; correct the file"
  )


def _by_identifier(
  path: Path, identifiers: tuple[str, ...], meta_file: str | Path | None
) -> tuple[str, ...]:
  meta_file = Path(meta_file or path.with_name(_META_FILE))
  synsets = read_meta_file(meta_file)
  unknown = {each for each in identifiers if int(each) not in synsets}
  if unknown:
    raise UserError(
      f"{path}: expected ILSVRC2012 ids that {meta_file} lists, got "
      f"{min(unknown, key=int)}; take both files from one devkit"
    )
  return tuple(synsets[int(each)] for each in identifiers)


def read_meta_file(meta_file: str | Path) -> dict[int, str]:
  """ILSVRC2012 id -> WordNet id, by the devkit's `meta.mat`.

  Raises:
    UserError: the file is missing or of another kind.
  """
  path = Path(meta_file)
  if not path.exists():
    raise UserError(
      f"meta_file: expected the devkit's {_META_FILE} for ILSVRC2012 ids at "
      f"{path}, got no such file; name it, or give a list of WordNet ids as "
      "`ground_truth`"
    )
  try:
    columns = read_table(path, "synsets", ("ILSVRC2012_ID", "WNID"))
  except DamagedMatlabError as error:
    raise _no_meta_file(path, str(error)) from error
  synsets: dict[int, str] = {}
  for number, synset in zip(*columns.values(), strict=True):
    if not (
      isinstance(number, float)
      and number.is_integer()
      and isinstance(synset, str)
      and WORDNET_ID.fullmatch(synset)
      and int(number) not in synsets
    ):
      raise _no_meta_file(path, f"a row with {number!r} and {synset!r:.40}")
    synsets[int(number)] = synset
  return synsets


def _no_meta_file(path: Path, reason: str) -> UserError:
  return UserError(
    f"{path}: expected the devkit's {_META_FILE} with its table of synsets, "
    f"got another file ({reason}); take it from the devkit"
  )
