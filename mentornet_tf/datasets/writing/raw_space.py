"""How much space raw pixels will take, told before they are written."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mentornet_tf.datasets.images.decoding import UnusableImageError
from mentornet_tf.datasets.images.raw_images import raw_bytes
from mentornet_tf.datasets.writing.conversion import remaining_images
from mentornet_tf.datasets.writing.request import ConversionRequest
from mentornet_tf.errors import UserError

# Files whose headers are read. Where sizes differ by a third, the estimate is
# right to 2 % of the bytes.
_SAMPLED = 200

# Labels, keys and checksums of a record.
_BYTES_BESIDE = 350


@dataclass(frozen=True)
class RawSpace:
  """What the rest of a conversion to raw pixels will take.

  Attributes:
    num_images: listed images that are still to be converted.
    num_bytes: of their records, by the headers of some of them.
  """

  num_images: int
  num_bytes: int


def raw_space(request: ConversionRequest) -> RawSpace:
  """Estimates the bytes that `convert` will write for a request.

  Raises:
    UserError: the request contradicts itself.
    OSError: no file can be read at all.
  """
  num_images = remaining_images(request)
  if not num_images:
    return RawSpace(0, 0)
  images, reader = request.listed.images, request.listed.reader
  rows = np.linspace(0, len(images) - 1, min(_SAMPLED, len(images)))
  total = 0
  for row in rows.astype(np.int64):
    try:
      data = reader.read(images[row])
    except UnusableImageError:
      continue  # it will have no record
    total += raw_bytes(data, request.shorter_side, request.square_side)
    total += _BYTES_BESIDE
  return RawSpace(num_images, round(total / len(rows) * num_images))


def check_free_space(spaces: Sequence[RawSpace], output_dir: str | Path) -> int:
  """Free bytes where records go, which must suffice for all of them.

  Args:
    spaces: what each split takes.
    output_dir: folder of the records; it need not exist yet.

  Raises:
    UserError: they do not suffice.
  """
  folder = Path(output_dir).absolute()
  while not folder.exists():
    folder = folder.parent
  free = shutil.disk_usage(folder).free
  needed = sum(space.num_bytes for space in spaces)
  if needed > free:
    raise UserError(
      f"output_dir: expected {in_gigabytes(needed)} of free space for raw "
      f"pixels in {output_dir}, got {in_gigabytes(free)}; choose another disk, "
      "a smaller `shorter_side`, or `store` encoded"
    )
  return free


def in_gigabytes(num_bytes: int) -> str:
  """Such as "12.3 GB", of 10^9 bytes as disks are sold."""
  return f"{num_bytes / 1e9:.{1 if num_bytes >= 1e9 else 3}f} GB"
