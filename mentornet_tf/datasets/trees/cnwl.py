"""Controlled Noisy Web Labels as published: lists, annotations and images."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mentornet_tf.datasets.images.bytes_columns import BytesColumn
from mentornet_tf.datasets.images.listing import (
  FileReader,
  ImageList,
  ListedImages,
)
from mentornet_tf.datasets.labels.clean_labels import UNKNOWN
from mentornet_tf.datasets.trees.cnwl_annotations import (
  Annotations,
  clean_label,
  describe_annotations,
  noise_fields,
  published,
)
from mentornet_tf.datasets.trees.mini_imagenet_classes import WORDNET_IDS
from mentornet_tf.errors import UserError
from mentornet_tf.internal.choices import check_choice

SUBSETS = ("mini-imagenet", "stanford-cars")
COLORS = ("red", "blue")
NOISE_LEVELS = (
  "0.0",
  "0.05",
  "0.1",
  "0.15",
  "0.2",
  "0.3",
  "0.4",
  "0.5",
  "0.6",
  "0.8",
)
SPLITS = ("train", "val")

_CLASS_NAMES = {
  "mini-imagenet": WORDNET_IDS,
  "stanford-cars": tuple(map(str, range(196))),
}
_VALIDATION_LISTS = ("clean_validation", "validation")
_ENDINGS = (".jpg", ".jpeg")


def load_cnwl(
  source_dir: str | Path,
  split: str,
  color: str = "red",
  noise_level: str = "0.4",
  subset: str = "mini-imagenet",
) -> ListedImages:
  """Reads the list of one split; no image is opened.

  Args:
    source_dir: the folder below which the lists, the annotations and the
      images lie. Copies keep the images in different folders, so they are
      found by their names.
    split: "train" or "val".
    color: "red" for noise from the web, "blue" for labels changed at random.
    noise_level: share of the images that noisy ones replace, one of
      `NOISE_LEVELS`.
    subset: one of `SUBSETS`.

  Returns:
    The images in the order of the list; ids count its lines from 0. The clean
    label of an image from the web is its label where annotators confirmed it,
    known to be wrong where they did not, and unknown without annotations; that
    of ImageNet's images is their own class.

  Raises:
    UserError: an argument is unknown, a file is missing or malformed, or there
      is none of the images.
  """
  for name, value, known in (
    ("split", split, SPLITS),
    ("color", color, COLORS),
    ("noise_level", noise_level, NOISE_LEVELS),
    ("subset", subset, SUBSETS),
  ):
    check_choice(name, value, known)
  root = Path(source_dir)
  is_train = split == "train"
  lists = (
    (f"{color}_noise_nl_{noise_level}",) if is_train else _VALIDATION_LISTS
  )
  path = _find_list(root, subset, lists)
  class_names = _CLASS_NAMES[subset]
  names, labels = _read_list(path, len(class_names))
  if is_train:
    annotations = Annotations.read(_find_annotations(root, path, subset))
    facts = [
      annotations.is_clean(Path(name).stem, label)
      for name, label in zip(names, labels, strict=True)
    ]
    clean = [
      clean_label(Path(name).stem, label, fact)
      for name, label, fact in zip(names, labels, facts, strict=True)
    ]
    counts = annotations.counts(
      Path(name).stem
      for name, known in zip(names, clean, strict=True)
      if known == UNKNOWN
    )
  else:
    clean, counts = labels, None
  places = _image_places(root)
  noise = noise_fields(color if is_train else None, labels, clean)
  notes: tuple[str, ...] = ()
  if line := describe_annotations(counts):
    notes += (line,)
  if subset == SUBSETS[0]:
    notes += published(color, noise_level).differences(
      split, len(names), noise["measured_rate"]
    )
  return ListedImages(
    images=ImageList(
      paths=BytesColumn.of(
        os.fsencode(places.get(_key(name), f"noisy_images/{name}"))
        for name in names
      ),
      labels=np.array(labels, np.int64),
      clean_labels=np.array(clean, np.int64),
      ids=np.arange(len(names), dtype=np.int64),
    ),
    reader=FileReader(str(root.absolute())),
    class_names=class_names,
    description=f"Controlled Noisy Web Labels, {subset}, {path.name}",
    fields={"noise": noise, "ordering": path.name, "annotations": counts},
    notes=notes,
  )


def _find_list(root: Path, subset: str, names: tuple[str, ...]) -> Path:
  folders = [
    root / subset / "split",
    root / "dataset_no_images" / subset / "split",
    root / "split",
  ]
  for folder in folders:
    for name in names:
      if (folder / name).is_file():
        return folder / name
  raise UserError(
    f"source_dir: expected the list {subset}/split/{names[0]} in {root}, got "
    "no such file; give the folder that dataset_no_images.zip unpacks to, or "
    "choose another noise level"
  )


def _find_annotations(root: Path, list_path: Path, subset: str) -> Path:
  name = f"{subset}-annotations.json"
  base = list_path.parents[1]
  for folder in (base, base.parent, root):
    if (folder / name).is_file():
      return folder / name
  raise UserError(
    f"source_dir: expected the annotations {name} in {base.parent}, got no "
    "such file; put it there, where dataset_no_images.zip has it"
  )


def _read_list(path: Path, num_classes: int) -> tuple[list[str], list[int]]:
  """The names of the images and their labels."""
  names, labels = [], []
  try:
    lines = path.read_text(encoding="utf-8-sig").splitlines()
  except UnicodeDecodeError as error:
    raise UserError(
      f"{path}: expected a list of images, got other bytes ({error}); get the "
      "file again"
    ) from error
  for number, line in enumerate(lines, start=1):
    if not line.strip():
      continue
    name, label = [*line.rsplit(None, 1), ""][:2]
    known = label.isascii() and label.isdecimal() and len(label) < 10
    if not known or not _is_name(name) or int(label) >= num_classes:
      raise UserError(
        f"{path}: line {number}: expected a file name and a label between 0 "
        f"and {num_classes - 1}, got {line[:80]!r}; get the file again"
      )
    names.append(name)
    labels.append(int(label))
  return names, labels


def _is_name(name: str) -> bool:
  """Whether a word can be the name of a file."""
  return "/" not in name and "\0" not in name and name not in (".", "..")


def _key(name: str) -> str:
  """A name without its ending, which differs between copies."""
  return os.path.splitext(name)[0]


def _image_places(root: Path) -> dict[str, str]:
  """Name without ending -> path, relative to the root, of every JPEG.

  The first in the order of depth and path, where there are several.
  """
  places: dict[str, str] = {}
  for path in sorted(_jpegs(root), key=lambda each: (each.count("/"), each)):
    places.setdefault(_key(os.path.basename(path)), path)
  return places


def _jpegs(root: Path) -> Iterator[str]:
  for folder, _, names in os.walk(root):
    inner = os.path.relpath(folder, root)
    for name in names:
      if name.lower().endswith(_ENDINGS) and not name.startswith("."):
        yield name if inner == "." else f"{inner}/{name}"
