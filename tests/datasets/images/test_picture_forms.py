"""Sixteen bits with transparency, and pictures of a turned camera."""

import io

import numpy as np
import pytest
from image_files import (
  HEIGHT,
  WIDTH,
  decoded,
  encoded,
  jpeg,
  picture,
  pixels,
  sixteen_bit_png,
)
from PIL import Image, ImageOps

from mentornet_tf.datasets.images.decoding import (
  resized_to_shorter_side,
  square_image,
  usable_image,
)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bits_with_transparency_match_a_float_reference(channels):
  rows, columns = np.mgrid[:HEIGHT, :WIDTH]
  planes = [
    rows * 900 + columns * 300,
    60_000 - columns * 500,
    rows * columns * 10,
  ]
  color = np.stack(planes[: 1 if channels < 3 else 3], -1)
  opacity = (columns * 1000 + 500)[..., np.newaxis]
  # Colors whose upper eight bits alone are those of the transparent one.
  color[:16, :16], key = 0x1234, (0x1234,) * color.shape[-1]
  color[16:32, :16] = 0x12FE
  if channels in (1, 3):
    data = sixteen_bit_png(color, key)
    opacity = np.where((color == key).all(-1, keepdims=True), 0, 65535)
  else:
    data = sixteen_bit_png(np.concatenate([color, opacity], -1))
  opacity = opacity / 65535
  expected = (color / 65535 * opacity + 1 - opacity) * 255
  image = usable_image(data)
  assert image.repair == "16-bit PNG"
  found = pixels(image.data)
  # Away from the blocks' edges, where JPEG rings.
  difference = np.abs(found - expected)
  assert difference.mean() <= 2.5
  assert difference[4:12, 4:12].max() <= 3
  assert difference[20:28, 4:12].max() <= 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright_where_asked_for(orientation):
  exif = Image.Exif()
  exif[0x0112] = orientation
  for options in ({}, {"shorter_side": 24}):
    data = jpeg(exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    image = usable_image(data, exif_orientation=True, **options)
    if orientation == 1 and not options:
      assert image.data is data
    assert image.repair == (None if orientation == 1 else "rotated JPEG")
    if options:
      upright = resized_to_shorter_side(upright, 24)
    assert (image.width, image.height) == upright.size
    difference = pixels(image.data) - np.asarray(upright).astype(int)
    assert np.abs(difference).max() <= 8
    with Image.open(io.BytesIO(image.data)) as reread:
      assert orientation == 1 or not reread.getexif()


def test_all_forms_are_turned_alike():
  exif = Image.Exif()
  exif[0x0112] = 6
  upright = picture().transpose(Image.Transpose.ROTATE_270)
  for data in (
    jpeg(exif=exif, progressive=True),
    encoded(picture(), "PNG", exif=exif),
    encoded(picture(), "WEBP", lossless=True, exif=exif),
    encoded(picture(), "TIFF", exif=exif),
  ):
    image = usable_image(data, exif_orientation=True)
    difference = pixels(image.data) - np.asarray(upright).astype(int)
    assert np.abs(difference).max() <= 6
    square = square_image(data, 48, exif_orientation=True).data
    middle = upright.crop((0, 8, 48, 56))
    difference = np.asarray(decoded(square)).astype(int) - np.asarray(middle)
    assert np.abs(difference).max() <= 4


@pytest.mark.parametrize(
  "notes",
  [
    b"",
    b"MM\0*",
    b"MM\0*\xff\xff\xff\xff",
    b"II*\0\x08\0\0\0\xff\xff\x12\1\3",
    b"MM\0*\0\0\0\x08\0\1\1\x12\0\4\0\0\0\1\0\6\0\0",
    b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\x63\0\0",
  ],
)
def test_damaged_notes_turn_nothing(notes):
  data = jpeg(exif=b"Exif\0\0" + notes)
  assert usable_image(data, exif_orientation=True).data is data
