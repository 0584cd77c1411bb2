import pytest
from image_files import encoded, picture
from PIL import Image

from mentornet_tf.datasets.images.decoding import (
  UnusableImageError,
  usable_image,
)


def box(major: bytes, *compatible: bytes) -> bytes:
  """The first box of a file of MPEG-4's family, and some bytes after it."""
  brands = major + bytes(4) + b"".join(compatible)
  size = (8 + len(brands)).to_bytes(4, "big")
  return size + b"ftyp" + brands + b"\0\0\0\x08mdatavif"


@pytest.mark.parametrize(
  ("data", "name"),
  [
    (box(b"avif", b"mif1", b"miaf"), "AVIF"),
    (box(b"mif1", b"avif", b"heic"), "AVIF"),
    (box(b"heic", b"mif1"), "HEIC"),
    (box(b"mif1", b"heic"), "HEIC"),
    (box(b"mif1", b"miaf"), "HEIF"),
    (box(b"isom", b"avc1"), "video"),
    (b"\x1a\x45\xdf\xa3\x9fB\x86\x81", "video"),
    (b"RIFF\0\0\0\0AVI LIST", "video"),
    (b"\xff\x0a\xfa\x1f", "JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (encoded(picture(), "JPEG2000"), "JPEG 2000"),
    (encoded(picture(), "JPEG2000", no_jp2=True), "JPEG 2000"),
    (encoded(picture(), "ICO"), "ICO"),
    (encoded(picture(), "PDF"), "PDF"),
    (encoded(picture(), "PPM"), "PNM"),
    (encoded(picture(), "TGA"), "TGA"),
    (encoded(picture(), "EPS"), "PostScript"),
    (encoded(picture(), "DDS"), "DDS"),
    (encoded(picture(), "TIFF", big_tiff=True), "BigTIFF"),
    (b"8BPS\0\1", "PSD"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- -->\n<svg/>", "SVG"),
    (b"\n<!DOCTYPE html><html></html>", "web page"),
    (b"<HTML><svg/></HTML>", "web page"),
    (b"PK\3\4\x14", "zip archive"),
    (b"\x1f\x8b\x08\0", "gzip archive"),
    (b"version https://git-lfs.github.com/spec/v1\n", "pointer of Git LFS"),
    (b"\0\5\x16\7\0\2\0\0Mac OS X", "macOS metadata"),
  ],
)
def test_formats_that_are_not_read_are_named(data, name):
  with pytest.raises(UnusableImageError) as caught:
    usable_image(data)
  assert caught.value.reason == f"{name} (not read)"


def test_a_real_avif_is_named():
  if not Image.registered_extensions().get(".avif"):
    pytest.skip("this Pillow writes no AVIF")
  with pytest.raises(UnusableImageError, match=r"^AVIF \(not read\)$"):
    usable_image(encoded(picture(), "AVIF"))


@pytest.mark.parametrize(
  "data", [b"\0" * 5000, b"an emu", b"<", b"<note>a</note>", b"P5", b"ftyp"]
)
def test_others_are_no_image(data):
  with pytest.raises(UnusableImageError, match=r"^not an image$"):
    usable_image(data)
