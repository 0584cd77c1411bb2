"""Generated photographs in WebVision's layout, for benchmarks."""

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image

# Different pictures; further files are links to them.
_PICTURES = 200


def write_tree(
  root: Path, count: int, height: int = 400, width: int = 500
) -> list[Path]:
  """Writes WebVision's layout with one class; gives the images' files."""
  folder = root / "google" / "q0001"
  folder.mkdir(parents=True)
  (root / "info").mkdir()
  (root / "info" / "synsets.txt").write_text("n00000001 picture\n")
  rng = np.random.default_rng(0)
  paths = [folder / f"{number:06d}.jpg" for number in range(count)]
  for number, path in enumerate(paths):
    if number < _PICTURES:
      path.write_bytes(photograph(rng, height, width))
    else:
      os.link(paths[number % _PICTURES], path)
  lines = (f"{path.relative_to(root)} 0\n" for path in paths)
  (root / "info" / "train_filelist_google.txt").write_text("".join(lines))
  return paths


def photograph(rng: np.random.Generator, height: int, width: int) -> bytes:
  """Detail at every scale, as photographs have, and some grain; a JPEG."""
  pixels = np.full((height, width, 3), 128.0)
  for cells in (4, 8, 16, 32, 64, 128):
    detail = rng.uniform(-1, 1, (cells, cells, 3)) * 160 / cells**0.6
    planes = [
      Image.fromarray(detail[..., channel].astype(np.float32)).resize(
        (width, height), Image.Resampling.BICUBIC
      )
      for channel in range(3)
    ]
    pixels += np.stack([np.asarray(plane) for plane in planes], -1)
  pixels += rng.normal(0, 6, (height, width, 1))
  file = io.BytesIO()
  image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
  image.save(file, "JPEG", quality=90)
  return file.getvalue()
