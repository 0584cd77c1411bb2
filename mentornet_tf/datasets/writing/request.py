"""What a conversion is asked for."""

import re
from dataclasses import dataclass
from pathlib import Path

from mentornet_tf.datasets.images.listing import ListedImages
from mentornet_tf.datasets.writing.plan import ENCODED, STORES
from mentornet_tf.errors import UserError
from mentornet_tf.internal.choices import check_choice
from mentornet_tf.internal.json_values import is_text

# What five digits in the shards' names can count.
_MOST_SHARDS = 99_999

_NAME = re.compile(r"\w[\w.-]*")


@dataclass(frozen=True)
class ConversionRequest:
  """What to convert.

  Attributes:
    output_dir: folder of the records.
    dataset_name: such as "webvision_mini".
    split: such as "train".
    listed: the images.
    shorter_side: pixels that larger images are reduced to; None keeps all.
    square_side: pixels of square PNGs that all images become; None keeps their
      form. Only one of the two is given.
    decode: search JPEGs that could go into records as they are for damage
      within their data, which training could not decode.
    exif_orientation: turn pictures upright that a camera's notes say were not
      taken so.
    store: "encoded", or "raw" for pixels that training need not decode; then
      one of the two sizes is given.
    seed: seed of the order, at least 0.
    num_shards: number of files; one for each 1250 listed images if None.
    overwrite: convert again what is finished, and replace a set, finished or
      interrupted, with other options.
  """

  output_dir: str | Path
  dataset_name: str
  split: str
  listed: ListedImages
  shorter_side: int | None = None
  square_side: int | None = None
  decode: bool = True
  exif_orientation: bool = False
  store: str = ENCODED
  seed: int = 0
  num_shards: int | None = None
  overwrite: bool = False


def check_request(request: ConversionRequest) -> None:
  """Raises UserError where the request contradicts itself."""
  if not len(request.listed.images):
    raise UserError(
      f"listed: expected at least one image of {request.dataset_name}_"
      f"{request.split}, got none; choose other classes, or another list"
    )
  if request.shorter_side is not None and request.square_side is not None:
    raise UserError(
      f"shorter_side, square_side: expected one of them, got "
      f"{request.shorter_side} and {request.square_side}; leave one out"
    )
  check_choice("store", request.store, STORES)
  if request.store != ENCODED and not (
    request.shorter_side or request.square_side
  ):
    raise UserError(
      "store: expected a size with raw pixels, which take up several times the "
      "space of JPEGs, got none; give a `shorter_side`, such as 320"
    )
  if not _NAME.fullmatch(request.dataset_name):
    raise UserError(
      "dataset_name: expected letters, digits and ._- only, got "
      f"{request.dataset_name!r}; choose another name"
    )
  for name in request.listed.class_names:
    if not is_text(name):
      raise UserError(
        f"expected classes of {request.dataset_name} with names on one line, "
        f"without control characters, got {name[:80]!r}; rename the class"
      )
  if request.num_shards and request.num_shards > _MOST_SHARDS:
    raise UserError(
      f"num_shards: expected at most {_MOST_SHARDS}, got {request.num_shards}; "
      "choose another number"
    )
  least, most = (
    request.listed.images.labels.min(),
    request.listed.images.labels.max(),
  )
  if least < 0 or most >= request.listed.num_classes:
    raise UserError(
      f"listed: expected labels between 0 and "
      f"{request.listed.num_classes - 1}, got "
      f"{least if least < 0 else most}; correct the list or the class names"
    )
