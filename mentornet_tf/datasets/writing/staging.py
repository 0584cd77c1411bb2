"""The work folder of a conversion: begun, worked on by one, and emptied.

It lies beside the records to be, so that finished shards are only renamed. The
settings in it say what is being converted; they are written last.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mentornet_tf.datasets.images.listing import ImageList
from mentornet_tf.datasets.records.shards import (
  existing_shards,
  read_summary,
  summary_path,
)
from mentornet_tf.datasets.writing.plan import ConversionPlan
from mentornet_tf.errors import UserError
from mentornet_tf.internal.atomic_files import write_bytes


def begun_settings(plan: ConversionPlan) -> dict[str, Any] | None:
  """The settings in the work folder; None where no conversion has begun."""
  try:
    return json.loads(plan.settings_path.read_text(encoding="utf-8"))
  except (FileNotFoundError, NotADirectoryError):
    return None


def is_finished(plan: ConversionPlan, settings: dict[str, Any]) -> bool:
  """Whether the set of these settings is there with all its shards."""
  summary = read_summary(plan.output_dir, plan.dataset_name, plan.split)
  if summary is None or _differing(summary, settings):
    return False
  return all(
    (plan.output_dir / shard["name"]).exists() for shard in summary["shards"]
  )


def _differing(there: dict[str, Any], settings: dict[str, Any]) -> list[str]:
  """The settings that another set does not have."""
  return sorted(
    key for key, value in settings.items() if there.get(key) != value
  )


def refuse_others(plan: ConversionPlan, settings: dict[str, Any]) -> None:
  """Raises UserError if a set or a begun conversion of others is there."""
  folder, name = plan.output_dir, f"{plan.dataset_name}_{plan.split}"
  if not folder.is_dir():
    return
  begun = begun_settings(plan)
  if begun is not None:
    raise UserError(
      f"expected to continue the conversion of {name} that was begun in "
      f"{folder}, got different {', '.join(_differing(begun, settings))}; give "
      "the same settings, choose another --output_dir, or begin anew with "
      "--overwrite"
    )
  there = read_summary(folder, plan.dataset_name, plan.split)
  if there is None and not existing_shards(
    folder, plan.dataset_name, plan.split
  ):
    return
  if differing := _differing(there or {}, settings):
    raise UserError(
      f"expected no other {name} records in {folder}, found a set with "
      f"different {', '.join(differing)}; choose another --output_dir, or "
      "replace the set with --overwrite"
    )


@contextmanager
def alone(plan: ConversionPlan) -> Iterator[None]:
  """Keeps other processes from the same work; ends with this process."""
  plan.work_dir.mkdir(parents=True, exist_ok=True)
  with plan.lock_path.open("w") as file:
    try:
      fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
      raise UserError(
        f"expected to be the only process that converts {plan.dataset_name}_"
        f"{plan.split} in {plan.output_dir}, found another at work; wait for "
        "it, or stop it"
      ) from error
    yield


def begin(
  plan: ConversionPlan, images: ImageList, settings: dict[str, Any]
) -> None:
  """Fills the work folder, in place of what another conversion has begun.

  Args:
    plan: what to convert.
    images: the images in the order of the records.
    settings: what `begun_settings` is to give from now on.
  """
  for path in plan.work_dir.iterdir():
    if path != plan.lock_path:
      path.unlink()
  images.save(plan.work_dir)
  text = json.dumps(settings, ensure_ascii=False)
  write_bytes(plan.settings_path, text.encode("utf-8"))


def remove_partial_files(plan: ConversionPlan) -> None:
  """Removes what killed workers have left half-written."""
  for path in plan.work_dir.glob(".partial-*"):
    path.unlink(missing_ok=True)


def missing_shards(plan: ConversionPlan) -> list[int]:
  """The shards that are still to be converted."""
  return [
    index for index in range(plan.num_shards) if not _is_complete(plan, index)
  ]


def _is_complete(plan: ConversionPlan, index: int) -> bool:
  """Whether the shard is there as its report says, here or in its place."""
  report = plan.read_report(index)
  if report is None:
    return False
  path = plan.shard_path(index)
  if not path.exists():
    path = plan.output_dir / plan.shard_name(index)
  return path.exists() and path.stat().st_size == report["bytes"]


def put_in_place(plan: ConversionPlan) -> None:
  """Moves all shards to where readers look for them; can be repeated.

  An older set is removed before, its summary first; so a reader sees the old
  set or missing shards, never a mixture.
  """
  summary_path(plan.output_dir, plan.dataset_name, plan.split).unlink(
    missing_ok=True
  )
  names = [plan.shard_name(index) for index in range(plan.num_shards)]
  moved = {name for name in names if not (plan.work_dir / name).exists()}
  for old in existing_shards(plan.output_dir, plan.dataset_name, plan.split):
    if old.name not in moved:
      old.unlink()
  for name in names:
    if name not in moved:
      os.replace(plan.work_dir / name, plan.output_dir / name)


def remove(plan: ConversionPlan) -> None:
  """Removes the work folder."""
  shutil.rmtree(plan.work_dir)
