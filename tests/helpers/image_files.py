"""Image files of every kind, made of one known picture."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

HEIGHT, WIDTH = 48, 64


def picture(height: int = HEIGHT, width: int = WIDTH) -> Image.Image:
  """Smooth colours that JPEG keeps well, no two corners alike."""
  rows = (np.arange(height) + 0.5)[:, np.newaxis] / height
  columns = (np.arange(width) + 0.5)[np.newaxis, :] / width
  planes = [
    40 + 180 * rows + 0 * columns,
    200 - 150 * columns + 0 * rows,
    60 + 120 * rows * columns,
  ]
  return Image.fromarray(np.stack(planes, -1).round().astype(np.uint8))


def encoded(image: Image.Image, file_format: str, **options) -> bytes:
  file = io.BytesIO()
  image.save(file, file_format, **options)
  return file.getvalue()


def jpeg(image: Image.Image | None = None, **options) -> bytes:
  options = {"quality": 95, **options}
  return encoded(picture() if image is None else image, "JPEG", **options)


def decoded(data: bytes) -> Image.Image:
  """The picture of a file, red, green and blue."""
  return Image.open(io.BytesIO(data)).convert("RGB")


def pixels(data: bytes) -> np.ndarray:
  """As training reads them."""
  return (
    tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE")
    .numpy()
    .astype(int)
  )


def sixteen_bit_png(samples: np.ndarray, transparent: tuple = ()) -> bytes:
  """A PNG with 16 bits per sample, which Pillow cannot write.

  Args:
    samples: [height, width, 1 to 4], gray or RGB, with or without opacity.
    transparent: the one color that is.
  """
  height, width, channels = samples.shape
  kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
  rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)

  def chunk(kind: bytes, body: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + checksum

  return (
    b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))
    + (
      chunk(b"tRNS", np.array(transparent, ">u2").tobytes())
      if transparent
      else b""
    )
    + chunk(b"IDAT", zlib.compress(rows))
    + chunk(b"IEND", b"")
  )


def segment(data: bytes, marker: int) -> tuple[int, int]:
  """Begin and end of a JPEG file's first segment of that kind."""
  position = 2
  while data[position + 1] != marker:
    position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
  length = int.from_bytes(data[position + 2 : position + 4], "big")
  return position, position + 2 + length


def without_segment(data: bytes, marker: int) -> bytes:
  begin, end = segment(data, marker)
  return data[:begin] + data[end:]


def cmyk_picture() -> Image.Image:
  """Inks of `picture()`: cyan, magenta, yellow; no black."""
  inks = 255 - np.asarray(picture())
  black = np.zeros((*inks.shape[:2], 1), np.uint8)
  return Image.frombytes(
    "CMYK", (WIDTH, HEIGHT), np.concatenate([inks, black], -1).tobytes()
  )


def cmyk_jpeg() -> bytes:
  """As Adobe's programs write it: inks inverted, said by a marker."""
  return jpeg(cmyk_picture())


def stripped_cmyk_jpeg() -> bytes:
  """The same after a program that removed all notes, the marker too."""
  return without_segment(cmyk_jpeg(), 0xEE)


def ycck_jpeg() -> bytes:
  """Adobe's other form: the inks as Y, Cb, Cr, and black."""
  inks = Image.fromarray(255 - np.asarray(picture())).convert("YCbCr")
  stored = np.concatenate(
    [np.asarray(inks), np.full((HEIGHT, WIDTH, 1), 255, np.uint8)], -1
  )
  # Pillow inverts what it stores.
  data = jpeg(
    Image.frombytes("CMYK", (WIDTH, HEIGHT), (255 - stored).tobytes())
  )
  begin, _ = segment(data, 0xEE)
  transform = begin + 4 + 11
  return data[:transform] + b"\x02" + data[transform + 1 :]


def write_birds(folder: Path) -> Path:
  """Ten birds a class, one of them CMYK, and two files that are no birds."""
  for name in ("emu", "owl"):
    (folder / name).mkdir(parents=True)
    for number in range(10):
      data = jpeg(picture(40 + number, 60))
      (folder / name / f"{number}.jpg").write_bytes(data)
  (folder / "owl" / "3.jpg").write_bytes(cmyk_jpeg())
  (folder / "emu" / "cut.jpg").write_bytes(jpeg()[:-100])
  (folder / "emu" / "notes.txt").write_text("an emu")
  return folder
