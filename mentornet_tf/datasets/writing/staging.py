"""The work folder of a record set that is being written.

It lies beside the records to be, so that finished shards are only renamed, and
one process at a time works in it. The options in it say what an interrupted
conversion was making; they are written last.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mentornet_tf.datasets.records.shards import (
  existing_shards,
  read_summary,
  summary_path,
)
from mentornet_tf.errors import UserError
from mentornet_tf.internal.atomic_files import write_bytes
from mentornet_tf.internal.folder_lock import locked
from mentornet_tf.internal.json_files import read_json

# Options or a summary, as JSON holds them.
Options = dict[str, Any]


@dataclass(frozen=True)
class StagedSet:
  """A record set, and the folder where its shards wait until all are there.

  Attributes:
    output_dir: folder of the finished set.
    dataset_name: such as "webvision_mini".
    split: such as "train".
  """

  output_dir: Path
  dataset_name: str
  split: str

  @property
  def name(self) -> str:
    """`<dataset>_<split>`, how the set's files begin."""
    return f"{self.dataset_name}_{self.split}"

  @property
  def work_dir(self) -> Path:
    """The folder of all that is not yet complete."""
    return self.output_dir / f"{self.name}.work"

  @property
  def options_path(self) -> Path:
    """What is being written, to be compared when the work continues."""
    return self.work_dir / "settings.json"

  @property
  def lock_path(self) -> Path:
    """Held by the one process that writes."""
    return self.work_dir / "lock"

  def interrupted_options(self) -> Options | None:
    """The options in the work folder; None where nothing was interrupted.

    Raises:
      UserError: they are damaged.
    """
    if not self.options_path.exists():
      return None
    return read_json(
      self.options_path,
      written_by="an interrupted conversion",
      advice=f"remove {self.work_dir} to start over",
    )

  def is_finished(self, options: Options) -> bool:
    """Whether the set of these options is there with all its shards."""
    summary = self._summary()
    if summary is None or _differing(summary, options):
      return False
    return all(
      (self.output_dir / shard["name"]).exists() for shard in summary["shards"]
    )

  def refuse_others(self, options: Options) -> None:
    """Checks that no set with other options is there, whole or in part.

    Raises:
      UserError: there is one, or a set without a summary.
    """
    interrupted = self.interrupted_options()
    if interrupted is not None:
      raise UserError(
        "output_dir: expected to continue the interrupted conversion of "
        f"{self.name} in {self.output_dir}, got different "
        f"{', '.join(_differing(interrupted, options))}; give the same "
        "options, choose another folder, or start over with `overwrite`"
      )
    if not self.output_dir.is_dir():
      return
    summary = self._summary()
    if summary is None and not self._existing_shards():
      return
    if differing := _differing(summary or {}, options):
      raise UserError(
        f"output_dir: expected no other {self.name} records in "
        f"{self.output_dir}, got a set with different {', '.join(differing)}; "
        "choose another folder, or replace the set with `overwrite`"
      )

  @contextmanager
  def alone(self) -> Iterator[None]:
    """Keeps other processes from the same work; ends with this process.

    Raises:
      UserError: another process is at work.
    """
    self.work_dir.mkdir(parents=True, exist_ok=True)
    with locked(
      self.work_dir,
      f"write {self.name}",
      file_name=self.lock_path.name,
    ):
      yield

  def begin(
    self, options: Options, save: Callable[[Path], None] | None = None
  ) -> None:
    """Empties the work folder and fills it anew.

    Args:
      options: what `interrupted_options` gives from now on.
      save: writes further files into the folder that is passed to it; None
        writes none.
    """
    self.clear()
    try:
      if save is not None:
        save(self.work_dir)
      text = json.dumps(options, ensure_ascii=False)
      write_bytes(self.options_path, text.encode("utf-8"))
    except OSError:
      # Without the options nobody could continue here.
      self.remove()
      raise

  def clear(self) -> None:
    """Removes what an interrupted process has left in the work folder."""
    for path in self.work_dir.iterdir():
      if path != self.lock_path:
        path.unlink()

  def publish(self, names: Sequence[str]) -> None:
    """Moves shards to where readers look for them; can be repeated.

    An older set is removed first, its summary before its shards; so a reader
    sees the old set or missing shards, never a mixture. The new summary is
    left to the caller.

    Args:
      names: the file names of all shards.
    """
    summary_path(self.output_dir, self.dataset_name, self.split).unlink(
      missing_ok=True
    )
    moved = {name for name in names if not (self.work_dir / name).exists()}
    for old in self._existing_shards():
      if old.name not in moved:
        old.unlink()
    for name in names:
      if name not in moved:
        os.replace(self.work_dir / name, self.output_dir / name)

  def remove(self) -> None:
    """Removes the work folder."""
    shutil.rmtree(self.work_dir)

  def _summary(self) -> Options | None:
    return read_summary(self.output_dir, self.dataset_name, self.split)

  def _existing_shards(self) -> list[Path]:
    return existing_shards(self.output_dir, self.dataset_name, self.split)


def _differing(there: Options, options: Options) -> list[str]:
  """The options that another set does not have.

  A choice that an older version did not know is one that it did not make.
  """
  return sorted(
    key
    for key, value in options.items()
    if there.get(key, False if value is False else None) != value
  )
