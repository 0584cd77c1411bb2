"""Reads a whole record set to the last pixel and reports what is damaged."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mentornet_tf.datasets.images.jpeg_damage import DecoderWarnings
from mentornet_tf.datasets.records.framing import records_checksum
from mentornet_tf.datasets.records.inspection import inspect_shard
from mentornet_tf.datasets.records.schema import known_num_classes
from mentornet_tf.datasets.records.shards import (
  find_shards,
  read_summary,
  summary_path,
)
from mentornet_tf.errors import UserError
from mentornet_tf.internal import worker_processes

# Records between two reports of progress.
_REPORTED_AT_ONCE = 16


@dataclass(frozen=True)
class ShardFindings:
  """What is in a shard.

  Attributes:
    num_records: records that could be read.
    problems: a line for each record that cannot be used, with its number.
    damaged_jpegs: a line for each image that decodes with warnings.
  """

  num_records: int
  problems: tuple[str, ...]
  damaged_jpegs: tuple[str, ...]


@dataclass(frozen=True)
class Verification:
  """What is in a record set.

  Attributes:
    num_shards: files.
    num_records: records that could be read.
    problems: a line for each reason why the set cannot be used.
    damaged_jpegs: a line for each image that decodes with warnings.
  """

  num_shards: int
  num_records: int
  problems: tuple[str, ...]
  damaged_jpegs: tuple[str, ...]


def verify_records(
  data_dir: str | Path,
  dataset_name: str,
  split: str,
  *,
  num_workers: int = 1,
  on_start: Callable[[int, int], None] = lambda total, done: None,
  on_records: Callable[[int], None] = lambda count: None,
) -> Verification:
  """Reads every record and decodes every image of a set with a summary.

  Args:
    data_dir: folder of the shards.
    dataset_name: such as "webvision_mini".
    split: such as "train".
    num_workers: processes. With a single one, or a single shard, this process
      does the work, and its standard error is read meanwhile.
    on_start: called with the number of records, and 0.
    on_records: called with the number of records read since the last call.

  Raises:
    UserError: the folder, the summary or shards are missing.
  """
  shards = find_shards(data_dir, dataset_name, split)
  summary = read_summary(data_dir, dataset_name, split)
  if summary is None or not summary.get("shards"):
    raise UserError(
      "data_dir: expected a summary with the shards' counts in "
      f"{summary_path(data_dir, dataset_name, split)}, got none; copy it again "
      "or write the set again"
    )
  expected = {each["name"]: each["num_examples"] for each in summary["shards"]}
  on_start(sum(expected.values()), 0)
  task = functools.partial(
    verify_shard, tuple(shards), known_num_classes(dataset_name, summary)
  )
  indices = range(len(shards))
  if min(num_workers, len(shards)) == 1:
    found = {index: task(index, on_records) for index in indices}
  else:
    found = dict(
      worker_processes.results(task, indices, num_workers, on_records)
    )
  problems: list[str] = []
  for index, shard in enumerate(shards):
    problems += found[index].problems
    count = found[index].num_records
    # A shard that cannot be read to its end is a problem already.
    if not found[index].problems and count != expected.get(shard.name):
      problems.append(
        f"{shard}: record {count}: expected {expected.get(shard.name, 'no')} "
        f"records by the summary, got {count}; copy this shard again or "
        "write the set again"
      )
    elif not found[index].problems and _differs(shard, summary):
      problems.append(
        f"{shard}: expected the records that the summary was written with, got "
        "others; copy the shards and the summary of one write, or write the "
        "set again"
      )
  return Verification(
    num_shards=len(shards),
    num_records=sum(each.num_records for each in found.values()),
    problems=tuple(problems),
    damaged_jpegs=tuple(
      line for index in sorted(found) for line in found[index].damaged_jpegs
    ),
  )


def _differs(shard: Path, summary: dict[str, Any]) -> bool:
  """Whether a sound shard is known to come from another write."""
  files: dict[str, dict[str, Any]] = summary.get("files") or {}
  written = files.get(shard.name)
  return written is not None and records_checksum(shard) != written["checksum"]


def verify_shard(
  shards: tuple[Path, ...],
  num_classes: int | None,
  index: int,
  on_records: Callable[[int], None] = lambda count: None,
) -> ShardFindings:
  """Reads one shard; nothing else may write to standard error meanwhile.

  Args:
    shards: the files of the set.
    num_classes: labels lie in [0, num_classes); from below only if None.
    index: which of the files.
    on_records: called with the number of records read since the last call.
  """
  count = 0
  problems: list[str] = []
  damaged: list[str] = []
  with DecoderWarnings() as warnings, warnings.listening():
    for record in inspect_shard(shards[index], num_classes):
      warning = warnings.latest()
      if record.problem:
        problems.append(record.describe())
      elif warning:
        damaged.append(f"{record.place}: {warning}")
      if record.raw:
        count += 1
        if count % _REPORTED_AT_ONCE == 0:
          on_records(_REPORTED_AT_ONCE)
  on_records(count % _REPORTED_AT_ONCE)
  return ShardFindings(count, tuple(problems), tuple(damaged))
