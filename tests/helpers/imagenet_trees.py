"""Small ImageNet validation sets, in every form they come in.

python tests/helpers/imagenet_trees.py FOLDER    writes the archive, the devkit
and WebVision's list into a folder.
"""

import sys
import tarfile
from pathlib import Path

import numpy as np
from image_files import jpeg, picture
from scipy.io import savemat

# Four synsets in the orders of WebVision, of the devkit, and of the alphabet;
# no two orders agree anywhere.
WEBVISION = ("n03000000", "n01000000", "n04000000", "n02000000")
DEVKIT = ("n02000000", "n04000000", "n01000000", "n03000000")
# What images 1 to 6 show.
SHOWN = (
  "n04000000",
  "n01000000",
  "n02000000",
  "n03000000",
  "n01000000",
  "n04000000",
)
LABELS = [WEBVISION.index(synset) for synset in SHOWN]
NAMES = tuple(
  f"ILSVRC2012_val_{number:08d}" for number in range(1, len(SHOWN) + 1)
)
IMAGES = tuple(jpeg(picture(20 + number, 30)) for number in range(len(SHOWN)))


def write_synsets(path: Path, synsets=WEBVISION) -> Path:
  """WebVision's list of classes."""
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text("".join(f"{each} thing {each[:3]}\n" for each in synsets))
  return path


def write_tar(path: Path, count=6, folder="") -> Path:
  """The archive of the first images, the last one first."""
  with tarfile.open(path, "w") as archive:
    for row in reversed(range(count)):
      file = path.with_name("member")
      file.write_bytes(IMAGES[row])
      archive.add(file, f"{folder}{NAMES[row]}.JPEG")
      file.unlink()
  return path


def write_flat_folder(folder: Path) -> Path:
  folder.mkdir()
  for name, image in zip(NAMES, IMAGES, strict=True):
    (folder / f"{name}.JPEG").write_bytes(image)
  return folder


def write_synset_folders(folder: Path) -> Path:
  for name, image, synset in zip(NAMES, IMAGES, SHOWN, strict=True):
    (folder / synset).mkdir(parents=True, exist_ok=True)
    (folder / synset / f"{name}.JPEG").write_bytes(image)
  return folder


def write_devkit(folder: Path) -> Path:
  """The devkit's folder: ids of its own, and the table that explains them."""
  data = folder / "data"
  data.mkdir(parents=True)
  ids = "".join(f"{DEVKIT.index(synset) + 1}\n" for synset in SHOWN)
  (data / "ILSVRC2012_validation_ground_truth.txt").write_text(ids)
  write_meta_file(data / "meta.mat")
  return folder


def write_meta_file(path: Path, synsets=DEVKIT) -> Path:
  columns = [("ILSVRC2012_ID", object), ("WNID", object), ("words", object)]
  table = np.empty((len(synsets), 1), columns)
  for row, synset in enumerate(synsets):
    table[row, 0] = (float(row + 1), synset, f"thing {synset}")
  savemat(path, {"synsets": table})
  return path


def write_all(folder: Path) -> Path:
  """The archive, the devkit and WebVision's list."""
  folder.mkdir(parents=True, exist_ok=True)
  write_tar(folder / "ILSVRC2012_img_val.tar")
  write_devkit(folder / "ILSVRC2012_devkit_t12")
  write_synsets(folder / "webvision" / "info" / "synsets.txt")
  return folder


if __name__ == "__main__":
  write_all(Path(sys.argv[1]))
