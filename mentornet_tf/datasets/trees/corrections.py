"""Corrections of labels: what is to become of which image."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mentornet_tf.datasets.images.listing import readable
from mentornet_tf.datasets.trees.class_order import composed
from mentornet_tf.datasets.trees.folders import LabeledFiles
from mentornet_tf.datasets.trees.table_text import (
  DELIMITERS,
  line_error,
  read_cells,
  read_lines,
  split_line,
)
from mentornet_tf.errors import UserError
from mentornet_tf.internal.spreadsheet_cells import unguarded

KEEP, RELABEL, DROP = ACTIONS = ("keep", "relabel", "drop")
COLUMNS = ("rank", "id", "path", "given_label", "action", "label")

_ADVICE = "correct the line, or remove it"


@dataclass(frozen=True, slots=True)
class Correction:
  """A line of a file of corrections.

  Attributes:
    line: its number, from 1.
    action: one of `ACTIONS`.
    path: the image, as rankings name it; "" where only its id is given.
    id: the image's id, None where only its path is given.
    label: the new label by name or number; only to relabel.
    given_label: the label that the image had, by name or number, "" if unknown.
  """

  line: int
  action: str
  path: str = ""
  id: int | None = None
  label: str = ""
  given_label: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
  """What becomes of one image: an action, and the class to relabel it to."""

  action: str
  label: int
  line: int


def read_corrections(file: str | Path) -> list[Correction]:
  """Reads a table with the columns action, and path or id.

  Lines with an empty action say nothing. Further columns are label (for
  relabel), and given_label, which is compared with the label that is found.

  Raises:
    UserError: the file is missing or of another kind, or a line is malformed.
  """
  file = Path(file)
  if not file.exists():
    raise UserError(
      f"corrections: expected a table at {file}, got no such file; correct the "
      "path"
    )
  lines = list(read_lines(file))
  header, delimiter = [], ","
  for delimiter in DELIMITERS:
    found = split_line(lines[0] if lines else "", delimiter)
    header = [name.strip().lower() for name in found]
    if "action" in header:
      break
  has_image = "path" in header or "id" in header
  if "action" not in header or not has_image or len({*header}) < len(header):
    raise UserError(
      f"corrections: expected a first line in {file} that names the columns "
      f"action and path or id, each once, got {','.join(header)[:80]!r}; add it"
    )
  cells = read_cells(file, lines, delimiter)
  next(cells)
  read = []
  for row in cells:
    if len(row.values) != len(header):
      raise line_error(
        file, row.line, f"{len(header)} fields", str(len(row.values))
      )
    values = (unguarded(value).strip() for value in row.values)
    named = dict(zip(header, values, strict=True))
    if correction := _correction(file, row.line, named):
      read.append(correction)
  return read


def _correction(
  file: Path, line: int, named: dict[str, str]
) -> Correction | None:
  action, label = named["action"].lower(), named.get("label", "")
  path, id = named.get("path", ""), named.get("id", "")
  if not action and not label:
    return None
  if action not in ACTIONS:
    raise line_error(
      file, line, f"{', '.join(ACTIONS)} or nothing as action", repr(action)
    )
  if not path and not id:
    raise line_error(file, line, "a path or an id", "neither")
  if id and not (id.isascii() and id.isdecimal() and len(id) < 19):
    raise line_error(file, line, "a whole number >= 0 as id", repr(id))
  given = named.get("given_label", "")
  if action == RELABEL and not label:
    raise line_error(file, line, "a label for the action relabel", "none")
  if action != RELABEL and label not in ("", given):
    raise line_error(
      file, line, f"no label where the action is {action}", repr(label)
    )
  return Correction(
    line,
    action,
    path,
    int(id) if id else None,
    label if action == RELABEL else "",
    given,
  )


@dataclass(frozen=True)
class GivenLabels:
  """N labels that corrections may be of.

  Attributes:
    ids: N different whole numbers.
    labels: N classes.
    class_names: K names.
    description: what they are labels of, in words.
    paths: N texts, "" where there is no file.
    advice: what to do about corrections of something else.
  """

  ids: Sequence[int]
  labels: Sequence[int]
  class_names: Sequence[str]
  description: str
  paths: Sequence[str]
  advice: str = "choose the table or folder that was ranked"


def decide(
  files: LabeledFiles, corrections: Sequence[Correction], origin: str
) -> dict[int, Decision]:
  """What becomes of each image file that is corrected, see `decide_labels`.

  Returns:
    Position in `files.images` -> decision.

  Raises:
    UserError: as `decide_labels`, or paths are equal as text.
  """
  images = files.images
  paths = [readable(path) for path in images.paths]
  if len({*paths}) < len(paths):
    raise UserError(
      f"source_dir: expected paths of {files.reader} that differ as text, got "
      "equal ones; rename the files whose names are not UTF-8"
    )
  given = GivenLabels(
    images.ids.tolist(),
    images.labels.tolist(),
    files.class_names,
    files.description,
    paths,
  )
  return decide_labels(given, corrections, origin)


def decide_labels(
  given: GivenLabels, corrections: Sequence[Correction], origin: str
) -> dict[int, Decision]:
  """What becomes of each label that is corrected.

  The path tells which one it is where the correction has one, else the id. A
  new label counts as a name if a class has it, else as a number. What is
  relabelled as it was is kept.

  Args:
    given: the labels as they are.
    corrections: in any order.
    origin: where the corrections come from, for messages.

  Returns:
    Position in `given` -> decision.

  Raises:
    UserError: a correction is of another image, label or class than there are,
      or contradicts another one.
  """
  by_path = {path: row for row, path in enumerate(given.paths) if path}
  by_id = {id: row for row, id in enumerate(given.ids)}
  decisions: dict[int, Decision] = {}
  for each in corrections:
    place = Path(origin)
    row = by_path.get(each.path) if each.path else by_id.get(each.id or 0)
    if row is None:
      raise line_error(
        place,
        each.line,
        f"an image of the {len(given.labels)} {given.description}",
        f"{each.path!r}" if each.path else f"the id {each.id}",
        f"{given.advice}, or remove the line",
      )
    name = given.paths[row] or f"the id {given.ids[row]}"
    before = given.labels[row]
    if each.given_label and not _is_label(
      each.given_label, before, given.class_names
    ):
      raise line_error(
        place,
        each.line,
        f"{given.class_names[before]} as the label that {name} was given",
        repr(each.given_label),
        f"{given.advice}; labels that a conversion made noisy cannot be "
        "corrected there",
      )
    label = before
    if each.action == RELABEL:
      label = _class_number(place, each, given.class_names)
    is_changed = each.action == DROP or label != before
    decision = Decision(each.action if is_changed else KEEP, label, each.line)
    earlier = decisions.setdefault(row, decision)
    if (earlier.action, earlier.label) != (decision.action, decision.label):
      raise line_error(
        place,
        each.line,
        f"one action for {name}, {earlier.action} on line {earlier.line}",
        decision.action
        + (f" to {given.class_names[label]}" if label != before else ""),
        "remove one of the lines",
      )
  return decisions


def _is_label(word: str, label: int, class_names: Sequence[str]) -> bool:
  return composed(word) == class_names[label] or word == str(label)


def _class_number(
  file: Path, correction: Correction, class_names: Sequence[str]
) -> int:
  word = correction.label
  if composed(word) in class_names:
    return class_names.index(composed(word))
  is_number = word.isascii() and word.isdecimal() and len(word) < 19
  if is_number and int(word) < len(class_names):
    return int(word)
  raise line_error(
    file,
    correction.line,
    f"one of the {len(class_names)} classes, such as {class_names[0]}",
    repr(word),
    _ADVICE,
  )
