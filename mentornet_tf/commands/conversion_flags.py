"""What the commands that convert trees of image files share.

Their flags, the choice of a runner, progress, and the lines they print.
TensorFlow is imported late, as in the commands.
"""

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from absl import flags

from mentornet_tf.commands import command_line, help_page
from mentornet_tf.errors import UserError
from mentornet_tf.internal.cores import num_cores
from mentornet_tf.internal.tensorflow_startup import start_tensorflow

if TYPE_CHECKING:
  from mentornet_tf.datasets.images.listing import ListedImages
  from mentornet_tf.datasets.writing.conversion import ConversionRequest
  from mentornet_tf.datasets.writing.runners import Runner

# The first is processes of this machine; a test compares the others with the
# library's.
RUNNERS = (
  "local",
  "DirectRunner",
  "FlinkRunner",
  "SparkRunner",
  "DataflowRunner",
)

# Likewise compared with the library's.
STORES = ("encoded", "raw")

# Parameters of conversions that other flags set.
PARAMETER_FLAGS = {
  "data_dir": "output_dir",
  "shorter_side": "resize",
  "folder": "output_dir",
  "options": "beam_options",
}
# Likewise, of commands with a flag for the splits.
SPLITS_PARAMETER_FLAGS = PARAMETER_FLAGS | {"split": "splits"}

_FLAGS = flags.FLAGS


def define_flags() -> None:
  """Defines all flags but those that say what the images are."""
  with help_page.flag_group("Conversion flags"):
    flags.DEFINE_string("output_dir", None, "Folder of the records.")
    flags.mark_flag_as_required("output_dir")
    flags.DEFINE_integer(
      "resize",
      None,
      "Reduce images whose shorter side is longer than this many pixels to it; "
      "unset, images keep their size.",
      lower_bound=1,
    )
    flags.DEFINE_bool(
      "decode",
      True,
      "Decode every JPEG, at an eighth of its size, and skip those whose data "
      "are damaged; without it only headers and ends are looked at.",
    )
    flags.DEFINE_bool(
      "exif_orientation",
      False,
      "Turn pictures upright that a camera's notes say were not taken so; they "
      "are encoded anew.",
    )
    flags.DEFINE_enum(
      "store",
      "encoded",
      STORES,
      "What records hold: encoded images, or raw pixels, which take several "
      "times the space and which training only cuts out; raw needs --resize, "
      "the same as --resize_shorter_side of the training.",
    )
    command_line.define_seed("Seed of the images' order.")
    flags.DEFINE_integer(
      "num_shards",
      None,
      "Files of each split; one for each 1250 listed images if unset.",
      lower_bound=1,
    )
    flags.DEFINE_integer(
      "num_workers",
      None,
      "Processes; as many as there are processors if unset.",
      lower_bound=1,
    )
    flags.DEFINE_enum(
      "runner",
      "local",
      RUNNERS,
      "Who converts: processes of this machine, or a runner of Apache Beam.",
    )
    flags.DEFINE_string(
      "beam_options",
      None,
      "Options for Apache Beam, such as "
      '"--flink_master=host:8081 --parallelism=8".',
    )
    flags.DEFINE_bool(
      "verify",
      False,
      "Write nothing; read the records in --output_dir and decode every image.",
    )
    flags.DEFINE_bool(
      "overwrite",
      False,
      "Convert again what is finished, and replace a set, finished or "
      "interrupted, with other flags.",
    )


def run(
  dataset_name: str,
  splits: Sequence[str],
  list_images: Callable[[str], "ListedImages"],
  square_side: int | None = None,
) -> None:
  """Converts or verifies every split, as the flags say, and prints the results.

  Args:
    dataset_name: name of the set.
    splits: their names.
    list_images: gives the images of a split. All splits are listed before the
      first is converted, so that mistakes are reported at once.
    square_side: pixels of square PNGs that all images become; None keeps their
      form.

  Raises:
    UserError: a flag is missing or contradicts another, the images cannot be
      converted, or the records are damaged.
  """
  if not splits:
    raise UserError(
      "expected at least one split in --splits, got none; name one"
    )
  if _FLAGS.beam_options and _FLAGS.runner == "local":
    raise UserError(
      f"expected a --runner of Apache Beam with --beam_options, got local; "
      f"choose among {', '.join(RUNNERS[1:])}"
    )
  beam_options = _beam_options()
  # Nothing here is for a GPU, whose memory others may need.
  os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
  start_tensorflow()
  if _FLAGS.verify:
    for split in splits:
      _verify(dataset_name, split)
    return
  runner = _runner(beam_options)
  listed = {split: list_images(split) for split in splits}
  for images in listed.values():
    for note in images.notes:
      print(f"warning: {note}", file=sys.stderr)
  requests = [
    _request(dataset_name, split, images, square_side)
    for split, images in listed.items()
  ]
  if _FLAGS.store == "raw":
    _tell_space(requests)
  for request in requests:
    _convert(request, runner)


def require_source(*sources: str) -> None:
  """Raises UserError if no images to convert are given.

  Args:
    *sources: the flags that name what to convert, one of which is needed
      without --verify.
  """
  if not _FLAGS.verify and not any(_FLAGS[source].value for source in sources):
    raise UserError(
      f"expected images to convert, got none; give --{' or --'.join(sources)}"
    )


def _num_workers() -> int:
  return _FLAGS.num_workers or num_cores()


def _beam_options() -> tuple[str, ...]:
  try:
    return tuple(shlex.split(_FLAGS.beam_options or ""))
  except ValueError as error:
    raise UserError(
      "beam_options: expected words as in a shell, got "
      f"{_FLAGS.beam_options!r} ({str(error).lower()}); close the quotes"
    ) from error


def _runner(beam_options: tuple[str, ...]) -> "Runner":
  from mentornet_tf.datasets.writing.runners import BeamRunner, LocalRunner

  if _FLAGS.runner == "local":
    return LocalRunner(_num_workers())
  return BeamRunner(_FLAGS.runner, beam_options)


def _request(
  dataset_name: str,
  split: str,
  listed: "ListedImages",
  square_side: int | None,
) -> "ConversionRequest":
  from mentornet_tf.datasets.writing.conversion import ConversionRequest

  return ConversionRequest(
    output_dir=_FLAGS.output_dir,
    dataset_name=dataset_name,
    split=split,
    listed=listed,
    shorter_side=_FLAGS.resize,
    square_side=square_side,
    decode=_FLAGS.decode,
    exif_orientation=_FLAGS.exif_orientation,
    store=_FLAGS.store,
    seed=_FLAGS.seed,
    num_shards=_FLAGS.num_shards,
    overwrite=_FLAGS.overwrite,
  )


def _tell_space(requests: Sequence["ConversionRequest"]) -> None:
  """Prints what the records will take, and checks that it is there."""
  from mentornet_tf.datasets.writing.raw_space import (
    check_free_space,
    in_gigabytes,
    raw_space,
  )

  spaces = [raw_space(request) for request in requests]
  for request, space in zip(requests, spaces, strict=True):
    print(
      f"{request.dataset_name} {request.split}: {space.num_images} images to "
      f"convert, about {in_gigabytes(space.num_bytes)} of raw pixels",
      flush=True,
    )
  free = check_free_space(spaces, _FLAGS.output_dir)
  print(f"free in {_FLAGS.output_dir}: {in_gigabytes(free)}", flush=True)


def _convert(request: "ConversionRequest", runner: "Runner") -> None:
  from mentornet_tf.datasets.writing.conversion import convert
  from mentornet_tf.internal.progress import standard_error_bar

  with standard_error_bar(request.split) as bar:
    converted = convert(request, runner, bar.restart, bar.advance)
  print(_describe(converted.summary))
  print(f"  {converted.shards[0]}")
  if len(converted.shards) > 2:
    print(f"  ... {len(converted.shards) - 2} more shards")
  if len(converted.shards) > 1:
    print(f"  {converted.shards[-1]}")
  print(f"  {converted.summary_path}")
  print(f"  {converted.report_path}")


def _describe(summary: dict[str, Any]) -> str:
  """One line, such as "webvision_mini train: 95 of 100 listed images, ..."."""
  from mentornet_tf.datasets.trees.class_order import describe_classes
  from mentornet_tf.datasets.writing.report import describe_reasons

  images = summary["images"]
  line = (
    f"{summary['dataset']} {summary['split']}: {images['kept']} of "
    f"{images['listed']} listed images, "
    f"{describe_classes(summary['class_names'])}"
  )
  for outcome in ("repaired", "skipped"):
    count = sum(images[outcome].values())
    reasons = describe_reasons(images[outcome])
    line += f", {count} {outcome}" + (f" ({reasons})" if reasons else "")
  return line


def _verify(dataset_name: str, split: str) -> None:
  from mentornet_tf.datasets.records.verification import verify_records
  from mentornet_tf.internal.progress import standard_error_bar

  # The verification reads standard error; the bar goes past that.
  with standard_error_bar(split) as bar:
    found = verify_records(
      _FLAGS.output_dir,
      dataset_name,
      split,
      num_workers=_num_workers(),
      on_start=bar.restart,
      on_records=bar.advance,
    )
  sound = "; every image decodes" if not found.problems else ""
  print(
    f"{dataset_name} {split}: {found.num_shards} shards, {found.num_records} "
    f"records{sound}, {len(found.damaged_jpegs)} with damaged JPEG data"
  )
  for line in (*found.damaged_jpegs, *found.problems):
    print(f"  {line}")
  if found.problems:
    more = len(found.problems) - 1
    raise UserError(
      found.problems[0] + (f" (and {more} more such records)" if more else "")
    )
