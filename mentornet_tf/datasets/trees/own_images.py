"""A user's own images, a table or folders, as the converter is told of them."""

from dataclasses import dataclass, field
from pathlib import Path

from mentornet_tf.datasets.trees.folders import (
  LabeledFiles,
  find_image_folders,
)
from mentornet_tf.datasets.trees.table_rows import TableColumns
from mentornet_tf.datasets.trees.tables import read_image_table


@dataclass(frozen=True)
class OwnImages:
  """Where the images are and how their labels are read.

  Attributes:
    table: the table, or None for a folder.
    source_dir: the folder of the classes' folders, or the one that the table's
      paths are relative to; the table's own if None.
    columns: the columns' names.
    class_names: names in the order of the labels, or None.
    renumber: see `tables.read_image_table`.
    annotators: likewise.
  """

  table: Path | None = None
  source_dir: Path | None = None
  columns: TableColumns = field(default_factory=TableColumns)
  class_names: tuple[str, ...] | None = None
  renumber: bool = False
  annotators: str = "agree"

  def files(self) -> LabeledFiles:
    """The images with their labels, as they are converted."""
    if self.table is None:
      assert self.source_dir is not None
      return find_image_folders(self.source_dir, self.class_names)
    return read_image_table(
      self.table,
      self.source_dir,
      columns=self.columns,
      class_names=self.class_names,
      renumber=self.renumber,
      annotators=self.annotators,
    )
