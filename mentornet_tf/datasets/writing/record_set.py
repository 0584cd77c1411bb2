"""Serialized records become a record set, or leave what was there."""

from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from mentornet_tf.datasets.records.shards import (
  describe_files,
  write_shard,
  write_summary,
)
from mentornet_tf.datasets.writing.staging import StagedSet


def write_shards(
  records: Iterable[bytes],
  output_dir: str | Path,
  summary: dict[str, Any],
  *,
  on_record: Callable[[], None] = lambda: None,
) -> list[Path]:
  """Writes serialized records as one complete set, or leaves what was there.

  Only when every shard is whole is an older set of the same name removed and
  the new one put in its place, the summary last.

  Args:
    records: serialized tf.train.Example messages, as many as the summary says;
      they go to the shards in order, in contiguous parts.
    output_dir: folder of the set; made when missing.
    summary: what `planned_summary` gives.
    on_record: called after each record, for progress.

  Returns:
    The shards' paths, then the summary's.

  Raises:
    UserError: another process writes the same set.
    ValueError: the number of records is not that of the summary.
    OSError: the files cannot be written.
  """
  staged = StagedSet(Path(output_dir), summary["dataset"], summary["split"])
  names = [shard["name"] for shard in summary["shards"]]
  source = iter(records)
  with staged.alone():
    try:
      staged.clear()
      for shard in summary["shards"]:
        path, size = staged.work_dir / shard["name"], shard["num_examples"]
        with write_shard(path) as writer:
          written = 0
          for record in islice(source, size):
            writer.write(record)
            written += 1
            on_record()
        if written < size:
          raise ValueError("fewer records came than the summary says")
      if next(source, None) is not None:
        raise ValueError("more records came than the summary says")
      files = describe_files(staged.work_dir / name for name in names)
      staged.publish(names)
      summary_file = write_summary(
        staged.output_dir, summary | {"files": files}
      )
    finally:
      staged.remove()
  return [*(staged.output_dir / name for name in names), summary_file]
