"""Record sets of large images, of which only the index is held in memory."""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from mentornet_tf.datasets.records.access import read_records, record_at
from mentornet_tf.datasets.records.damaged import NO_DAMAGE, find_damaged
from mentornet_tf.datasets.records.framing import NO_WHOLE_RECORD
from mentornet_tf.datasets.records.index import RecordIndex, index_records
from mentornet_tf.datasets.records.inspection import (
  inspect_record,
  record_place,
)
from mentornet_tf.datasets.records.parsing import parse_labeled
from mentornet_tf.datasets.records.schema import known_num_classes
from mentornet_tf.datasets.records.shards import (
  check_num_records,
  find_shards,
  named_classes,
  read_summary,
)
from mentornet_tf.datasets.records.stored_images import RAW_FORMAT
from mentornet_tf.errors import UserError

# Records per batch where labels are read and images stay encoded.
_LABELS_AT_ONCE = 64


@dataclass(frozen=True)
class StreamedRecords:
  """A record set that is read as it is needed.

  Attributes:
    index: the places of the records.
    num_classes: number of classes.
    class_names: the classes' names; their numbers where no summary names them.
    name: `<dataset>_<split>`.
    summary: the JSON beside the shards, {} where there is none.
    damaged: a line for each record that is passed over.
  """

  index: RecordIndex
  num_classes: int
  class_names: tuple[str, ...]
  name: str = ""
  summary: dict[str, Any] = field(default_factory=dict)
  damaged: tuple[str, ...] = ()

  def __len__(self) -> int:
    return len(self.index)

  @property
  def is_raw(self) -> bool:
    """Whether the summary says that images are stored as raw pixels."""
    return self.summary.get("store") == RAW_FORMAT

  @property
  def noise(self) -> dict[str, Any]:
    """What the summary says of the labels' noise, {} where it says nothing."""
    return self.summary.get("noise") or {}

  @property
  def is_part(self) -> bool:
    """Whether these are some of the records of their shards only."""
    return self.index.positions is not None

  @property
  def has_clean_labels(self) -> bool:
    """Whether the summary says that every image's clean label is known."""
    return self.has_checked_labels and not self.noise.get("known_wrong_labels")

  @property
  def has_checked_labels(self) -> bool:
    """Whether the summary says of every label if it is clean."""
    measured = self.noise.get("measured_rate") is not None
    return measured and not self.noise.get("unknown_true_labels")

  def labels(self) -> tuple[np.ndarray, np.ndarray]:
    """Labels and clean ones (-1 unknown, -2 known wrong), each [N] int64."""
    places = tf.data.Dataset.range(len(self)).map(lambda index: (index, index))
    batches = read_records(places, self.index).batch(_LABELS_AT_ONCE)
    no_ids = np.int64(0)
    columns = [
      parse_labeled(batch, no_ids, self.num_classes)[1] for batch in batches
    ]
    labels, clean_labels = (
      np.concatenate([column[name] for column in columns])
      for name in ("label", "clean_label")
    )
    return labels, clean_labels

  def take(self, indices: np.ndarray) -> "StreamedRecords":
    """The records `indices` [M] int64, rising."""
    return replace(self, index=self.index.take(indices))

  def describe_damage(self, indices: Iterable[int]) -> str | None:
    """One line on the first damaged record of `indices`, None without one."""
    for index in indices:
      shard, position = self.index.locate(int(index))
      try:
        offset = self.index.offsets[index]
        raw = record_at(str(shard), offset).get_single_element().numpy()
      except tf.errors.OpError:
        return (
          f"{shard}: record {position}: {NO_WHOLE_RECORD}; copy this shard "
          "again or write the set again"
        )
      problem, _ = inspect_record(raw, self.num_classes)
      if problem:
        return f"{record_place(shard, position, raw)}: {problem}"
    return None


def open_streamed(
  data_dir: str | Path,
  dataset_name: str,
  split: str,
  on_shard: Callable[[int, int], None] = lambda done, total: None,
  *,
  max_damaged: int = 0,
) -> StreamedRecords:
  """Finds the records of a set; decodes nothing unless some may be damaged.

  The index is cached in `<dataset>_<split>.index.npz` beside the shards where
  that folder can be written, and damaged records in `….damaged.json`.

  Args:
    data_dir: folder of the shards.
    dataset_name: such as "webvision_mini".
    split: such as "train".
    on_shard: called after each shard that was searched, with the number of
      shards searched so far and of all.
    max_damaged: how many records may be passed over because they, their image
      or their label cannot be used. Unless it is 0, all are decoded once.

  Raises:
    UserError: folder or shards are missing, a file is no chain of whole
      records, records are missing, more are damaged, or the number of classes
      is not known.
  """
  shards = find_shards(data_dir, dataset_name, split)
  summary = read_summary(data_dir, dataset_name, split) or {}
  name = f"{dataset_name}_{split}"
  num_classes = known_num_classes(dataset_name, summary)
  if num_classes is None:
    raise UserError(
      "data_dir: expected the number of classes in "
      f"{Path(data_dir) / name}.json, got none; copy this file with the "
      "shards, or write the set again"
    )

  def counted() -> Callable[[], None]:
    searched = itertools.count(1)
    return lambda: on_shard(next(searched), len(shards))

  index = index_records(shards, Path(data_dir) / f"{name}.index.npz", counted())
  check_num_records(len(index), summary, data_dir, dataset_name, split)
  damaged = NO_DAMAGE
  if max_damaged:
    damaged = find_damaged(
      shards,
      num_classes,
      max_damaged,
      Path(data_dir) / f"{name}.damaged.json",
      counted(),
    )
  if damaged.lines:
    index = index.take(damaged.sound(len(index)))
  return StreamedRecords(
    index=index,
    num_classes=num_classes,
    class_names=named_classes(summary, num_classes),
    name=name,
    summary=summary,
    damaged=damaged.lines,
  )
