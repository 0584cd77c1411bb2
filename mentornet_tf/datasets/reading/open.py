"""Opens record sets: small images into memory, others to be streamed."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from mentornet_tf.datasets.reading.dataset import (
  TrainingData,
  as_training_data,
)
from mentornet_tf.datasets.reading.preparation import (
  NO_AUGMENTATION,
  Augmentation,
  Crop,
)
from mentornet_tf.datasets.reading.streamed_data import StreamedData
from mentornet_tf.datasets.reading.streamed_records import (
  StreamedRecords,
  open_streamed,
)
from mentornet_tf.datasets.records.schema import load_in_memory
from mentornet_tf.datasets.records.shards import find_shards
from mentornet_tf.errors import UserError
from mentornet_tf.internal.progress import ProgressBar

# Sets with larger shards are not decoded into memory by mistake.
_LARGEST_IN_MEMORY = 8 * 2**30


def open_data(
  data_dir: str | Path,
  dataset_name: str,
  split: str,
  crop: Crop | None = None,
  augmentation: Augmentation = NO_AUGMENTATION,
  *,
  console: Console | None = None,
  max_damaged: int = 0,
) -> TrainingData:
  """Streams a record set whose images are to be cut; loads others into memory.

  Args:
    data_dir: folder of the shards.
    dataset_name: name in the shards' file names.
    split: likewise.
    crop: how images are cut; None where they are small and of one size.
    augmentation: how training varies images in memory.
    console: where the progress of searching shards is shown, and damaged
      records are named; None takes standard output.
    max_damaged: how many damaged records may be passed over.

  Raises:
    UserError: the set is missing or damaged, or too large for memory.
  """
  if crop is None:
    _refuse_large(data_dir, dataset_name, split)
    dataset = load_in_memory(
      data_dir, dataset_name, split, max_damaged=max_damaged
    )
    _name_damaged(dataset.name, dataset.damaged, console)
    return as_training_data(dataset, augmentation)
  name = f"{dataset_name}_{split}"
  with ProgressBar(f"shards of {name}", console) as bar:
    records = open_streamed(
      data_dir, dataset_name, split, bar.update, max_damaged=max_damaged
    )
  _check_stored_size(records, crop)
  _name_damaged(name, records.damaged, console)
  return StreamedData(records, crop)


def _check_stored_size(records: StreamedRecords, crop: Crop) -> None:
  """Refuses to enlarge what a conversion has shrunk."""
  summary = records.summary
  stored = summary.get("shorter_side") or summary.get("square_side")
  if records.is_raw and stored and stored < crop.shorter_side:
    raise UserError(
      f"shorter_side: expected at most {stored} pixels, the size at which "
      f"{records.name} holds raw pixels, got {crop.shorter_side}; choose at "
      "most that, or write the set again with larger images"
    )


def _name_damaged(
  name: str, damaged: Sequence[str], console: Console | None
) -> None:
  """Prints the records that are passed over."""
  if not damaged:
    return
  console = console or Console(highlight=False, markup=False, soft_wrap=True)
  console.print(
    f"{name}: passing over {len(damaged)} damaged records", markup=False
  )
  for line in damaged:
    console.print(f"  {line.partition(';')[0]}", markup=False)


def _refuse_large(data_dir: str | Path, dataset_name: str, split: str) -> None:
  shards = find_shards(data_dir, dataset_name, split)
  size = sum(shard.stat().st_size for shard in shards)
  if size > _LARGEST_IN_MEMORY:
    raise UserError(
      "image_size: expected one, such as 299, for "
      f"{size / 2**30:.0f} GB of {dataset_name}_{split}, which do not fit in "
      "memory, got none; with it, images are read as they are needed"
    )
