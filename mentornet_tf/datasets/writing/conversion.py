"""From a list of image files to a record set, on one machine or on many.

A conversion begins with a work folder beside the records to be: the shuffled
list and the options. Every shard is then converted on its own, by
`shard.convert_shard`, and lies there whole with its report or not at all. When
all are there, they are published. So a conversion can be stopped at any moment,
and the same request continues with the missing shards.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mentornet_tf.datasets.images.decoding import UnusableImageError
from mentornet_tf.datasets.images.listing import (
  MISSING_FILE,
  readable,
)
from mentornet_tf.datasets.records.shards import (
  find_shards,
  planned_summary,
  read_summary,
  summary_path,
  write_summary,
)
from mentornet_tf.datasets.writing.plan import ENCODED, ConversionPlan
from mentornet_tf.datasets.writing.report import (
  ConversionCounts,
  count_images,
  describe_reasons,
  report_path,
  write_report,
)
from mentornet_tf.datasets.writing.request import (
  ConversionRequest,
  check_request,
)
from mentornet_tf.datasets.writing.runners import LocalRunner, Runner
from mentornet_tf.errors import UserError

# At 100 kB per image, typical of photographs on web pages, such a shard is a
# file of 125 MB: large enough for spinning disks and object stores, small
# enough to lose little when a worker dies. The number of shards must not depend
# on the files' sizes, which would have to be looked up one by one.
IMAGES_PER_SHARD = 1250

# Files that are looked for before the conversion begins.
_PROBED = 64


@dataclass(frozen=True)
class ConvertedSplit:
  """A finished record set.

  Attributes:
    shards: its files in order.
    summary_path: the JSON summary.
    report_path: the report of repaired and skipped images.
    summary: what the JSON summary says.
  """

  shards: tuple[Path, ...]
  summary_path: Path
  report_path: Path
  summary: dict[str, Any]


def convert(
  request: ConversionRequest,
  runner: Runner | None = None,
  on_start: Callable[[int, int], None] = lambda total, done: None,
  on_images: Callable[[int], None] = lambda count: None,
) -> ConvertedSplit:
  """Converts one split, or the rest of it after an interruption.

  Args:
    request: what to convert.
    runner: what converts the shards; this very process if None. The records
      do not depend on it.
    on_start: called with the number of images, and how many of them earlier
      runs have done.
    on_images: called with the number of images done since the last call.

  Returns:
    The finished set. One that was finished already is only looked up.

  Raises:
    UserError: the request contradicts itself, no image can be used, another
      set or another interrupted conversion is in its place, or another process
      is at work on it.
    OSError: files cannot be written, or no file can be read at all.
  """
  check_request(request)
  plan = conversion_plan(request)
  options = _options(request, plan)
  continues = plan.interrupted_options() == options
  if not request.overwrite and plan.is_finished(options):
    if continues:
      plan.remove()
    return _finished(plan)
  if not continues:
    if not request.overwrite:
      plan.refuse_others(options)
    _check_files_are_there(request)
  with plan.alone():
    if not continues:
      plan.begin(options, request.listed.images.shuffled(request.seed).save)
    _convert_missing(plan, runner or LocalRunner(), on_start, on_images)
    counts = count_images(plan, request.listed.dropped)
    if not counts.num_kept:
      _give_up(plan, counts)
    plan.publish(plan.shard_names())
    write_report(plan, counts, request.listed.dropped)
    write_summary(plan.output_dir, _summary(plan, options, counts))
    plan.remove()
  return _finished(plan)


def conversion_plan(request: ConversionRequest) -> ConversionPlan:
  """What the workers of a request need to know."""
  return ConversionPlan(
    output_dir=Path(request.output_dir),
    dataset_name=request.dataset_name,
    split=request.split,
    num_images=len(request.listed.images),
    num_shards=request.num_shards
    or max(1, round(len(request.listed.images) / IMAGES_PER_SHARD)),
    reader=request.listed.reader,
    shorter_side=request.shorter_side,
    square_side=request.square_side,
    decode=request.decode,
    exif_orientation=request.exif_orientation,
    store=request.store,
  )


def remaining_images(request: ConversionRequest) -> int:
  """How many images `convert` has still to convert.

  Raises:
    UserError: the request contradicts itself.
  """
  check_request(request)
  plan = conversion_plan(request)
  options = _options(request, plan)
  if not request.overwrite and plan.is_finished(options):
    return 0
  if plan.interrupted_options() == options:
    return sum(len(plan.rows(index)) for index in plan.missing_shards())
  return plan.num_images


def _options(
  request: ConversionRequest, plan: ConversionPlan
) -> dict[str, Any]:
  """The part of the summary that is known before the conversion."""
  fields = request.listed.fields | {
    "class_names": list(request.listed.class_names),
    "decode": request.decode,
    "exif_orientation": request.exif_orientation,
    "images_sha256": request.listed.images.fingerprint(),
    "num_classes": request.listed.num_classes,
    "seed": request.seed,
    "shorter_side": request.shorter_side,
    "square_side": request.square_side,
    "source": request.listed.description,
    # Versions that stored no raw pixels had no such entry.
    "store": None if request.store == ENCODED else request.store,
  }
  summary = planned_summary(
    plan.dataset_name, plan.split, plan.num_shards, plan.num_images, fields
  )
  # These count what is kept.
  del summary["num_examples"], summary["shards"]
  return summary | {"num_shards": plan.num_shards}


def _check_files_are_there(request: ConversionRequest) -> None:
  """Reports a wrong folder at once, not after hours."""
  images, reader = request.listed.images, request.listed.reader
  count = min(_PROBED, len(images))
  for row in np.linspace(0, len(images) - 1, count).astype(np.int64):
    try:
      reader.read(images[row])
      return
    except UnusableImageError as error:
      if error.reason != MISSING_FILE:
        return
  raise UserError(
    f"expected the listed images in {reader}, got none of {count} looked for "
    f"(such as {readable(images.paths[0])}); correct the folder, or put "
    "the images there"
  )


def _convert_missing(
  plan: ConversionPlan,
  runner: Runner,
  on_start: Callable[[int, int], None],
  on_images: Callable[[int], None],
) -> None:
  plan.remove_partial_files()
  missing = plan.missing_shards()
  for index in missing:
    plan.report_path(index).unlink(missing_ok=True)
  remaining = sum(len(plan.rows(index)) for index in missing)
  on_start(plan.num_images, plan.num_images - remaining)
  if missing:
    try:
      runner.convert(plan, missing, on_images)
    except BaseException:
      # Workers that end with a failed one leave theirs.
      plan.remove_partial_files()
      raise
  if left_out := plan.missing_shards():
    raise UserError(
      "output_dir: expected the workers to write shard "
      f"{plan.shard_name(left_out[0])} in {plan.work_dir}, got none; let all "
      "workers write to the same folder"
    )


def _give_up(plan: ConversionPlan, counts: ConversionCounts) -> None:
  """No image is usable: leaves nothing behind."""
  plan.remove()
  if not any(plan.output_dir.iterdir()):
    plan.output_dir.rmdir()
  raise UserError(
    f"expected at least one usable image in {plan.reader}, got none "
    f"({describe_reasons(counts.skipped)}); correct the folder or the list"
  )


def _summary(
  plan: ConversionPlan, options: dict[str, Any], counts: ConversionCounts
) -> dict[str, Any]:
  """The options, and the results."""
  return options | {
    "files": {
      plan.shard_name(index): written
      for index, written in enumerate(counts.files)
      if "checksum" in written  # earlier versions wrote none
    },
    "images": counts.as_json(),
    "num_examples": counts.num_kept,
    "shards": [
      {"name": plan.shard_name(index), "num_examples": kept}
      for index, kept in enumerate(counts.kept)
    ],
  }


def _finished(plan: ConversionPlan) -> ConvertedSplit:
  place = plan.output_dir, plan.dataset_name, plan.split
  summary = read_summary(*place)
  assert summary is not None  # it is written last
  return ConvertedSplit(
    shards=tuple(find_shards(*place)),
    summary_path=summary_path(*place),
    report_path=report_path(*place),
    summary=summary,
  )
