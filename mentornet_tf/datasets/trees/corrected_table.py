"""A new table of a user's own images, with corrected labels."""

import csv
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mentornet_tf.datasets.images.listing import readable
from mentornet_tf.datasets.trees.corrections import DROP, RELABEL, Decision
from mentornet_tf.datasets.trees.folders import LabeledFiles
from mentornet_tf.datasets.trees.label_words import LabelWords
from mentornet_tf.datasets.trees.own_images import OwnImages
from mentornet_tf.datasets.trees.splits import split_of_images
from mentornet_tf.datasets.trees.table_rows import (
  BEFORE_COLUMN,
  CORRECTION_COLUMN,
  DROPPED,
  KEPT,
  RELABELLED,
  TableText,
  read_table_text,
)
from mentornet_tf.datasets.trees.tables import image_path
from mentornet_tf.errors import UserError
from mentornet_tf.internal.atomic_files import replacing, writable_file

# Line breaks, and bytes that are no text.
_UNWRITABLE = re.compile("[\0\r\n\ud800-\udfff]")

_WORDS = {DROP: DROPPED, RELABEL: RELABELLED}


@dataclass(frozen=True)
class CorrectedTable:
  """What was written.

  Attributes:
    path: the new table.
    source_dir: the folder that its paths are relative to.
    counts: images by what became of them: "kept", "relabelled", "dropped".
    class_names_path: a file with the classes in their order, which the
      converter needs since the labels alone give other ones; else None.
  """

  path: Path
  source_dir: str
  counts: dict[str, int]
  class_names_path: Path | None


def write_corrected_table(
  source: OwnImages,
  files: LabeledFiles,
  decisions: Mapping[int, Decision],
  output: str | Path,
  *,
  test_fraction: float | None = None,
  seed: int = 0,
  overwrite: bool = False,
) -> CorrectedTable:
  """Writes the images with their new labels as a table for the converter.

  All columns stay. A label that is changed goes from the label's column to
  `label_before`, and `label_correction` says what was done: dropped images keep
  their line, without a label, so that the ids of all others stay the same.

  Args:
    source: where the images come from; stays as it is.
    files: what `source.files()` gives.
    decisions: position in `files.images` -> what becomes of the image.
    output: the new table.
    test_fraction: as in the conversion; the table then says which images are
      for testing, who would otherwise be others.
    seed: likewise.
    overwrite: replace a file at `output`.

  Raises:
    UserError: the table cannot be written, or not so that the converter reads
      the labels that are meant.
  """
  output = writable_file(output)
  names_path = output.with_name(f"{output.stem}.classes.txt")
  _check_outputs(source, (output, names_path), overwrite)
  text, paths = _table_text(source, files)
  images = list(files.images.paths)
  position = {path: row for row, path in enumerate(images)}
  of_line = [position.get(os.fsencode(path)) for path in paths]
  if test_fraction is not None:
    splits = split_of_images(files, test_fraction, seed).tolist()
    text = _with_column(
      text, "split", ["train" if i is None else splits[i] for i in of_line]
    )
  words = LabelWords.of(source, files.class_names, text)
  text = _corrected(text, of_line, decisions, words)
  labels = files.images.labels.copy()
  for row, decision in decisions.items():
    labels[row] = decision.label
  kept = [
    row
    for row in range(len(images))
    if row not in decisions or decisions[row].action != DROP
  ]
  expected = {images[row]: int(labels[row]) for row in kept}
  root = str(files.reader)
  with replacing(output) as partial:
    again = replace(source, table=partial, source_dir=Path(root))
    _write(partial, text)
    needs_names = _class_names(again) != files.class_names
    if needs_names:
      _write(partial, words.with_names(text))
      again = replace(again, class_names=files.class_names, renumber=False)
    _check_labels(again, expected, output)
    if needs_names:
      with replacing(names_path) as names_partial:
        names_partial.write_text(
          "".join(f"{name}\n" for name in files.class_names), encoding="utf-8"
        )
  counts = Counter(_WORDS.get(each.action, KEPT) for each in decisions.values())
  return CorrectedTable(
    output,
    root,
    {word: counts[word] for word in (KEPT, RELABELLED, DROPPED)},
    names_path if needs_names else None,
  )


def _check_outputs(
  source: OwnImages, outputs: Sequence[Path], overwrite: bool
) -> None:
  for path in outputs:
    if not path.exists():
      continue
    if source.table is not None and path.samefile(source.table):
      raise UserError(
        f"output: expected another file than the table that is corrected, got "
        f"{path}; choose another name"
      )
    if not overwrite:
      raise UserError(
        f"output: expected the name of a new file, got {path}, which exists; "
        "choose another, or give `overwrite=True`"
      )


def _table_text(
  source: OwnImages, files: LabeledFiles
) -> tuple[TableText, list[str]]:
  """The source as a table, and the path of each of its lines' images."""
  if source.table is not None:
    text = read_table_text(source.table, source.columns)
    root = Path(str(files.reader))
    return text, [image_path(source.table, row, root) for row in text.rows]
  paths = [os.fsdecode(path) for path in files.images.paths]
  for path in paths:
    if path != path.strip() or _UNWRITABLE.search(path):
      raise UserError(
        "source_dir: expected paths that a table can hold, got "
        f"{readable(os.fsencode(path))!r}; rename the file"
      )
  names = [files.class_names[label] for label in files.images.labels]
  header, columns = ["path", "label"], [paths, names]
  if files.splits is not None:
    header.append("split")
    columns.append(files.splits.tolist())
  places = {name: place for place, name in enumerate(header)}
  cells = [list(each) for each in zip(*columns, strict=True)]
  return TableText(header, ",", places, [], cells), paths


def _with_column(
  text: TableText, name: str, values: Sequence[str]
) -> TableText:
  return replace(
    text,
    header=[*text.header, name],
    places=text.places | {name: len(text.header)},
    cells=[
      [*cells, value] for cells, value in zip(text.cells, values, strict=True)
    ],
  )


def _corrected(
  text: TableText,
  of_line: Sequence[int | None],
  decisions: Mapping[int, Decision],
  words: LabelWords,
) -> TableText:
  """The table with the new labels and what was done."""
  names = [name.strip().lower() for name in text.header]
  if BEFORE_COLUMN in names and CORRECTION_COLUMN not in names:
    raise UserError(
      f"table: expected {BEFORE_COLUMN} only beside {CORRECTION_COLUMN}, got "
      "it alone; rename the column"
    )
  for name in (CORRECTION_COLUMN, BEFORE_COLUMN):
    if name not in names:
      text = _with_column(text, name, [""] * len(text.cells))
  names = [name.strip().lower() for name in text.header]
  correction, before = map(names.index, (CORRECTION_COLUMN, BEFORE_COLUMN))
  label, known_wrong = text.places["label"], text.places.get("known_wrong")
  changed = []
  for cells, row in zip(text.cells, of_line, strict=True):
    cells = list(cells)
    decision = None if row is None else decisions.get(row)
    if decision is not None:
      cells[correction] = _WORDS.get(decision.action, KEPT)
    if decision is not None and decision.action in _WORDS:
      cells[before] = cells[before] or cells[label].strip()
      is_dropped = decision.action == DROP
      cells[label] = "" if is_dropped else words.of_class[decision.label]
      if known_wrong is not None:
        cells[known_wrong] = ""  # that was said of the former label
    changed.append(cells)
  return replace(text, cells=changed)


def _class_names(table: OwnImages) -> tuple[str, ...] | None:
  """The classes that a new table has by itself, None if it cannot do so."""
  try:
    return table.files().class_names
  except UserError:
    return None


def _check_labels(
  table: OwnImages, expected: Mapping[bytes, int], output: Path
) -> None:
  """Reads a new table, under a temporary name, as the converter will."""
  try:
    images = table.files().images
  except UserError as error:
    message = str(error).replace(str(table.table), str(output))
    raise UserError(message) from error
  found = dict(zip(images.paths, images.labels.tolist(), strict=True))
  if found != expected:
    raise UserError(
      f"{output}: expected a table that gives every image its label, got "
      "labels that cannot be written so; name every class in `class_names`"
    )


def _write(path: Path, text: TableText) -> None:
  with path.open("w", newline="", encoding="utf-8") as file:
    writer = csv.writer(file, delimiter=text.delimiter)
    writer.writerow(text.header)
    writer.writerows(text.cells)
