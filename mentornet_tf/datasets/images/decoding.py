"""Makes image files of any origin fit for records.

Images from the web include truncated files, CMYK and grayscale JPEGs, PNGs and
GIFs named .jpg, and web pages. `usable_image` keeps files that every decoder
reads alike byte for byte, turns other pictures into RGB JPEGs, and refuses the
rest.
"""

import io
import struct
import warnings
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from mentornet_tf.datasets.images.jpeg_headers import (
  JpegHeader,
  is_jpeg,
  read_jpeg_header,
)
from mentornet_tf.datasets.images.orientation import upright_turn
from mentornet_tf.datasets.images.unread_formats import unread_format

# 268 MB when decoded, the most that Pillow accepts without a warning. A file of
# a few kB can claim more.
_MOST_PIXELS = 1024**3 // 12

# What libjpeg reads and writes.
_LONGEST_SIDE = 65500

# Re-encoding loses less than most sources have lost already.
_JPEG_QUALITY = 95

# A JPEG is decoded at an eighth, a quarter or half of its size where that is
# still this many times the wanted size, so that the resizing filter decides
# what the result looks like.
_SPARE_SIZE = 2

# What Pillow raises for files it cannot read, by format.
_DAMAGE = (
  OSError,
  SyntaxError,
  ValueError,
  TypeError,
  ArithmeticError,
  LookupError,
  EOFError,
  struct.error,
  zlib.error,
  MemoryError,
)


@dataclass(frozen=True)
class UsableImage:
  """An image as a record can hold it.

  Attributes:
    data: the encoded image or raw pixels, three channels of 8 bits.
    format: "jpeg", "png" or "raw".
    height: pixels.
    width: pixels.
    repair: the kind of file that had to be re-encoded, such as "CMYK JPEG" or
      "PNG"; None where `data` is the file's own bytes or a usable JPEG was
      merely resized.
  """

  data: bytes
  format: str
  height: int
  width: int
  repair: str | None


class UnusableImageError(Exception):
  """No image can be made from a file.

  Attributes:
    reason: why, as a report counts it, such as "truncated JPEG".
  """

  def __init__(self, reason: str):
    super().__init__(reason)
    self.reason = reason


def usable_image(
  data: bytes,
  *,
  shorter_side: int | None = None,
  exif_orientation: bool = False,
  raw: bool = False,
) -> UsableImage:
  """Turns an image file into what a record can hold.

  A complete JPEG of the usual kind stays byte for byte; its pixels are not
  decoded (`jpeg_damage` does that). Everything else becomes an RGB JPEG, so
  that a record set has one format: grayscale and CMYK JPEGs, PNGs, and the
  first picture of GIF, TIFF and WebP files. Transparent parts become white, as
  on a web page. Color profiles are not applied, nor is EXIF orientation unless
  it is asked for: programs that train on the original files do not apply them
  either.

  A truncated file is refused: decoders fill the missing part with gray, which
  may hide the very object that the label names.

  Args:
    data: the file's content.
    shorter_side: pixels. An image whose shorter side is longer is downscaled to
      this, keeping its aspect ratio, and re-encoded. Smaller ones stay.
    exif_orientation: turn pictures upright that a camera's notes say were not
      taken so, and re-encode them.
    raw: give raw pixels where the picture would be re-encoded.

  Raises:
    UnusableImageError: the file is no image, is damaged, or is too large.
  """
  header = _jpeg_header(data)
  if (
    header
    and header.is_usual
    and not _is_larger(header, shorter_side)
    and not (exif_orientation and upright_turn(header.exif) is not None)
  ):
    return UsableImage(data, "jpeg", header.height, header.width, None)
  image, repair = _rgb_image(data, header, shorter_side, exif_orientation)
  if shorter_side is not None and _is_larger(image, shorter_side):
    image = resized_to_shorter_side(image, shorter_side)
  kept, form = (image.tobytes(), "raw") if raw else (encode_jpeg(image), "jpeg")
  return UsableImage(kept, form, image.height, image.width, repair)


def square_image(
  data: bytes, side: int, *, exif_orientation: bool = False
) -> UsableImage:
  """The center of an image as a square PNG; otherwise like `usable_image`.

  Args:
    data: the file's content.
    side: pixels of the square, which the shorter side is resized to.
    exif_orientation: as `usable_image` takes it.

  Raises:
    UnusableImageError: the file is no image, is damaged, or is too large.
  """
  image, repair = _rgb_image(data, _jpeg_header(data), side, exif_orientation)
  image = resized_to_shorter_side(image, side)
  left, top = ((each - side) // 2 for each in image.size)
  image = image.crop((left, top, left + side, top + side))
  file = io.BytesIO()
  # None of the source's metadata is carried over.
  Image.fromarray(np.asarray(image)).save(file, "PNG")
  return UsableImage(
    file.getvalue(), "png", side, side, None if repair == "PNG" else repair
  )


def encode_jpeg(image: Image.Image) -> bytes:
  """The bytes of a JPEG file."""
  file = io.BytesIO()
  # Pillow would carry a source's comment over.
  image.save(file, "JPEG", quality=_JPEG_QUALITY, comment=b"")
  return file.getvalue()


def resized_to_shorter_side(
  image: Image.Image, shorter_side: int
) -> Image.Image:
  """The image with that many pixels at its shorter side, antialiased."""
  scale = shorter_side / min(image.size)
  width, height = (max(1, round(side * scale)) for side in image.size)
  return image.resize((width, height), Image.Resampling.BICUBIC)


def _is_larger(
  image: JpegHeader | Image.Image, shorter_side: int | None
) -> bool:
  return (
    shorter_side is not None and min(image.height, image.width) > shorter_side
  )


def _jpeg_header(data: bytes) -> JpegHeader | None:
  """The header of a JPEG file worth decoding; None of any other file."""
  if not is_jpeg(data):
    return None
  header = read_jpeg_header(data)
  if header is None:
    raise UnusableImageError("damaged JPEG")
  if not header.is_complete:
    raise UnusableImageError("truncated JPEG")
  _check_size(header.width, header.height)
  return header


def _check_size(width: int, height: int) -> None:
  """Refuses images that would exhaust memory, before anything is decoded."""
  if width * height > _MOST_PIXELS or max(width, height) > _LONGEST_SIDE:
    raise UnusableImageError("too many pixels")


def _rgb_image(
  data: bytes,
  header: JpegHeader | None,
  shorter_side: int | None,
  exif_orientation: bool,
) -> tuple[Image.Image, str | None]:
  """The picture in mode RGB, and what of it needs repair.

  A JPEG may come out smaller, though not below `shorter_side`.
  """
  kind, reader = _reader(data)
  with warnings.catch_warnings():
    # Of notes beside the picture, which are not read.
    warnings.simplefilter("ignore")
    return _decoded(data, kind, reader, header, shorter_side, exif_orientation)


def _decoded(
  data: bytes,
  kind: str,
  reader: type[ImageFile.ImageFile],
  header: JpegHeader | None,
  shorter_side: int | None,
  exif_orientation: bool,
) -> tuple[Image.Image, str | None]:
  if kind == "JPEG":
    # Pillow looks for the resolution there, and warns where it is damaged.
    data = data.replace(b"Exif\0\0", b"unread")
  try:
    # Not by Image.open: it warns of large pictures and tries every format.
    image = reader(io.BytesIO(data))
    _check_size(*image.size)
    if kind == "JPEG" and shorter_side is not None:
      scale = _SPARE_SIZE * shorter_side / min(image.size)
      width, height = (int(side * scale) for side in image.size)
      image.draft(None, (width, height))
    image.load()
    turn = None
    if exif_orientation:
      # Pillow turns a TIFF by itself.
      turn = upright_turn(
        header.exif if header else image.info.get("exif", b"")
      )
    repair = _repair(image, kind, data, header)
    if _has_sixteen_bits(data, kind) and _has_transparency(image):
      picture = _sixteen_bits_on_white(data)
    else:
      picture = _in_rgb(image, kind)
    if turn is None:
      return picture, repair
    return picture.transpose(turn), repair or f"rotated {kind}"
  except Image.DecompressionBombError as error:  # a frame beyond the picture
    raise UnusableImageError("too many pixels") from error
  except _DAMAGE as error:
    raise UnusableImageError(f"damaged {kind}") from error


def _reader(data: bytes) -> tuple[str, type[ImageFile.ImageFile]]:
  """The format's name and its class in Pillow, by the file's first bytes."""
  for kind, signature, reader in (
    ("JPEG", b"\xff\xd8\xff", JpegImageFile),
    ("PNG", b"\x89PNG\r\n\x1a\n", PngImageFile),
    ("GIF", b"GIF8", GifImageFile),
    ("BMP", b"BM", BmpImageFile),
    ("TIFF", b"II*\0", TiffImageFile),
    ("TIFF", b"MM\0*", TiffImageFile),
  ):
    if data.startswith(signature):
      return kind, reader
  if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
    return "WebP", WebPImageFile
  if not data:
    raise UnusableImageError("empty file")
  unread = unread_format(data)
  raise UnusableImageError(f"{unread} (not read)" if unread else "not an image")


def _has_sixteen_bits(data: bytes, kind: str) -> bool:
  return kind == "PNG" and data[24] == 16  # bits per sample, in the header


def _sixteen_bits_on_white(data: bytes) -> Image.Image:
  """A PNG of 16 bits with transparency, of which Pillow reads the upper 8."""
  import tensorflow as tf

  samples = tf.io.decode_png(data, channels=4, dtype=tf.uint16).numpy()
  color, opacity = samples[..., :3] / 257, samples[..., 3:] / 0xFFFF
  on_white = 255 + opacity * (color - 255)
  return Image.fromarray(on_white.round().astype(np.uint8))


def _has_transparency(image: Image.Image) -> bool:
  return image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info


def _in_rgb(image: Image.Image, kind: str) -> Image.Image:
  if image.mode == "RGB" and "transparency" not in image.info:
    return image
  if _has_transparency(image):
    picture = image.convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture).convert("RGB")
  if image.mode.startswith("I"):
    # Pillow would clip such values at 255.
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 0xFFFF:
      raise UnusableImageError(f"32-bit {kind}")
    image = Image.fromarray((values >> 8).astype(np.uint8))
  if image.mode == "F":
    raise UnusableImageError(f"32-bit {kind}")
  return image.convert("RGB")


def _repair(
  image: Image.Image, kind: str, data: bytes, header: JpegHeader | None
) -> str | None:
  """The kind of file, as reports count re-encoded ones."""
  if kind == "JPEG":
    if image.mode != "RGB":
      return {"L": "grey JPEG"}.get(image.mode, f"{image.mode} JPEG")
    return None if header and header.is_usual else "unusual JPEG"
  if kind == "PNG":
    if _has_sixteen_bits(data, kind):
      return "16-bit PNG"
    if _has_transparency(image):
      return "transparent PNG"
    if image.mode != "RGB":
      return "palette PNG" if image.mode == "P" else "grey PNG"
  return kind
