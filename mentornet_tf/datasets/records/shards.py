"""Sharded TFRecord files: their names, finding them, writing one.

A set of records is `<dataset>_<split>-00000-of-00005` and so on, with a JSON
summary `<dataset>_<split>.json` beside the shards.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tensorflow as tf

from mentornet_tf.datasets.records.framing import records_checksum
from mentornet_tf.datasets.records.summary_checks import check_summary
from mentornet_tf.errors import UserError
from mentornet_tf.internal.atomic_files import replacing, write_bytes
from mentornet_tf.internal.json_files import read_json
from mentornet_tf.internal.regular_files import check_regular

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
    UserError: the file is no JSON object, or an entry is not what it can be.
  """
  path = summary_path(data_dir, dataset_name, split)
  if not path.exists():
    return None
  check_regular(path)
  summary = read_json(
    path,
    written_by="a conversion, the summary of a record set",
    advice="write the set again, or remove this file",
  )
  check_summary(path, summary)
  return summary


def named_classes(summary: dict[str, Any], num_classes: int) -> tuple[str, ...]:
  """The classes' names by a summary; their numbers where it names none."""
  names = summary.get("class_names") or range(num_classes)
  return tuple(str(name) for name in names)


def check_num_records(
  found: int,
  summary: dict[str, Any],
  data_dir: str | Path,
  dataset_name: str,
  split: str,
) -> None:
  """Raises UserError unless `found` records are those of the summary.

  Without a summary any number but 0 will do. Shards of another size than was
  written are refused, too; those of the same size with other records are found
  by `verification` only.
  """
  expected = summary.get("num_examples", found)
  if not found or found != expected:
    raise UserError(
      f"data_dir: expected {expected or 'some'} records of "
      f"{dataset_name}_{split} in {data_dir}, got {found}; copy the shards "
      "again or write the set again"
    )
  for name, written in (summary.get("files") or {}).items():
    path = Path(data_dir) / name
    size = path.stat().st_size if path.exists() else "no such file"
    if size != written["bytes"]:
      raise UserError(
        f"{path}: expected {written['bytes']} bytes by the "
        f"summary, got {size}; copy the shards and the summary of one write, "
        "or write the set again"
      )


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
      f"data_dir: expected a folder with TFRecords {wanted}-?????-of-?????, "
      f"but {folder} {state}; write the records first, or correct the path"
    )
  shards = existing_shards(folder, dataset_name, split)
  if not shards:
    raise UserError(
      f"data_dir: expected TFRecords {wanted}-?????-of-????? in {folder}, got "
      f"{_describe_contents(folder)}; correct the path or `dataset_name`, or "
      "write the records first"
    )
  names = (_SHARD.fullmatch(path.name) for path in shards)
  counts = sorted({int(name["count"]) for name in names if name})
  if len(counts) > 1:
    raise UserError(
      f"data_dir: expected one set of {wanted} records in {folder}, got sets "
      f"of {' and '.join(str(count) for count in counts)} shards; remove all "
      "but one of them"
    )
  complete = [
    folder / shard_name(dataset_name, split, index, counts[0])
    for index in range(counts[0])
  ]
  missing = sorted({path.name for path in complete} - {p.name for p in shards})
  if missing:
    raise UserError(
      f"data_dir: expected {counts[0]} shards of {wanted} in {folder}, missing "
      f"{_first_few(missing)}; copy the missing shards or write the set again"
    )
  if extra := sorted({p.name for p in shards} - {p.name for p in complete}):
    raise UserError(
      f"data_dir: expected shards numbered 0 to {counts[0] - 1} of {wanted} in "
      f"{folder}, found {_first_few(extra)}; remove it"
    )
  for shard in complete:
    check_regular(shard)
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


def write_summary(data_dir: str | Path, summary: dict[str, Any]) -> Path:
  """Writes the JSON summary atomically; the same input, the same bytes."""
  path = summary_path(data_dir, summary["dataset"], summary["split"])
  text = json.dumps(summary, indent=2, sort_keys=True, ensure_ascii=False)
  write_bytes(path, f"{text}\n".encode())
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
      f"num_shards: expected 1 to {max(num_records, 1)} for {num_records} "
      f"records, got {num_shards}; choose another number"
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


@contextmanager
def write_shard(path: Path) -> Iterator[tf.io.TFRecordWriter]:
  """Yields the writer of a shard, which appears whole or not at all."""
  with replacing(path) as partial:
    try:
      # Opened by Python first: its errors name the path and the reason.
      partial.touch()
      with tf.io.TFRecordWriter(str(partial)) as writer:
        yield writer
    # TensorFlow's errors of a full disk quote the temporary name, or nothing.
    except tf.errors.OpError as error:
      reason = " ".join(error.message.split(";")[-1].split())
      raise UserError(
        f"{path}: expected to write records, got: {reason}; make room there or "
        "choose another folder, and start again"
      ) from error


def describe_files(paths: Iterable[Path]) -> dict[str, dict[str, Any]]:
  """What a summary says of files, by which another write's are told apart."""
  return {
    path.name: {
      "bytes": path.stat().st_size,
      "checksum": records_checksum(path),
    }
    for path in paths
  }
