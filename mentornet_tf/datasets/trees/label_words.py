"""How a table writes its classes: by names or by numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mentornet_tf.datasets.trees.own_images import OwnImages
from mentornet_tf.datasets.trees.table_classes import (
  table_classes,
  whole_number,
)
from mentornet_tf.datasets.trees.table_rows import DROPPED, TableText


@dataclass(frozen=True)
class LabelWords:
  """The words of a table's labels.

  Attributes:
    of_class: what the table writes, or would write, for each class.
    number_of: the class of each word in the table, -1 for none.
    class_names: the classes' names.
  """

  of_class: dict[int, str]
  number_of: dict[str, int]
  class_names: tuple[str, ...]

  @classmethod
  def of(
    cls, source: OwnImages, class_names: Sequence[str], text: TableText
  ) -> "LabelWords":
    """The words of a source's table; of folders, the classes' names."""
    names = tuple(class_names)
    if source.table is None:
      numbers = {name: number for number, name in enumerate(names)}
      return cls(dict(enumerate(names)), numbers, names)
    rows = [row for row in text.rows if row.correction != DROPPED]
    _, number_of = table_classes(
      source.table, rows, source.class_names, source.renumber
    )
    words: dict[int, str] = {}
    for row in rows:
      words.setdefault(number_of[row.label], row.label)
    by_number = all(whole_number(word) == each for each, word in words.items())
    # All words are numbers, or all are names.
    for number, name in enumerate(names):
      is_other = by_number and whole_number(name) != number
      words.setdefault(number, str(number) if is_other else name)
    return cls(words, number_of, names)

  def with_names(self, text: TableText) -> TableText:
    """The table with the names of the classes in place of other words."""
    columns = ("label", "clean_label")
    places = {text.places[each] for each in columns if each in text.places}

    def name(cell: str) -> str:
      number = self.number_of.get(cell.strip(), -1)
      return self.class_names[number] if number >= 0 else cell

    return replace(
      text,
      cells=[
        [name(cell) if i in places else cell for i, cell in enumerate(row)]
        for row in text.cells
      ],
    )
