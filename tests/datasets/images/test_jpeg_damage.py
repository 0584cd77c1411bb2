import os

import image_files
import numpy as np
import pytest
import tensorflow as tf
from image_files import jpeg
from PIL import Image

from mentornet_tf.datasets.images.jpeg_damage import MADE_UP, JpegCheck
from mentornet_tf.datasets.images.jpeg_headers import read_jpeg_header


def grainy(mode: str = "RGB", **options) -> bytes:
  """A JPEG whose scan is long enough to be damaged in its middle."""
  rng = np.random.default_rng(0)
  channels = {"L": (), "RGB": (3,), "CMYK": (4,)}[mode]
  pixels = rng.integers(0, 256, (96, 96, *channels)).astype(np.uint8)
  image = Image.frombytes(mode, (96, 96), pixels.tobytes())
  return jpeg(image, **options)


KINDS = {
  "baseline": grainy(),
  "progressive": grainy(progressive=True),
  "restart markers": grainy(restart_marker_rows=1),
  "grey": grainy("L"),
  "CMYK": grainy("CMYK"),
}


def inserted(data: bytes, content: bytes) -> bytes:
  """The file with other content in the middle of its data."""
  middle = len(data) * 6 // 10
  return data[:middle] + content + data[middle + len(content) :]


def damage(data: bytes) -> str | None:
  with JpegCheck() as check:
    return check.damage(data)


@pytest.mark.parametrize("kind", KINDS)
def test_sound_files_have_no_damage(kind):
  data = KINDS[kind]
  assert damage(data) is None
  # As cameras and editors leave them.
  assert damage(data + bytes(5000)) is None
  assert damage(data + jpeg()) is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
  "content",
  [
    b"\xff\x44",
    b"\xff\xd8",
    b"\xff\xc4\0\5\0\0\0",
    b"\xff\xc0\0\x0b\x08\0\x10\0\x10\1\1\x11\0",
  ],
  ids=["unknown marker", "second start", "bogus table", "second frame"],
)
def test_files_that_the_decoder_refuses(kind, content):
  data = inserted(KINDS[kind], content)
  assert read_jpeg_header(data).is_complete
  if (kind, content) == ("restart markers", b"\xff\x44"):
    # The decoder goes on at the next restart marker.
    assert damage(data) == "damaged JPEG data"
    return
  with pytest.raises(tf.errors.InvalidArgumentError):
    tf.io.decode_image(data)
  assert damage(data) == "damaged JPEG"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
  "content", [b"\xff\xd9", bytes(600)], ids=["early end", "lost block"]
)
def test_files_whose_pixels_are_made_up_in_part(kind, content):
  data = inserted(KINDS[kind], content)
  assert read_jpeg_header(data).is_complete
  assert damage(data) == "damaged JPEG data"


def test_a_scan_that_is_cut_before_the_end_marker():
  for data in KINDS.values():
    assert damage(data[: len(data) // 2] + b"\xff\xd9") == "damaged JPEG data"


def test_what_passes_is_decoded_by_training():
  rng = np.random.default_rng(1)
  refused = passed = 0
  with JpegCheck() as check:
    for number in range(300):
      data = bytearray(list(KINDS.values())[number % 3])
      start = read_jpeg_start(data)
      for _ in range(rng.integers(1, 4)):
        data[rng.integers(start, len(data) - 2)] = rng.integers(256)
      found = check.damage(bytes(data))
      try:
        tf.io.decode_image(bytes(data))
        decodes = True
      except tf.errors.InvalidArgumentError:
        decodes = False
      assert (found == "damaged JPEG") == (not decodes)
      refused += not decodes
      passed += found is None
  assert refused > 5 and passed > 5


def read_jpeg_start(data: bytes) -> int:
  """Where the first scan's data begin."""
  return image_files.segment(bytes(data), 0xDA)[1]


def test_unusual_notes_are_no_damage(capfd):
  data = bytearray(jpeg())
  begin, _ = image_files.segment(bytes(data), 0xE0)
  data[begin + 9] = 7  # the major version of JFIF
  assert damage(bytes(data)) is None
  assert capfd.readouterr().err == ""


@pytest.mark.parametrize("count, reason", [(2, None), (400, MADE_UP)])
def test_a_few_stray_bytes_before_the_end_are_no_damage(count, reason):
  data = grainy()
  assert damage(data[:-2] + b"\x12" * count + data[-2:]) == reason


def test_standard_error_is_as_before(capfd):
  with JpegCheck() as check:
    for _ in range(3):
      assert check.damage(KINDS["grey"][:700] + b"\xff\xd9")
      assert check.damage(inserted(KINDS["grey"], b"\xff\x44"))
      assert check.damage(KINDS["grey"]) is None
    os.write(2, b"written afterwards")
  assert capfd.readouterr().err == "written afterwards"


def test_no_file_stays_open():
  def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))

  damage(jpeg())
  before = open_files()
  for _ in range(5):
    damage(inserted(KINDS["baseline"], b"\xff\x44"))
  assert open_files() == before
