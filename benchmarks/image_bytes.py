#!/usr/bin/env python3
r"""Times the preparation of image files for records; prints a Markdown table.

benchmarks/image_bytes.py                on two photographs of noise
benchmarks/image_bytes.py a.jpg b.jpg    on files of your own

Every ratio is against the least work possible, in the same run: for a file that
is kept unchanged, reading it; for one that is reduced, full decoding, resizing
and encoding by Pillow.
"""

import io
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from mentornet_tf.datasets.images.decoding import encode_jpeg, usable_image

# As high and wide as photographs of the web often are, and of cameras.
SIZES = ((375, 500), (1200, 1600))
SHORTER_SIDE = 256
CALLS = 300


def main() -> None:
  """Prints the table."""
  with tempfile.TemporaryDirectory() as folder:
    files = [Path(name) for name in sys.argv[1:]]
    for height, width in SIZES if not files else ():
      files.append(Path(folder, f"{width}x{height}.jpg"))
      files[-1].write_bytes(encode_jpeg(photograph(height, width)))
    print("| file | kB | kept / read | reduced / Pillow |")
    print("|---|---|---|---|")
    for file in files:
      print_row(file)


def print_row(file: Path) -> None:
  """Prints how much longer ours takes than what is needed at least."""
  data = file.read_bytes()
  kept = ratio(lambda: usable_image(file.read_bytes()), file.read_bytes)
  reduced = ratio(
    lambda: usable_image(data, shorter_side=SHORTER_SIDE),
    lambda: bare_reduction(data),
  )
  print(
    f"| {file.name} | {len(data) / 1000:.0f} | {kept:.2f} | {reduced:.2f} |"
  )


def photograph(height: int, width: int) -> Image.Image:
  """Coarse colors under fine grain; its JPEG is as large as a photograph's."""
  rng = np.random.default_rng(0)
  coarse = rng.integers(0, 256, (height // 25, width // 25, 3), np.uint8)
  smooth = Image.fromarray(coarse).resize((width, height))
  grain = rng.normal(0, 4, (height, width, 1))
  pixels = np.asarray(smooth) + grain
  return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def bare_reduction(data: bytes) -> bytes:
  """What reducing takes at least, without draft mode."""
  image = Image.open(io.BytesIO(data))
  scale = SHORTER_SIDE / min(image.size)
  size = tuple(round(side * scale) for side in image.size)
  return encode_jpeg(image.resize(size, Image.Resampling.BICUBIC))


def ratio(ours: Callable[[], object], least: Callable[[], object]) -> float:
  """Time of the first over that of the second, each the best of its calls."""
  best = [float("inf")] * 2
  for _ in range(CALLS):
    for which, call in enumerate((ours, least)):
      began = time.perf_counter()
      call()
      best[which] = min(best[which], time.perf_counter() - began)
  return best[0] / best[1]


if __name__ == "__main__":
  main()
