"""The images of ILSVRC2012's validation set, wherever they are.

All sources give the same images with the same ids, the numbers in the images'
names minus one; only their paths differ.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mentornet_tf.datasets.images.archives import ArchiveReader, tar_members
from mentornet_tf.datasets.images.listing import FileReader, ImageReader
from mentornet_tf.datasets.trees.imagenet_ground_truth import (
  WORDNET_ID,
  read_ground_truth,
)
from mentornet_tf.errors import UserError

_NUMBERED = re.compile(r"ILSVRC2012_val_(\d{8})")
_ENDINGS = (".jpeg", ".jpg")


@dataclass(frozen=True)
class ImageNetImages:
  """N validation images in the order of their ids.

  Attributes:
    paths: N paths, as `reader` expects them.
    synsets: N WordNet ids.
    ids: [N] int64, the numbers in the images' names minus one; positions where
      the names have none.
    reader: gives the images' bytes.
    description: where the images came from, in words and without folders.
    offsets: [N] int64, first bytes within an archive; None for files.
    sizes: [N] int64, bytes within an archive; None for files.
  """

  paths: tuple[str, ...]
  synsets: tuple[str, ...]
  ids: np.ndarray
  reader: ImageReader
  description: str
  offsets: np.ndarray | None = None
  sizes: np.ndarray | None = None


def imagenet_images(
  images: str | Path,
  ground_truth: str | Path | None = None,
  meta_file: str | Path | None = None,
) -> ImageNetImages:
  """Finds the validation images and their synsets.

  Args:
    images: the tar archive, which is read in place, the folder of its images,
      or a folder with a folder for each synset (or with such a `val`).
    ground_truth: the images' labels, see `read_ground_truth`; a folder for each
      synset needs none.
    meta_file: the devkit's `meta.mat`, where it is not beside its list.

  Raises:
    UserError: images or labels are missing, or do not belong together.
  """
  images = Path(images)
  if images.is_file():
    return _from_tar(images, ground_truth, meta_file)
  if not images.is_dir():
    raise UserError(
      f"images: expected the ImageNet validation images at {images}, got no "
      "such file or folder; give the tar archive or a folder"
    )
  if not _synset_folders(images) and _synset_folders(images / "val"):
    images = images / "val"
  if folders := _synset_folders(images):
    if ground_truth:
      raise UserError(
        f"ground_truth: expected none with a folder for each synset, got "
        f"{ground_truth} with {images}; leave it out"
      )
    return _from_synset_folders(images, folders)
  return _from_flat_folder(images, ground_truth, meta_file)


def in_order_of_ids(
  paths: Sequence[str],
  synsets: Sequence[str],
  reader: ImageReader,
  description: str,
  offsets: Sequence[int] | None = None,
  sizes: Sequence[int] | None = None,
) -> ImageNetImages:
  """The images by the numbers in their names, else by their paths.

  Raises:
    UserError: an image occurs twice.
  """
  numbers = _numbers(Path(path).stem for path in paths)
  if numbers is not None:
    ids = numbers - 1
    order = np.argsort(ids, kind="stable")
    ids = ids[order]
    if (twice := np.flatnonzero(np.diff(ids) == 0)).size:
      first, second = (paths[order[twice[0] + each]] for each in (0, 1))
      raise UserError(
        f"expected every ImageNet image once, got {first} and {second}; remove "
        "one of them"
      )
  else:
    order = np.array(sorted(range(len(paths)), key=lambda row: paths[row]))
    ids = np.arange(len(paths), dtype=np.int64)
  return ImageNetImages(
    paths=tuple(paths[row] for row in order),
    synsets=tuple(synsets[row] for row in order),
    ids=ids,
    reader=reader,
    description=description,
    offsets=None if offsets is None else np.array(offsets, np.int64)[order],
    sizes=None if sizes is None else np.array(sizes, np.int64)[order],
  )


def _from_tar(
  archive: Path,
  ground_truth: str | Path | None,
  meta_file: str | Path | None,
) -> ImageNetImages:
  members = [
    member for member in tar_members(archive) if _is_image(Path(member.name))
  ]
  names = [Path(member.name).name for member in members]
  return in_order_of_ids(
    # One folder level, the archive, whatever it was packed with.
    [f"{archive.name}/{name}" for name in names],
    _synsets(archive, names, ground_truth, meta_file),
    ArchiveReader(str(archive.parent)),
    f"ImageNet validation, {archive.name}",
    [member.offset for member in members],
    [member.size for member in members],
  )


def _from_flat_folder(
  folder: Path,
  ground_truth: str | Path | None,
  meta_file: str | Path | None,
) -> ImageNetImages:
  names = [path.name for path in folder.iterdir() if _is_image(path)]
  return in_order_of_ids(
    names,
    _synsets(folder, names, ground_truth, meta_file),
    FileReader(str(folder)),
    "ImageNet validation, folder of images",
  )


def _synsets(
  origin: Path,
  names: list[str],
  ground_truth: str | Path | None,
  meta_file: str | Path | None,
) -> list[str]:
  """The synset of each image, by the list of labels."""
  stems = [Path(name).stem for name in names]
  numbers = _numbers(stems)
  if not names or numbers is None:
    unnumbered = (n for n in names if not _NUMBERED.fullmatch(Path(n).stem))
    found = next(unnumbered, "no image")
    raise UserError(
      "images: expected images named ILSVRC2012_val_00000001.JPEG and so on, "
      f"or a folder for each synset, in {origin}, got {found}; correct the path"
    )
  if not ground_truth:
    raise UserError(
      f"ground_truth: expected the labels of the images in {origin}, got none; "
      "give the devkit's folder or a list of labels"
    )
  return read_ground_truth(ground_truth, meta_file).synsets(numbers, stems)


def _numbers(stems: Iterable[str]) -> np.ndarray | None:
  """[N] int64, the images' numbers; None unless every name has one."""
  matches = [_NUMBERED.fullmatch(stem) for stem in stems]
  numbers = [int(match[1]) for match in matches if match]
  return np.array(numbers, np.int64) if len(numbers) == len(matches) else None


def _from_synset_folders(root: Path, folders: list[Path]) -> ImageNetImages:
  paths = [
    path.relative_to(root).as_posix()
    for folder in folders
    for path in folder.rglob("*")
    if _is_image(path)
  ]
  if not paths:
    raise UserError(
      f"expected images in the synsets' folders in {root}, got none; put the "
      "validation images there"
    )
  return in_order_of_ids(
    paths,
    [path.partition("/")[0] for path in paths],
    FileReader(str(root)),
    "ImageNet validation, folder for each synset",
  )


def _synset_folders(folder: Path) -> list[Path]:
  if not folder.is_dir():
    return []
  return sorted(
    path
    for path in folder.iterdir()
    if WORDNET_ID.fullmatch(path.name) and path.is_dir()
  )


def _is_image(path: Path) -> bool:
  # Some systems put a hidden file beside every file.
  return path.suffix.lower() in _ENDINGS and not path.name.startswith(".")
