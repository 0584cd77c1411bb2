"""Sharded TFRecord files: their names, finding them, writing them atomically.

A set of records is `<dataset>_<split>-00000-of-00005` and so on, with a JSON
summary `<dataset>_<split>.json` beside the shards.
"""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from mentornet_tf.errors import UserError

_SHARD = re.compile(r"(?P<set>.+)-(?P<index>\d{5})-of-(?P<count>\d{5})")


def shard_name(dataset_name: str, split: str, index: int, count: int) -> str:
  """The file name of shard `index` (0-based) of `count`."""
  return f"{dataset_name}_{split}-{index:05d}-of-{count:05d}"


def summary_path(data_dir: str | Path, dataset_name: str, split: str) -> Path:
  """The JSON summary's path."""
  return Path(data_dir) / f"{dataset_name}_{split}.json"


def read_summary(
  data_dir: str | Path, dataset_name: str, split: str
) -> dict[str, Any] | None:
  """The JSON summary beside the shards, or None where there is none.

  Raises:
    UserError: the file is no JSON object.
  """
  path = summary_path(data_dir, dataset_name, split)
  try:
    summary = json.loads(path.read_text(encoding="utf-8"))
  except FileNotFoundError:
    return None
  except ValueError as error:
    raise UserError(
      f"{path}: expected the JSON summary of a record set, got something "
      f"else ({error}); write the set again, or remove this file"
    ) from error
  if not isinstance(summary, dict):
    raise UserError(
      f"{path}: expected a JSON object, got {type(summary).__name__}; write "
      "the set again, or remove this file"
    )
  return summary


def existing_shards(
  data_dir: str | Path, dataset_name: str, split: str
) -> list[Path]:
  """Every shard file of the set, complete or not, in name order."""
  wanted = f"{dataset_name}_{split}"
  return sorted(
    path
    for path in Path(data_dir).iterdir()
    if (match := _SHARD.fullmatch(path.name)) and match["set"] == wanted
  )


def find_shards(
  data_dir: str | Path, dataset_name: str, split: str
) -> list[Path]:
  """All shards of one complete set, in order.

  Raises:
    UserError: no such folder, no shards of this data set and split, some
      shards of the set missing, or two sets of different shard counts.
  """
  folder = Path(data_dir)
  wanted = f"{dataset_name}_{split}"
  if not folder.is_dir():
    state = "is a file" if folder.exists() else "does not exist"
    raise UserError(
      f"expected a folder with TFRecords {wanted}-?????-of-?????, but "
      f"{folder} {state}; write the records first "
      "(the programs in data/) or correct the folder's name"
    )
  shards = existing_shards(folder, dataset_name, split)
  if not shards:
    raise UserError(
      f"expected TFRecords {wanted}-?????-of-????? in {folder}, found "
      f"{_describe_contents(folder)}; correct the data set's name "
      "(--dataset_name) or folder, or write the records first "
      "(the programs in data/)"
    )
  counts = sorted(
    {int(_SHARD.fullmatch(path.name)["count"]) for path in shards}
  )
  if len(counts) > 1:
    raise UserError(
      f"expected one set of {wanted} records in {folder}, found sets of "
      f"{' and '.join(str(count) for count in counts)} shards; remove all but "
      "one of them"
    )
  complete = [
    folder / shard_name(dataset_name, split, index, counts[0])
    for index in range(counts[0])
  ]
  missing = sorted({path.name for path in complete} - {p.name for p in shards})
  if missing:
    raise UserError(
      f"expected {counts[0]} shards of {wanted} in {folder}, missing "
      f"{_first_few(missing)}; copy the missing shards or write the set again"
    )
  if extra := sorted({p.name for p in shards} - {p.name for p in complete}):
    raise UserError(
      f"expected shards numbered 0 to {counts[0] - 1} of {wanted} in {folder}, "
      f"found {_first_few(extra)}; remove it"
    )
  return complete


def _describe_contents(folder: Path) -> str:
  sets = {
    match["set"]
    for path in folder.iterdir()
    if (match := _SHARD.fullmatch(path.name))
  }
  if sets:
    return f"records of {', '.join(sorted(sets))} only"
  return "no TFRecords" if any(folder.iterdir()) else "an empty folder"


def _first_few(names: Sequence[str]) -> str:
  more = f" and {len(names) - 3} more" if len(names) > 3 else ""
  return ", ".join(names[:3]) + more


def shard_sizes(num_records: int, num_shards: int) -> list[int]:
  """Splits `num_records` into `num_shards` contiguous, near-equal parts."""
  small, larger = divmod(num_records, num_shards)
  return [small + (index < larger) for index in range(num_shards)]


def _partial(path: Path) -> Path:
  """A temporary name beside `path`."""
  return path.with_name(f".{path.name}.{os.getpid()}.partial")


def write_summary(data_dir: str | Path, summary: dict[str, Any]) -> Path:
  """Writes the JSON summary atomically; the same input, the same bytes."""
  path = summary_path(data_dir, summary["dataset"], summary["split"])
  text = json.dumps(summary, indent=2, sort_keys=True, ensure_ascii=False)
  partial = _partial(path)
  try:
    partial.write_text(text + "\n", encoding="utf-8")
    os.replace(partial, path)
  finally:
    partial.unlink(missing_ok=True)
  return path


def planned_summary(
  dataset_name: str,
  split: str,
  num_shards: int,
  num_records: int,
  fields: dict[str, Any],
) -> dict[str, Any]:
  """The JSON of a set to be written: `fields`, and the shards with counts.

  Raises:
    UserError: `num_shards` is not within 1 and `num_records`.
  """
  if not 1 <= num_shards <= max(num_records, 1):
    raise UserError(
      f"expected 1 to {max(num_records, 1)} shards for {num_records} records, "
      f"got {num_shards}; choose another number of shards"
    )
  return fields | {
    "dataset": dataset_name,
    "split": split,
    "num_examples": num_records,
    "shards": [
      {
        "name": shard_name(dataset_name, split, index, num_shards),
        "num_examples": size,
      }
      for index, size in enumerate(shard_sizes(num_records, num_shards))
    ],
  }


def write_shards(
  records: Iterable[bytes],
  output_dir: str | Path,
  summary: dict[str, Any],
  *,
  on_record: Callable[[], None] = lambda: None,
) -> list[Path]:
  """Writes serialised records as one complete set, or leaves what was there.

  Every shard is first written whole under a temporary name. Only then is an
  older set of the same name removed and the new one renamed into place, the
  summary last; so a reader sees the old set, the new one, or missing shards,
  never a mixture.

  Args:
    records: serialised tf.train.Example messages, as many as the summary says;
      they go to the shards in order, in contiguous parts.
    output_dir: folder of the set; made when missing.
    summary: what `planned_summary` gives.
    on_record: called after each record, for progress.

  Returns:
    The shards' paths, then the summary's.
  """
  folder = Path(output_dir)
  folder.mkdir(parents=True, exist_ok=True)
  shards = [folder / shard["name"] for shard in summary["shards"]]
  partials = [_partial(shard) for shard in shards]
  dataset_name, split = summary["dataset"], summary["split"]
  source = iter(records)
  try:
    for partial, shard in zip(partials, summary["shards"], strict=True):
      _write_shard(partial, source, shard["num_examples"], on_record)
    if next(source, None) is not None:
      raise ValueError("more records came than the summary says")
    summary_path(folder, dataset_name, split).unlink(missing_ok=True)
    for old in existing_shards(folder, dataset_name, split):
      old.unlink()
    for partial, shard in zip(partials, shards, strict=True):
      os.replace(partial, shard)
  finally:
    for partial in partials:
      partial.unlink(missing_ok=True)
  return [*shards, write_summary(folder, summary)]


def _write_shard(
  path: Path,
  records: Iterator[bytes],
  size: int,
  on_record: Callable[[], None],
) -> None:
  # Opened by Python first: its errors name the path and the reason.
  path.touch()
  with tf.io.TFRecordWriter(str(path)) as writer:
    for _ in range(size):
      record = next(records, None)
      if record is None:
        raise ValueError("fewer records came than the summary says")
      writer.write(record)
      on_record()
