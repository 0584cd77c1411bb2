"""Food-101N as published, with the test images of Food-101."""

from pathlib import Path
from typing import TypeAlias

import numpy as np

from mentornet_tf.datasets.images.bytes_columns import BytesColumn
from mentornet_tf.datasets.images.listing import (
  FileReader,
  ImageList,
  ListedImages,
)
from mentornet_tf.datasets.labels.clean_labels import KNOWN_WRONG, UNKNOWN
from mentornet_tf.datasets.labels.noise import describe_measured_noise
from mentornet_tf.datasets.trees.listed_labels import (
  checked_path,
  find_list,
  read_lines,
  shown,
)
from mentornet_tf.datasets.trees.published_counts import Published
from mentornet_tf.errors import UserError
from mentornet_tf.internal.choices import check_choice

SPLITS = ("train", "test")

_IMAGES = "imagelist.tsv"
# Which labels are right, by people: split of the authors -> list.
_VERIFIED = {
  "verified_train": "verified_train.tsv",
  "verified_val": "verified_val.tsv",
}
_FOLDERS = ("meta", "")

# Key of an image -> whether its label is right; None where lines contradict
# each other.
_Verdicts: TypeAlias = dict[bytes, bool | None]

PUBLISHED = Published(
  "Food-101N",
  "Lee et al., CVPR 2018",
  counts={
    "train": 310_009,
    "verified_train": 52_868,
    "verified_val": 4_741,
  },
  noise_rates={"train": 0.2},  # "about 20 %"
  tolerance=0.02,
)
# 250 images of each of 101 classes.
_PUBLISHED_TEST = Published(
  "Food-101", "Bossard et al., ECCV 2014", counts={"test": 25_250}
)


def load_food101n(
  source_dir: str | Path, split: str, food101_dir: str | Path | None = None
) -> ListedImages:
  """Reads the lists of one split; no image is opened.

  Args:
    source_dir: Food-101N_release, which holds images/ and meta/.
    split: "train", or "test" for the test images of Food-101.
    food101_dir: food-101, which holds images/ and meta/; for "test".

  Returns:
    The images in the order of the list; ids count its lines from 0, without the
    header. Labels count the names of meta/classes.txt, or where it is missing
    the sorted names of the listed folders. Clean labels of "train" are the
    labels where people found them right, `KNOWN_WRONG` where they found them
    wrong, and otherwise unknown; those of "test" are the labels.

  Raises:
    UserError: a list is missing, or a line of one is malformed.
  """
  check_choice("split", split, SPLITS)
  root = _release(Path(source_dir))
  listed = _read_keys(_required(root, _IMAGES))
  class_names = _class_names(root, listed)
  if split == "test":
    return _test_split(class_names, food101_dir)
  verdicts: _Verdicts = {}
  notes: list[str] = []
  for name, file_name in _VERIFIED.items():
    file = find_list(root, file_name, _FOLDERS)
    found = _read_verdicts(file) if file else {}
    if file:
      notes += PUBLISHED.differences(name, len(found))
    else:
      notes.append(f"expected meta/{file_name} in {root}, got no such list")
    for key, verdict in found.items():
      _add(verdicts, key, verdict)
  unlisted = sum(key not in listed for key in verdicts)
  if unlisted:
    notes.append(f"{unlisted} verified images are not in {_IMAGES}")
  contradicting = sum(verdict is None for verdict in verdicts.values())
  if contradicting:
    notes.append(
      f"{contradicting} images are verified as both right and wrong; their "
      "clean labels are unknown"
    )
  labels = _labels(listed, class_names, root / "meta" / _IMAGES)
  clean = labels.copy()
  for row, key in enumerate(listed):
    verdict = verdicts.get(key)
    if verdict is None:
      clean[row] = UNKNOWN
    elif not verdict:
      clean[row] = KNOWN_WRONG
  noise = describe_measured_noise(labels, clean)
  return _listed_images(
    root,
    listed,
    labels,
    clean,
    class_names,
    f"Food-101N, {_IMAGES}",
    {"kind": "web", **noise},
    (
      *PUBLISHED.differences(split, len(listed), noise["measured_rate"]),
      *notes,
    ),
  )


def _test_split(
  class_names: tuple[str, ...], food101_dir: str | Path | None
) -> ListedImages:
  if food101_dir is None:
    raise UserError(
      "food101_dir: expected the folder of Food-101, whose test images are "
      "those of Food-101N, got none; give it, or leave out the split test"
    )
  root = Path(food101_dir)
  path = find_list(root, "test.txt", _FOLDERS)
  if path is None:
    raise UserError(
      f"food101_dir: expected Food-101 in {root}, with images/ and "
      "meta/test.txt, got no such list; give the folder that holds them"
    )
  # The list leaves out the ending.
  listed = {
    key if key.lower().endswith(b".jpg") else key + b".jpg": index
    for key, index in _read_keys(path).items()
  }
  labels = _labels(listed, class_names, path)
  return _listed_images(
    root,
    listed,
    labels,
    labels,
    class_names,
    "Food-101, test.txt",
    {"kind": "none", **describe_measured_noise(labels, labels)},
    _PUBLISHED_TEST.differences("test", len(listed)),
  )


def _listed_images(
  root: Path,
  listed: dict[bytes, int],
  labels: np.ndarray,
  clean: np.ndarray,
  class_names: tuple[str, ...],
  description: str,
  noise: dict,
  notes: tuple[str, ...],
) -> ListedImages:
  return ListedImages(
    images=ImageList(
      paths=BytesColumn.of(b"images/" + key for key in listed),
      labels=labels,
      clean_labels=clean,
      ids=np.fromiter(listed.values(), np.int64, len(listed)),
    ),
    reader=FileReader(str(root.absolute())),
    class_names=class_names,
    description=description,
    fields={"noise": noise, "ordering": description.split(", ")[1]},
    notes=notes,
  )


def _release(root: Path) -> Path:
  """The folder of the release, in which the archive is wrapped."""
  inner = root / "Food-101N_release"
  return inner if inner.is_dir() else root


def _required(root: Path, name: str) -> Path:
  path = find_list(root, name, _FOLDERS)
  if path is None:
    raise UserError(
      f"source_dir: expected Food-101N in {root}, with images/ and "
      f"meta/{name}, got no such list; give the folder Food-101N_release"
    )
  return path


def _read_keys(path: Path) -> dict[bytes, int]:
  """Keys (class/name) and their lines, counted from 0 without a header."""
  keys: dict[bytes, int] = {}
  first = 0
  for index, (where, line) in enumerate(read_lines(path)):
    if index == 0 and line.startswith(b"class_name"):
      first = 1
      continue
    keys.setdefault(_key(line, where), index - first)
  if not keys:
    raise UserError(
      f"{path}: expected an image per line, got none; get it again"
    )
  return keys


def _key(line: bytes, where: str) -> bytes:
  key = checked_path(line, where)
  if key.count(b"/") != 1:
    raise UserError(
      f"{where}: expected a class and a file, such as apple_pie/0a.jpg, got "
      f"{shown(line)}; correct the line or get the list again"
    )
  return key


def _read_verdicts(path: Path) -> _Verdicts:
  verdicts: _Verdicts = {}
  for index, (where, line) in enumerate(read_lines(path)):
    if index == 0 and line.startswith(b"class_name"):
      continue
    key, verdict = [*line.rsplit(None, 1), b""][:2]
    if verdict not in (b"0", b"1"):
      raise UserError(
        f"{where}: expected an image and 0 or 1, whether its label is right, "
        f"got {shown(line)}; correct the line or get the list again"
      )
    _add(verdicts, _key(key, where), verdict == b"1")
  return verdicts


def _add(verdicts: _Verdicts, key: bytes, verdict: bool | None) -> None:
  if verdicts.setdefault(key, verdict) != verdict:
    verdicts[key] = None


def _class_names(root: Path, listed: dict[bytes, int]) -> tuple[str, ...]:
  path = find_list(root, "classes.txt", _FOLDERS)
  if path is None:
    names = sorted({key.split(b"/")[0] for key in listed})
  else:
    names = [
      line for _, line in read_lines(path) if not line.startswith(b"class_name")
    ]
  if len(set(names)) < len(names):
    raise UserError(
      f"{path}: expected each class once, got {len(names)} lines with "
      f"{len(set(names))} classes; get the list again"
    )
  return tuple(name.decode("utf-8", "backslashreplace") for name in names)


def _labels(
  listed: dict[bytes, int], class_names: tuple[str, ...], path: Path
) -> np.ndarray:
  """Labels by the names of the folders, [N] int64."""
  number_of = {name.encode(): number for number, name in enumerate(class_names)}
  for key in listed:
    if key.split(b"/")[0] not in number_of:
      raise UserError(
        f"{path}: expected classes of Food-101N's classes.txt, got "
        f"{shown(key)}; get both lists again"
      )
  labels = [number_of[key.split(b"/")[0]] for key in listed]
  return np.array(labels, np.int64)
