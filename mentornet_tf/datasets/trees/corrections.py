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


def decide(
  files: LabeledFiles, corrections: Sequence[Correction], origin: str
) -> dict[int, Decision]:
  """What becomes of each image that is corrected.

  The path tells the image where there is one, else the id. A label counts as a
  name if a class has it, else as a number. An image that is relabelled as it
  was is kept.

  Args:
    files: the images with their labels.
    corrections: in any order.
    origin: where the corrections come from, for messages.

  Returns:
    Position in `files.images` -> decision.

  Raises:
    UserError: a correction is of another image, label or class than there are,
      or contradicts another one.
  """
  images = files.images
  by_path = {readable(path): row for row, path in enumerate(images.paths)}
  by_id = {id: row for row, id in enumerate(images.ids.tolist())}
  if len(by_path) < len(images):
    raise UserError(
      f"source_dir: expected paths of {files.reader} that differ as text, got "
      "equal ones; rename the files whose names are not UTF-8"
    )
  decisions: dict[int, Decision] = {}
  for each in corrections:
    place = Path(origin)
    row = by_path.get(each.path) if each.path else by_id.get(each.id or 0)
    if row is None:
      raise line_error(
        place,
        each.line,
        f"an image of the {len(images)} {files.description}",
        f"{each.path!r}" if each.path else f"the id {each.id}",
        "choose the table or folder that was ranked, or remove the line",
      )
    given = int(images.labels[row])
    if each.given_label and not _is_label(
      each.given_label, given, files.class_names
    ):
      raise line_error(
        place,
        each.line,
        f"{files.class_names[given]} as the label that "
        f"{readable(images.paths[row])} was given",
        repr(each.given_label),
        "choose the table or folder that was ranked; labels that a conversion "
        "made noisy cannot be corrected there",
      )
    label = given
    if each.action == RELABEL:
      label = _class_number(place, each, files.class_names)
    is_changed = each.action == DROP or label != given
    decision = Decision(each.action if is_changed else KEEP, label, each.line)
    earlier = decisions.setdefault(row, decision)
    if (earlier.action, earlier.label) != (decision.action, decision.label):
      raise line_error(
        place,
        each.line,
        f"one action for {readable(images.paths[row])}, {earlier.action} on "
        f"line {earlier.line}",
        decision.action
        + (f" to {files.class_names[label]}" if label != given else ""),
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
