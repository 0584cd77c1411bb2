"""Flags about a table of the user's own images.

TensorFlow is imported late, as in the commands.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from mentornet_tf.commands import help_page
from mentornet_tf.datasets.trees.annotations import ANNOTATORS
from mentornet_tf.errors import UserError

if TYPE_CHECKING:
  from mentornet_tf.datasets.trees.own_images import OwnImages

# Each holds, by default, the column that is called as the flag is, without
# "_column".
_COLUMNS = {
  "path_column": "Column of the table that holds paths; path if unset.",
  "label_column": "Column of the labels to train on; label if unset.",
  "clean_label_column": "Column of the clean labels, empty where unknown; "
  "clean_label, where there is one, if unset.",
  "known_wrong_column": "Column with 1 where the label is known to be wrong, 0 "
  "where it is known to be right; known_wrong, where there is one, if unset.",
  "split_column": "Column with train, val or test; split, where there is one, "
  "if unset.",
}

_FLAGS = flags.FLAGS


def define_flags() -> None:
  """Defines all flags about a table but the one that names it."""
  with help_page.flag_group("Table flags"):
    for name, meaning in _COLUMNS.items():
      flags.DEFINE_string(name, None, meaning)
    flags.DEFINE_bool(
      "renumber",
      False,
      "Number the labels anew from 0, in the order of their numbers, so that "
      "every class has images.",
    )
    flags.DEFINE_enum(
      "annotators",
      "agree",
      ANNOTATORS,
      "Images with several labels: agree refuses them, majority takes the "
      "label of most lines and skips ties.",
    )


def require_table(table_flag: str) -> None:
  """Raises UserError for flags about a table where there is none."""
  if _FLAGS[table_flag].value:
    return
  for name in (*_COLUMNS, "renumber", "annotators"):
    if _FLAGS[name].value != _FLAGS[name].default:
      raise UserError(
        f"expected --{table_flag} with --{name}, got none; name a table, or "
        f"leave --{name} out"
      )


def own_images(
  table: str | None,
  source_dir: str | None,
  class_names: Sequence[str] | None = None,
) -> "OwnImages":
  """The user's images as the flags say, not read yet.

  Args:
    table: the file, or None for folders.
    source_dir: the folder of the classes' folders, or the one that the table's
      paths are relative to, or None.
    class_names: names in the order of the labels, or None.
  """
  from mentornet_tf.datasets.trees.own_images import OwnImages
  from mentornet_tf.datasets.trees.table_rows import TableColumns

  return OwnImages(
    Path(table) if table else None,
    Path(source_dir) if source_dir else None,
    columns=TableColumns(**{name: _FLAGS[name].value for name in _COLUMNS}),
    class_names=tuple(class_names) if class_names else None,
    renumber=_FLAGS.renumber,
    annotators=_FLAGS.annotators,
  )


def given_words() -> list[str]:
  """The flags about a table that were given, as they are typed."""
  names = (*_COLUMNS, "renumber", "annotators")
  return [
    _FLAGS[name].serialize()
    for name in names
    if _FLAGS[name].value != _FLAGS[name].default
  ]
