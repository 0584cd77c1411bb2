import io
import struct
import warnings
import zlib

import image_files
import numpy as np
import pytest
from image_files import (
  HEIGHT,
  WIDTH,
  encoded,
  jpeg,
  picture,
  pixels,
  sixteen_bit_png,
)
from PIL import Image, ImageFile

from mentornet_tf.datasets.images.decoding import (
  UnusableImageError,
  UsableImage,
  encode_jpeg,
  resized_to_shorter_side,
  usable_image,
)


def assert_shows_the_picture(image: UsableImage, repair: str, tolerance=4):
  assert (image.format, image.repair) == ("jpeg", repair)
  assert (image.height, image.width) == (HEIGHT, WIDTH)
  with Image.open(io.BytesIO(image.data)) as reread:
    assert (reread.format, reread.mode) == ("JPEG", "RGB")
  expected = np.asarray(picture()).astype(int)
  assert np.abs(pixels(image.data) - expected).max() <= tolerance


@pytest.mark.parametrize(
  "data",
  [
    jpeg(),
    jpeg(progressive=True),
    jpeg(quality=20),
    jpeg(subsampling=0, optimize=True),
    jpeg(subsampling=1),
    jpeg(exif=b"Exif\0\0" + b"\xff\xd9" * 50, comment=b"a comment"),
    jpeg() + b"\0" * 5000,
    jpeg() + jpeg(),
    image_files.without_segment(jpeg(), 0xE0),
  ],
)
def test_usual_jpegs_stay_byte_for_byte(data):
  assert usable_image(data) == UsableImage(data, "jpeg", HEIGHT, WIDTH, None)
  expected = np.asarray(Image.open(io.BytesIO(data))).astype(int)
  assert np.abs(pixels(data) - expected).max() <= 3


@pytest.mark.parametrize(
  "make",
  [
    image_files.cmyk_jpeg,
    image_files.stripped_cmyk_jpeg,
    image_files.ycck_jpeg,
  ],
)
def test_cmyk_jpegs_keep_their_colours(make):
  # Chroma is halved twice.
  assert_shows_the_picture(usable_image(make()), "CMYK JPEG", tolerance=6)


def test_black_ink_darkens():
  inks = np.asarray(image_files.cmyk_picture()).copy()
  inks[..., 3] = 128
  image = Image.frombytes("CMYK", (WIDTH, HEIGHT), inks.tobytes())
  expected = np.asarray(picture()) * (127 / 255)
  found = pixels(usable_image(jpeg(image)).data)
  assert np.abs(found - expected).max() <= 6


def test_grey_jpegs_become_rgb():
  grey = picture().convert("L")
  image = usable_image(jpeg(grey))
  assert (image.format, image.repair) == ("jpeg", "grey JPEG")
  expected = np.repeat(np.asarray(grey)[..., np.newaxis], 3, -1).astype(int)
  assert np.abs(pixels(image.data) - expected).max() <= 3


def test_jpegs_of_red_green_and_blue_become_usual_ones():
  data = jpeg(keep_rgb=True)
  # Encoded twice.
  assert_shows_the_picture(usable_image(data), "unusual JPEG", tolerance=6)


def transparent(alpha: int) -> Image.Image:
  image = picture().convert("RGBA")
  image.putalpha(alpha)
  return image


def test_other_formats_become_rgb_jpegs():
  rgb = picture()
  for data, repair in (
    (encoded(rgb, "PNG"), "PNG"),
    (encoded(transparent(255), "PNG"), "transparent PNG"),
    (sixteen_bit_png(np.asarray(rgb).astype(int) * 257), "16-bit PNG"),
    (encoded(rgb, "BMP"), "BMP"),
    (encoded(rgb, "TIFF", compression="tiff_lzw"), "TIFF"),
    (encoded(rgb, "WEBP", lossless=True), "WebP"),
  ):
    assert_shows_the_picture(usable_image(data), repair)


def test_palettes_become_rgb():
  stripes = picture().quantize(16)
  expected = np.asarray(stripes.convert("RGB")).astype(int)
  for file_format, repair in (("PNG", "palette PNG"), ("GIF", "GIF")):
    image = usable_image(encoded(stripes, file_format))
    assert image.repair == repair
    assert np.abs(pixels(image.data) - expected).mean() <= 4


def test_of_an_animation_the_first_picture_is_kept():
  frames = [picture().transpose(Image.Transpose.ROTATE_180).quantize(64)]
  data = encoded(
    picture().quantize(64), "GIF", save_all=True, append_images=frames
  )
  image = usable_image(data)
  assert image.repair == "GIF"
  difference = np.abs(pixels(image.data) - np.asarray(picture()).astype(int))
  assert difference.mean() <= 4


@pytest.mark.parametrize("bits", [8, 16])
def test_grey_pngs_keep_their_brightness(bits):
  grey = np.asarray(picture().convert("L"))
  stored = grey if bits == 8 else grey.astype(np.uint16) * 256 + 17
  image = usable_image(encoded(Image.fromarray(stored), "PNG"))
  assert image.repair == {8: "grey PNG", 16: "16-bit PNG"}[bits]
  difference = pixels(image.data) - grey[..., np.newaxis].astype(int)
  assert np.abs(difference).max() <= 3


def test_transparent_parts_become_white():
  found = pixels(usable_image(encoded(transparent(51), "PNG")).data)
  expected = 0.2 * np.asarray(picture()) + 0.8 * 255
  assert np.abs(found - expected).max() <= 4
  palette = picture().quantize(8)
  data = encoded(palette, "GIF", transparency=palette.getpixel((0, 0)))
  assert pixels(usable_image(data).data)[0, 0].min() >= 250


@pytest.mark.parametrize(
  ("data", "reason"),
  [
    (b"", "empty file"),
    (b"<!DOCTYPE html><html></html>", "web page (not read)"),
    (b"\0" * 5000, "not an image"),
    (jpeg()[:-2], "truncated JPEG"),
    (jpeg()[:-1], "truncated JPEG"),
    (jpeg()[:1000], "truncated JPEG"),
    (jpeg(progressive=True)[:-50], "truncated JPEG"),
    (jpeg()[:1000] + b"\0" * 1000, "truncated JPEG"),
    (image_files.cmyk_jpeg()[:-500], "truncated JPEG"),
    (jpeg()[:50], "damaged JPEG"),
    (jpeg()[:4], "damaged JPEG"),
    (jpeg()[:20] + b"\xff\xd9", "damaged JPEG"),
    (image_files.without_segment(jpeg(), 0xC0), "damaged JPEG"),
    (encoded(picture(), "PNG")[:-100], "damaged PNG"),
    (encoded(picture(), "GIF")[:-100], "damaged GIF"),
    (encoded(picture(), "BMP")[:-100], "damaged BMP"),
    (encoded(picture(), "WEBP")[:-100], "damaged WebP"),
    (encoded(picture(), "TIFF")[:-100], "damaged TIFF"),
    (encoded(picture().convert("F"), "TIFF"), "32-bit TIFF"),
    (encoded(Image.new("I", (4, 4), 2**20), "TIFF"), "32-bit TIFF"),
  ],
)
def test_unusable_files_say_why(data, reason):
  for shorter_side in (None, 10):
    with pytest.raises(UnusableImageError) as caught:
      usable_image(data, shorter_side=shorter_side)
    assert caught.value.reason == str(caught.value) == reason


def test_fractions_of_the_resolution_that_decoders_refuse():
  data = jpeg()
  begin, _ = image_files.segment(data, 0xC0)
  for luma, chroma in ((0x31, 0x21), (0x13, 0x12), (0x22, 0x02), (0x51, 0x11)):
    changed = bytearray(data)
    changed[begin + 11 : begin + 18 : 3] = luma, chroma, chroma
    with pytest.raises(UnusableImageError, match=r"^damaged JPEG$"):
      usable_image(bytes(changed))


def with_size(data: bytes, height: int, width: int) -> bytes:
  """A JPEG file that claims another size."""
  begin, _ = image_files.segment(data, 0xC0)
  size = struct.pack(">HH", height, width)
  return data[: begin + 5] + size + data[begin + 9 :]


def huge_png() -> bytes:
  data = encoded(picture(), "PNG")
  header = b"IHDR" + struct.pack(">II", 50_000, 50_000) + data[24:29]
  checksum = struct.pack(">I", zlib.crc32(header))
  return data[:12] + header + checksum + data[33:]


@pytest.mark.parametrize(
  "data",
  [
    with_size(jpeg(), 65_000, 65_000),
    with_size(jpeg(), 10, 65_501),
    huge_png(),
    encoded(Image.new("1", (65_501, 1)), "PNG"),
    encoded(picture(), "GIF")[:6]
    + struct.pack("<HH", 60_000, 60_000)
    + encoded(picture(), "GIF")[10:],
  ],
)
def test_huge_claims_are_refused_silently(data):
  with warnings.catch_warnings():
    warnings.simplefilter("error")
    for shorter_side in (None, 10):
      with pytest.raises(UnusableImageError, match=r"^too many pixels$"):
        usable_image(data, shorter_side=shorter_side)


def test_a_size_of_zero_is_damage():
  for data in (with_size(jpeg(), 0, WIDTH), with_size(jpeg(), HEIGHT, 0)):
    with pytest.raises(UnusableImageError, match=r"^damaged JPEG$"):
      usable_image(data)


def test_no_setting_of_pillow_changes():
  before = ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS
  usable_image(image_files.cmyk_jpeg(), shorter_side=8)
  with pytest.raises(UnusableImageError):
    usable_image(jpeg()[:1000])
  assert before == (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS)
  assert before[0] is False


@pytest.mark.parametrize(
  ("height", "width", "shorter_side", "expected"),
  [
    (375, 500, 256, (256, 341)),
    (500, 375, 256, (341, 256)),
    (960, 1280, 100, (100, 133)),
    (300, 300, 299, (299, 299)),
    (40, 4000, 20, (20, 2000)),
  ],
)
def test_larger_images_are_reduced(height, width, shorter_side, expected):
  original = picture(height, width)
  image = usable_image(jpeg(original), shorter_side=shorter_side)
  assert (image.height, image.width) == expected
  assert (image.format, image.repair) == ("jpeg", None)
  found = pixels(image.data)
  assert found.shape == (*expected, 3)
  # The picture is smooth: reduced, it is the picture drawn smaller.
  difference = np.abs(found - np.asarray(picture(*expected)).astype(int))
  assert difference.max() <= 8
  assert difference.mean() <= 1.5


@pytest.mark.parametrize("shorter_side", [HEIGHT, 256])
def test_small_images_are_not_enlarged(shorter_side):
  data = jpeg()
  assert usable_image(data, shorter_side=shorter_side).data is data
  png = encoded(picture(), "PNG")
  assert_shows_the_picture(usable_image(png, shorter_side=shorter_side), "PNG")


def test_fine_patterns_turn_to_their_mean():
  board = np.indices((512, 512)).sum(0) % 2 * 255
  data = jpeg(Image.fromarray(board.astype(np.uint8)).convert("RGB"))
  for shorter_side in (200, 60):
    found = pixels(usable_image(data, shorter_side=shorter_side).data)
    assert np.abs(found - 127.5).max() <= 4


def test_reduced_jpegs_are_near_those_decoded_in_full():
  rng = np.random.default_rng(0)
  coarse = Image.fromarray(rng.integers(0, 256, (60, 80, 3), np.uint8))
  original = coarse.resize((1600, 1200), Image.Resampling.BICUBIC)
  data = jpeg(original)
  full = Image.open(io.BytesIO(data))
  expected = encode_jpeg(resized_to_shorter_side(full, 128))
  found = usable_image(data, shorter_side=128).data
  error = pixels(found) - pixels(expected)
  assert np.sqrt((error**2).mean()) <= 3


def test_repairs_are_reported_for_reduced_images_too():
  image = usable_image(image_files.cmyk_jpeg(), shorter_side=24)
  assert (image.height, image.width, image.repair) == (24, 32, "CMYK JPEG")
  difference = pixels(image.data) - np.asarray(picture(24, 32)).astype(int)
  assert np.abs(difference).max() <= 8


def test_the_orientation_of_a_camera_is_not_applied():
  exif = Image.Exif()
  exif[0x0112] = 6
  image = usable_image(jpeg(picture(96, 128), exif=exif), shorter_side=48)
  assert (image.height, image.width) == (48, 64)


def test_damaged_notes_of_a_camera_are_no_matter():
  data = jpeg(picture(96, 128), exif=b"Exif\0\0MM\0*\0\0\0\x08\0\xff")
  data = image_files.without_segment(data, 0xE0)
  with warnings.catch_warnings():
    warnings.simplefilter("error")
    image = usable_image(data, shorter_side=48)
  assert (image.height, image.width, image.repair) == (48, 64, None)


def test_notes_of_the_source_are_not_carried_over():
  data = jpeg(picture(96, 128), comment=b"A. Photographer", exif=b"Exif\0\0A.")
  assert b"A." not in usable_image(data, shorter_side=48).data
