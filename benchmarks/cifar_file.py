#!/usr/bin/env python3
"""Packs CIFAR-10 into one file, small enough to travel.

The source is an official archive, whose images are compressed without loss
unless --jpeg_quality is given, or a folder with train.npz and test.npz that
hold JPEG files as they are: "jpeg" (their bytes, one after the other),
"offsets" (where each begins, and the end of the last) and "labels". JPEG files
with equal tables share them in the packed file.

  benchmarks/cifar_file.py --source=cifar-10-binary.tar.gz --output=cifar10.npz
"""

import io
from pathlib import Path

import numpy as np
from absl import flags

from mentornet_tf.commands import command_line
from mentornet_tf.datasets.sources.cifar_archives import load_cifar_archive
from mentornet_tf.errors import UserError
from mentornet_tf.internal.atomic_files import write_bytes

SPLITS = ("train", "test")
Split = tuple[np.ndarray, np.ndarray]


def read_cifar(path: str | Path) -> dict[str, Split]:
  """Images [N, 32, 32, 3] uint8 and labels [N] int64 of each split.

  Args:
    path: a file that this program wrote, or an official archive.

  Raises:
    UserError: it is neither.
  """
  path = Path(path)
  if path.suffix != ".npz":
    splits = {s: load_cifar_archive(path, "cifar10", s) for s in SPLITS}
    return {s: (each.images, each.labels) for s, each in splits.items()}
  if not path.is_file():
    raise UserError(f"data: expected a file, got {path}; correct the path")
  with np.load(path, allow_pickle=False) as file:
    return {split: _unpacked(path, file, split) for split in SPLITS}


def _unpacked(path: Path, file: np.lib.npyio.NpzFile, split: str) -> Split:
  try:
    labels = file[f"{split}_labels"].astype(np.int64)
    if f"{split}_images" in file:
      return file[f"{split}_images"], labels
    jpeg, offsets = file[f"{split}_jpeg"], file[f"{split}_offsets"]
  except KeyError as error:
    raise UserError(
      f"{path}: expected a file of benchmarks/cifar_file.py, got one without "
      f"the array {error.args[0]!r}; pack the images again"
    ) from error
  return _decoded(jpeg, offsets), labels


def _decoded(jpeg: np.ndarray, offsets: np.ndarray) -> np.ndarray:
  from PIL import Image

  images = np.empty((len(offsets) - 1, 32, 32, 3), np.uint8)
  for image, start, end in zip(images, offsets, offsets[1:], strict=False):
    file = Image.open(io.BytesIO(jpeg[start:end].tobytes()))
    image[:] = np.asarray(file.convert("RGB"))
  return images


def pack(source: str | Path, quality: int | None = None) -> bytes:
  """The packed file of `source`, a folder of JPEG files or an archive."""
  source = Path(source)
  arrays: dict[str, np.ndarray] = {}
  for split in SPLITS:
    if (source / f"{split}.npz").is_file():
      with np.load(source / f"{split}.npz", allow_pickle=False) as file:
        packed = {name: file[name] for name in ("jpeg", "offsets", "labels")}
    else:
      images = load_cifar_archive(source, "cifar10", split)
      packed = {"labels": images.labels.astype(np.uint8)}
      if quality is None:
        packed["images"] = images.images
      else:
        packed["jpeg"], packed["offsets"] = _encoded(images.images, quality)
    arrays |= {f"{split}_{name}": each for name, each in packed.items()}
  file = io.BytesIO()
  # Deflate leaves of equal tables in neighboring JPEG files but one.
  np.savez_compressed(file, **arrays)
  return file.getvalue()


def _encoded(images: np.ndarray, quality: int) -> Split:
  from PIL import Image

  files = []
  for image in images:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "jpeg", quality=quality)
    files.append(file.getvalue())
  offsets = np.cumsum([0, *map(len, files)])
  return np.frombuffer(b"".join(files), np.uint8), offsets


def main() -> None:
  """Packs the images."""
  data = pack(flags.FLAGS.source, flags.FLAGS.jpeg_quality)
  write_bytes(flags.FLAGS.output, data)
  print(f"{flags.FLAGS.output}: {len(data) / 2**20:.1f} MiB")


if __name__ == "__main__":
  flags.DEFINE_string("source", None, "Archive, or folder.", required=True)
  flags.DEFINE_string("output", None, "The file to write.", required=True)
  flags.DEFINE_integer(
    "jpeg_quality",
    None,
    "Compress an archive's images as JPEG of this quality, with loss.",
    lower_bound=1,
    upper_bound=100,
  )
  command_line.run(main)
