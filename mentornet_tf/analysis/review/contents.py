"""What a review page shows of an example: an image, a text or named values."""

import base64
import io
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from mentornet_tf.errors import UserError

# Longer side of a thumbnail in pixels.
THUMBNAIL_SIDE = 200
# Images up to this side stay exact: at their size JPEG's artifacts show.
_EXACT_SIDE = 64
_JPEG_QUALITY = 80
_MOST_CHARACTERS = 5000

_EXPECTED = (
  "an image (uint8 [height, width] or [height, width, 1, 3 or 4], its encoded "
  "bytes or a PIL image), a text, or a mapping of names to values"
)


class Content(NamedTuple):
  """What is shown of one example.

  Attributes:
    kind: "image", "text" or "values".
    value: the image as a data URL, the text, or the values' texts by name.
  """

  kind: str
  value: str | dict[str, str]


def as_content(value: Any) -> Content:
  """A value as the page shows it.

  Args:
    value: an image as uint8 [height, width], [height, width, 1], [height,
      width, 3] or [height, width, 4], as encoded bytes or as a PIL image; a
      text; or a mapping of names to values.

  Raises:
    UserError: it is none of these, or an image that cannot be decoded.
  """
  if isinstance(value, str):
    return Content("text", _shortened(value))
  if isinstance(value, Mapping):
    values = {str(name): _shown(each) for name, each in value.items()}
    return Content("values", values)
  return Content("image", _data_url(_as_image(value)))


def _as_image(value: Any) -> Image.Image:
  if isinstance(value, Image.Image):
    return value
  if isinstance(value, bytes):
    try:
      return Image.open(io.BytesIO(value))
    except (OSError, Image.DecompressionBombError) as error:
      raise UserError(
        f"content: expected {_EXPECTED}, got {len(value)} bytes that are no "
        "image; pass the bytes of an image file"
      ) from error
  pixels = np.asarray(value)
  if pixels.ndim == 3 and pixels.shape[-1] == 1:
    pixels = pixels[..., 0]
  is_image = pixels.ndim == 2 or (
    pixels.ndim == 3 and pixels.shape[-1] in (3, 4)
  )
  if pixels.dtype != np.uint8 or not is_image or not pixels.size:
    raise UserError(
      f"content: expected {_EXPECTED}, got {type(value).__name__} of "
      f"{pixels.dtype} {list(pixels.shape)}; convert it"
    )
  return Image.fromarray(pixels)


def _data_url(image: Image.Image) -> str:
  """A thumbnail as an address that holds the whole image."""
  buffer = io.BytesIO()
  try:
    image.draft("RGB", (THUMBNAIL_SIDE, THUMBNAIL_SIDE))  # a faster JPEG decode
    image = ImageOps.exif_transpose(image)
    if image.mode not in ("L", "RGB"):
      # What is transparent becomes white, as on paper.
      image = image.convert("RGBA")
      paper = Image.new("RGBA", image.size, "white")
      image = Image.alpha_composite(paper, image).convert("RGB")
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    exact = max(image.size) <= _EXACT_SIDE
    if exact:
      image.save(buffer, "PNG", optimize=True)
    else:
      image.save(buffer, "JPEG", quality=_JPEG_QUALITY, optimize=True)
  except (OSError, ValueError) as error:
    raise UserError(
      f"content: expected {_EXPECTED}, got an image that cannot be decoded "
      f"({error}); leave it out"
    ) from error
  encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
  return f"data:image/{'png' if exact else 'jpeg'};base64,{encoded}"


def _shown(value: Any) -> str:
  if isinstance(value, (float, np.floating)):
    return f"{value:.6g}"
  return _shortened(str(value))


def _shortened(text: str) -> str:
  if len(text) <= _MOST_CHARACTERS:
    return text
  return text[:_MOST_CHARACTERS] + " …"
