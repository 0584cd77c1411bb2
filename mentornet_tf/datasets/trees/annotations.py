"""Several annotators' labels of the same image become one."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mentornet_tf.datasets.labels.clean_labels import KNOWN_WRONG, UNKNOWN
from mentornet_tf.errors import UserError

# What to do where the labels of an image differ.
ANNOTATORS = ("agree", "majority")


@dataclass(frozen=True, slots=True)
class Annotation:
  """What one line of a table says of an image.

  Attributes:
    line: number of the line.
    label: 0-based class.
    clean_label: 0-based class, or what `clean_labels` says of one.
    split: "train", "val" or "test", "" if unknown.
  """

  line: int
  label: int
  clean_label: int
  split: str


@dataclass(frozen=True)
class MergedAnnotations:
  """One annotation of each of N images, and how far annotators agreed.

  Attributes:
    annotations: N, None where as many annotators chose one label as another.
    num_repeated: images with more than one annotation.
    num_disagreeing: those of them with more than one label.
  """

  annotations: list[Annotation | None]
  num_repeated: int
  num_disagreeing: int

  def as_fields(self) -> dict[str, Any]:
    """The entries of a summary; empty if no image has several annotations."""
    if not self.num_repeated:
      return {}
    return {
      "annotations": {
        "images_with_several": self.num_repeated,
        "disagreeing": self.num_disagreeing,
        "ties": self.annotations.count(None),
      }
    }

  def notes(self) -> list[str]:
    """What the user should know of them; nothing if each image has one."""
    if not self.num_repeated:
      return []
    line = (
      f"images on several lines: {self.num_repeated}, {self.num_disagreeing} "
      "of them with different labels"
    )
    if self.num_disagreeing:
      line += (
        "; the label of most lines was taken, ties skipped: "
        f"{self.annotations.count(None)}"
      )
    return [line]


def merge_annotations(
  table: str,
  images: dict[str, list[Annotation]],
  annotators: str = "agree",
) -> MergedAnnotations:
  """One annotation for each image.

  Args:
    table: where they come from, for messages.
    images: the annotations of each path, one or more.
    annotators: "agree" refuses an image with different labels; "majority"
      takes the label that most of its annotations have, and none at all where
      several labels have as many.

  Raises:
    UserError: the labels of an image differ and have to agree, or its splits or
      what is known of its clean label do.
  """
  if annotators not in ANNOTATORS:
    raise UserError(
      f"annotators: expected {' or '.join(ANNOTATORS)}, got {annotators!r}; "
      "choose one of them"
    )
  several = {path: rows for path, rows in images.items() if len(rows) > 1}
  disagreeing = {
    path: rows
    for path, rows in several.items()
    if len({row.label for row in rows}) > 1
  }
  for path, rows in several.items():
    other = next((row for row in rows if row.split != rows[0].split), None)
    if other:
      raise UserError(
        f"{table}: line {other.line}: expected the split of {path} on line "
        f"{rows[0].line}, {rows[0].split}, got {other.split}; remove one of "
        "the lines"
      )
  if disagreeing and annotators == "agree":
    path, rows = next(iter(disagreeing.items()))
    other = next(row for row in rows if row.label != rows[0].label)
    raise UserError(
      f"annotators: expected one label for each image in {table}, got several "
      f"for {len(disagreeing)} of {len(images)} images (such as {path} on "
      f"lines {rows[0].line} and {other.line}); choose `annotators=majority`, "
      "or remove lines"
    )
  return MergedAnnotations(
    [_merged(table, path, rows) for path, rows in images.items()],
    num_repeated=len(several),
    num_disagreeing=len(disagreeing),
  )


def _merged(
  table: str, path: str, rows: Sequence[Annotation]
) -> Annotation | None:
  if len(rows) == 1:
    return rows[0]
  ranked = Counter(row.label for row in rows).most_common(2)
  if len(ranked) > 1 and ranked[0][1] == ranked[1][1]:
    return None
  label = ranked[0][0]
  clean = {row.clean_label for row in rows if row.clean_label >= 0}
  # That a label is wrong says nothing of the other labels.
  is_wrong = any(
    row.clean_label == KNOWN_WRONG and row.label == label for row in rows
  )
  if len(clean) > 1 or (is_wrong and label in clean):
    raise UserError(
      f"{table}: line {rows[-1].line}: expected the same of the clean label in "
      f"all lines of {path}, got a contradiction; correct them"
    )
  clean_label = KNOWN_WRONG if is_wrong else UNKNOWN
  return Annotation(
    rows[0].line, label, clean.pop() if clean else clean_label, rows[0].split
  )
