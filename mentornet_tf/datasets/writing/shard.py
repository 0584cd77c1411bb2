"""One shard: from image files to records, with a report of what was found."""

import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext

from mentornet_tf.datasets.images.decoding import (
  UnusableImageError,
  UsableImage,
  square_image,
  usable_image,
)
from mentornet_tf.datasets.images.jpeg_damage import MADE_UP, JpegCheck
from mentornet_tf.datasets.images.jpeg_headers import is_jpeg, read_jpeg_header
from mentornet_tf.datasets.images.listing import (
  MISSING_FILE,
  ImageEntry,
  readable,
)
from mentornet_tf.datasets.images.raw_images import RAW_FORMAT, as_raw
from mentornet_tf.datasets.records.schema import Example, encode_example
from mentornet_tf.datasets.records.shards import describe_files, write_shard
from mentornet_tf.datasets.writing.plan import ConversionPlan
from mentornet_tf.errors import UserError
from mentornet_tf.internal.atomic_files import write_bytes

# Images that are held in memory, and between two reports of progress. One by
# one they would take longer, since reading, checking and writing each want the
# processor's caches.
_AT_ONCE = 16

# The images are in random order. A shard of this many without a single file
# means that their folder is gone, not that files are missing from it.
_TOO_MANY_TO_MISS = 32


def convert_shard(
  plan: ConversionPlan,
  index: int,
  on_images: Callable[[int], None] = lambda count: None,
) -> None:
  """Writes shard `index` of the plan, then its report; each appears whole.

  The same plan and files give the same bytes with every runner. A JPEG that a
  record can hold as it is, is decoded at an eighth of its size, to find damage,
  or not at all, as the plan says.

  Args:
    plan: what to convert; its work folder holds the list of images.
    index: which shard, 0-based.
    on_images: called with the number of images done since the last call.

  Raises:
    UserError: not one image of a shard of 32 or more is there.
    OSError: files cannot be written, or no file can be read at all.
  """
  repaired: list[list[str]] = []
  skipped: list[list[str]] = []
  rows = plan.rows(index)
  images = plan.images()
  with (
    write_shard(plan.shard_path(index)) as writer,
    JpegCheck() if plan.decode else nullcontext() as check,
  ):
    for first in range(0, len(rows), _AT_ONCE):
      entries = [images[row] for row in rows[first : first + _AT_ONCE]]
      outcomes = _convert_images(plan, entries, check)
      if plan.store == RAW_FORMAT:
        outcomes = [_raw(outcome) for outcome in outcomes]
      for entry, image in zip(entries, outcomes, strict=True):
        if isinstance(image, str):
          skipped.append([readable(entry.path), image])
          continue
        writer.write(encode_example(_example(entry, image)))
        if image.repair:
          repaired.append([readable(entry.path), image.repair])
      on_images(len(entries))
    _check_source_is_there(plan, len(rows), skipped)
  (written,) = describe_files([plan.shard_path(index)]).values()
  report = written | {
    "listed": len(rows),
    "kept": len(rows) - len(skipped),
    "repaired": repaired,
    "skipped": skipped,
  }
  write_bytes(plan.report_path(index), json.dumps(report).encode("ascii"))


def _convert_images(
  plan: ConversionPlan, entries: Sequence[ImageEntry], check: JpegCheck | None
) -> list[UsableImage | str]:
  """What a record of each entry can hold, or why there is no such image."""
  outcomes: list[UsableImage | str] = []
  jpegs: dict[int, bytes] = {}
  for number, entry in enumerate(entries):
    try:
      data = plan.reader.read(entry)
      outcomes.append(_usable(plan, data))
    except UnusableImageError as error:
      outcomes.append(error.reason)
      continue
    if is_jpeg(data):
      jpegs[number] = data
  if check is None:
    return outcomes
  damages = check.damages(list(jpegs.values()))
  for (number, data), damage in zip(jpegs.items(), damages, strict=True):
    if damage == MADE_UP or (damage and not _is_pillows_alone(data)):
      outcomes[number] = damage
  return outcomes


def _raw(outcome: UsableImage | str) -> UsableImage | str:
  """An outcome of `_convert_images` with raw pixels."""
  if isinstance(outcome, str):
    return outcome
  try:
    return as_raw(outcome)
  except UnusableImageError as error:
    return error.reason


def _is_pillows_alone(data: bytes) -> bool:
  """Whether it is a kind of color JPEG that not every decoder reads.

  Pillow, by which such files are encoded anew, does. Of other kinds it takes
  damaged ones, too, where it makes up pixels without a word.
  """
  header = read_jpeg_header(data)
  return (
    header is not None and header.num_components == 3 and not (header.is_usual)
  )


def _usable(plan: ConversionPlan, data: bytes) -> UsableImage:
  if plan.square_side is not None:
    return square_image(
      data, plan.square_side, exif_orientation=plan.exif_orientation
    )
  return usable_image(
    data,
    shorter_side=plan.shorter_side,
    exif_orientation=plan.exif_orientation,
    raw=plan.store == RAW_FORMAT,
  )


def _check_source_is_there(
  plan: ConversionPlan, listed: int, skipped: list[list[str]]
) -> None:
  missing = [path for path, reason in skipped if reason == MISSING_FILE]
  if len(missing) == listed >= _TOO_MANY_TO_MISS:
    raise UserError(
      f"expected the listed images in {plan.reader}, got none of {listed} "
      f"(such as {missing[0]}); make the folder available, or correct its name"
    )


def _example(entry: ImageEntry, image: UsableImage) -> Example:
  return Example(
    image_bytes=image.data,
    image_format=image.format,
    label=entry.label,
    clean_label=entry.clean_label,
    id=entry.id,
    height=image.height,
    width=image.width,
    path=entry.path,
    query=entry.query,
    synset=entry.synset,
  )
