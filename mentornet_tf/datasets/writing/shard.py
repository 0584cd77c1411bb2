"""One shard: from image files to records, with a report of what was found."""

import json
from collections.abc import Callable
from contextlib import nullcontext

from mentornet_tf.datasets.images.decoding import (
  UnusableImageError,
  UsableImage,
  square_image,
  usable_image,
)
from mentornet_tf.datasets.images.jpeg_damage import MADE_UP, JpegCheck
from mentornet_tf.datasets.images.jpeg_headers import is_jpeg
from mentornet_tf.datasets.images.listing import (
  MISSING_FILE,
  ImageEntry,
  readable,
)
from mentornet_tf.datasets.records.schema import Example, encode_example
from mentornet_tf.datasets.records.shards import describe_files, write_shard
from mentornet_tf.datasets.writing.plan import ConversionPlan
from mentornet_tf.errors import UserError
from mentornet_tf.internal.atomic_files import write_bytes

# Images between two reports of progress.
_REPORTED_AT_ONCE = 16

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
    for done, row in enumerate(rows, start=1):
      entry = images[row]
      try:
        image = _usable(plan, plan.reader.read(entry), check)
      except UnusableImageError as error:
        skipped.append([readable(entry.path), error.reason])
      else:
        writer.write(encode_example(_example(entry, image)))
        if image.repair:
          repaired.append([readable(entry.path), image.repair])
      if done % _REPORTED_AT_ONCE == 0:
        on_images(_REPORTED_AT_ONCE)
    on_images(len(rows) % _REPORTED_AT_ONCE)
    _check_source_is_there(plan, len(rows), skipped)
  (written,) = describe_files([plan.shard_path(index)]).values()
  report = written | {
    "listed": len(rows),
    "kept": len(rows) - len(skipped),
    "repaired": repaired,
    "skipped": skipped,
  }
  write_bytes(plan.report_path(index), json.dumps(report).encode("ascii"))


def _usable(
  plan: ConversionPlan, data: bytes, check: JpegCheck | None
) -> UsableImage:
  if plan.square_side is not None:
    image = square_image(
      data, plan.square_side, exif_orientation=plan.exif_orientation
    )
  else:
    image = usable_image(
      data,
      shorter_side=plan.shorter_side,
      exif_orientation=plan.exif_orientation,
    )
  if check is not None and is_jpeg(data):
    damage = check.damage(data)
    # What was encoded anew was decoded by Pillow, which reads a few kinds more,
    # but does not say where it made up pixels.
    if damage == MADE_UP or (damage and image.data is data):
      raise UnusableImageError(damage)
  return image


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
