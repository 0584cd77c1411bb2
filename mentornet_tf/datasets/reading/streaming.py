"""Batches from record sets of large images that are not held in memory.

Only the index of the records' places (`records.index`) is. Every record is read
where it lies when it is needed, so that the order is a random permutation of
the whole set in each pass, batch k is a pure function of the seed and k, and a
run that continues at step k starts there at once.

The price is one random read per image, which solid-state disks and the page
cache serve. Sequential reads would need a shuffle buffer and a replay.
"""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from mentornet_tf.datasets.reading import raw_squares
from mentornet_tf.datasets.reading.crops import evaluation_crop, training_crop
from mentornet_tf.datasets.reading.in_memory import (
  CROP_STREAM,
  FLIP_STREAM,
  check_at_least,
  shuffled_index,
)
from mentornet_tf.datasets.reading.preparation import (
  WHOLE_BATCH,
  BatchSlice,
  Crop,
)
from mentornet_tf.datasets.records.access import read_records, record_at
from mentornet_tf.datasets.records.damaged import NO_DAMAGE, find_damaged
from mentornet_tf.datasets.records.framing import NO_WHOLE_RECORD
from mentornet_tf.datasets.records.index import RecordIndex, index_records
from mentornet_tf.datasets.records.inspection import (
  inspect_record,
  record_place,
)
from mentornet_tf.datasets.records.schema import (
  known_num_classes,
  parse_labeled,
)
from mentornet_tf.datasets.records.shards import (
  check_num_records,
  find_shards,
  named_classes,
  read_summary,
)
from mentornet_tf.datasets.records.stored_images import RAW_FORMAT, StoredImage
from mentornet_tf.errors import UserError

# A hundred images of 299x299 take a tenth of a gigabyte.
_BATCHES_AHEAD = 2
# Records per batch where labels are read and images stay encoded.
_LABELS_AT_ONCE = 64
_Cut: TypeAlias = tf.Tensor | raw_squares.Square


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


def streamed_training_batches(
  records: StreamedRecords,
  batch_size: int,
  crop: Crop,
  *,
  seed: int,
  start_step: int = 0,
  part: BatchSlice = WHOLE_BATCH,
) -> tf.data.Dataset:
  """Endless training batches; each pass visits every record once, reshuffled.

  Batch k depends on (records, batch_size, crop, seed, k) alone, and starting at
  any k takes the same time.

  Args:
    records: the set, N records.
    batch_size: B, at least 1.
    crop: how images are cut.
    seed: seed of order, crops and flips, at least 0.
    start_step: k of the first batch, at least 0.
    part: the slice of every batch that is read and decoded; it is the same as
      in the whole batch.

  Returns:
    Dicts of "image" float32 [B, size, size, 3] in [-1, 1] and "label",
    "clean_label" (-1 unknown, -2 known wrong), "id", each int64 [B]. A record
    that cannot be used raises a `tf.errors` exception as its batch is read;
    `training_indices` and `StreamedRecords.describe_damage` tell which it is.

  Raises:
    UserError: an argument is outside its bounds.
  """
  check_at_least("batch_size", batch_size, 1)
  check_at_least("seed", seed, 0)
  check_at_least("start_step", start_step, 0)

  slice_ = part.positions(batch_size)

  def choose(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    position = _positions(step, batch_size)[slice_.start : slice_.stop]
    return position, shuffled_index(position, len(records), seed)

  cuts_squares = records.is_raw and crop.train_crop != "resized"
  cut = raw_squares.training_square if cuts_squares else training_crop

  def image(stored: StoredImage, position: tf.Tensor) -> _Cut:
    def key(stream: int) -> tf.Tensor:
      return tf.random.experimental.stateless_fold_in(
        tf.constant([seed, stream], tf.int64), position
      )

    return cut(stored, crop, key(CROP_STREAM), key(FLIP_STREAM))

  return (
    _examples(tf.data.Dataset.counter(start_step).map(choose), records, image)
    .batch(len(slice_), drop_remainder=True)
    .apply(raw_squares.stacked)
    .prefetch(_BATCHES_AHEAD)
  )


def streamed_evaluation_batches(
  records: StreamedRecords, batch_size: int, crop: Crop
) -> tf.data.Dataset:
  """All records once, in order, center-cropped; the last batch may be smaller.

  Args:
    records: the set.
    batch_size: B, at least 1.
    crop: how images are cut.

  Returns:
    Dicts as `streamed_training_batches` gives; it raises the same.
  """
  check_at_least("batch_size", batch_size, 1)
  num_batches = -(-len(records) // batch_size)

  def choose(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    position = _positions(step, batch_size)
    index = tf.boolean_mask(position, position < len(records))
    return index, index

  cut = raw_squares.evaluation_square if records.is_raw else evaluation_crop

  def image(stored: StoredImage, position: tf.Tensor) -> _Cut:
    del position
    return cut(stored, crop)

  return (
    _examples(tf.data.Dataset.range(num_batches).map(choose), records, image)
    .batch(batch_size)
    .apply(raw_squares.stacked)
    .apply(tf.data.experimental.assert_cardinality(num_batches))
    .prefetch(_BATCHES_AHEAD)
  )


def training_indices(
  step: int, batch_size: int, num_records: int, seed: int
) -> np.ndarray:
  """[B] int64: which records make up training batch `step`."""
  position = _positions(tf.constant(step, tf.int64), batch_size)
  return shuffled_index(position, num_records, seed).numpy()


def _positions(step: tf.Tensor, batch_size: int) -> tf.Tensor:
  """[B] int64: places of a batch's examples in the sequence of all."""
  return step * batch_size + tf.range(batch_size, dtype=tf.int64)


def _examples(
  choices: tf.data.Dataset,
  records: StreamedRecords,
  image: Callable[[StoredImage, tf.Tensor], _Cut],
) -> tf.data.Dataset:
  """Reads and decodes chosen records.

  Args:
    choices: pairs of int64 [any]: positions in the sequence, and indices of
      the records there.
    records: the set.
    image: (image of a record, [] int64 position) to the square.

  Returns:
    Dicts of single examples, in the order of the choices.
  """

  def example(
    place: tuple[tf.Tensor, tf.Tensor], serialized: tf.Tensor
  ) -> dict[str, tf.Tensor]:
    position, chosen = place
    stored, labels = parse_labeled(serialized, chosen, records.num_classes)
    return {"image": image(stored, position), **labels}

  places = choices.unbatch()
  serialized = read_records(places, records.index)
  return tf.data.Dataset.zip(places, serialized).map(
    example, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
  )
