"""The damaged records of a set, so that a run can pass over a few of them.

They are found before the first batch, all at once. So the images of a run, and
with them every batch, stay the same however often it is interrupted.
"""

import contextlib
import json
import operator
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mentornet_tf.datasets.images.jpeg_damage import DecoderWarnings
from mentornet_tf.datasets.records.index import shard_stamp
from mentornet_tf.datasets.records.inspection import inspect_shard
from mentornet_tf.errors import UserError
from mentornet_tf.internal.atomic_files import write_bytes
from mentornet_tf.internal.cores import num_cores


@dataclass(frozen=True)
class DamagedRecords:
  """The M records of a set that cannot be used.

  Attributes:
    positions: [M] int64, their places in reading order, rising.
    lines: M lines, each with the record's shard, number, image and damage.
  """

  positions: np.ndarray
  lines: tuple[str, ...]

  def sound(self, num_records: int) -> np.ndarray:
    """The positions of all other records, [num_records - M] int64, rising."""
    return np.setdiff1d(np.arange(num_records), self.positions)


NO_DAMAGE = DamagedRecords(np.zeros(0, np.int64), ())


def damaged_entry(damaged: tuple[str, ...]) -> dict[str, int]:
  """What a summary of a set says of the records that it passes over."""
  return {"num_damaged": len(damaged)} if damaged else {}


def find_damaged(
  shards: Sequence[Path],
  num_classes: int | None,
  max_damaged: int,
  cache: Path | None = None,
  on_shard: Callable[[], None] = lambda: None,
) -> DamagedRecords:
  """Reads every record and decodes every image, JPEGs at an eighth.

  Args:
    shards: TFRecord files in reading order.
    num_classes: labels must lie in [0, num_classes); from below only if None.
    max_damaged: how many damaged records there may be.
    cache: a file that keeps the result, as `index_records` takes it.
    on_shard: called after each shard, for progress.

  Raises:
    UserError: more are damaged, or a shard is no chain of whole records.
  """
  source = _source(shards, num_classes)
  found = _read_cache(cache, source)
  if found is None:
    found = _search(shards, num_classes, on_shard)
    _write_cache(cache, source, found)
  count = len(found.lines)
  if count > max_damaged:
    raise UserError(
      f"max_damaged: expected at most {max_damaged} damaged records, got "
      f"{count} (the first: {found.lines[0].partition(';')[0]}); write the set "
      "again, which leaves them out, or pass over more"
    )
  return found


def _search(
  shards: Sequence[Path], num_classes: int | None, on_shard: Callable[[], None]
) -> DamagedRecords:
  def inspected(shard: Path) -> tuple[int, list[tuple[int, str]]]:
    count, damaged = 0, []
    for record in inspect_shard(shard, num_classes):
      if record.problem:
        if not record.raw:
          raise UserError(record.describe())
        damaged.append((record.index, record.describe()))
      count += 1
    return count, damaged

  positions: list[int] = []
  lines: list[str] = []
  first = 0
  with (
    ThreadPoolExecutor(num_cores()) as threads,
    DecoderWarnings() as warnings,
    warnings.listening(),  # else they would appear without a name
  ):
    for count, damaged in threads.map(inspected, shards):
      positions += [first + index for index, _ in damaged]
      lines += [line for _, line in damaged]
      first += count
      on_shard()
  return DamagedRecords(np.array(positions, np.int64), tuple(lines))


def _source(shards: Sequence[Path], num_classes: int | None) -> dict:
  """What the damage depends on, as JSON holds it."""
  return {
    "num_classes": num_classes,
    "shards": [shard.name for shard in shards],
    "stamp": shard_stamp(shards).tolist(),
  }


def _read_cache(cache: Path | None, source: dict) -> DamagedRecords | None:
  """What the cache holds; None unless it is of this very source."""
  if cache is None:
    return None
  try:
    kept = json.loads(cache.read_text(encoding="utf-8"))
    if kept["source"] != source:
      return None
    positions = [operator.index(position) for position, _ in kept["damaged"]]
    lines = tuple(str(line) for _, line in kept["damaged"])
    return DamagedRecords(np.array(positions, np.int64), lines)
  # Missing or damaged: the records are searched again.
  except (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    OverflowError,
    RecursionError,
  ):
    return None


def _write_cache(
  cache: Path | None, source: dict, found: DamagedRecords
) -> None:
  if cache is None:
    return
  damaged = list(zip(found.positions.tolist(), found.lines, strict=True))
  content = {"source": source, "damaged": damaged}
  # Data sets often lie on read-only file systems.
  with contextlib.suppress(OSError):
    write_bytes(cache, json.dumps(content).encode("ascii"))
